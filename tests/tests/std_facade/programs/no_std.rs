//! The shape of a crate whose std support is a feature.
#![no_std]
#[macro_use]
extern crate std;
extern crate alloc;

use alloc::vec::Vec;
use std::prelude::v1::*;
use std::sync::Mutex;

static LIST: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn main() {
    LIST.lock().unwrap().push(1);
    println!("{:?}", LIST.lock().unwrap());
    println!("{}", format!("{:?}", Some(String::from("x"))));
    assert_eq!(vec![1, 2].len(), 2);
    thread_local! { static LOCAL: u8 = 4; }
    println!("{}", LOCAL.with(|value| *value));
}
