//! Reads a memo twice in another one, and keeps both guards.

use reactive_graph::computed::Memo;
use reactive_graph::owner::Owner;
use reactive_graph::traits::{Get, Read};

fn main() {
    let owner = Owner::new();
    owner.with(|| {
        let number = Memo::<i32>::new(|_| 42);
        let sum = Memo::<i32>::new(move |_| {
            let first = number.read();
            let second = number.read();
            *first + *second
        });
        assert_eq!(sum.get(), 84);
    });
}
