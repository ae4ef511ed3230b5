//! Runs one serial function inside another, as a test does that calls another test.

use serial_test::serial_core;

fn inner() {}

fn outer() {
    serial_core("key", inner);
}

fn main() {
    serial_core("key", outer);
}
