//! Runs one serial function inside another, as a test does that calls another test.

use serial_test::serial;

#[serial(key)]
fn inner() {}

#[serial(key)]
fn outer() {
    inner();
}

fn main() {
    outer();
}
