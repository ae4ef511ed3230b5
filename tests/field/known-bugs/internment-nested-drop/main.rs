//! Interns a number that refers to another one, and drops it.

use internment::ArcIntern;

#[derive(PartialEq, Eq, Hash)]
enum Natural {
    Zero,
    Successor(ArcIntern<Natural>),
}

fn main() {
    let zero = ArcIntern::new(Natural::Zero);
    let one = ArcIntern::new(Natural::Successor(zero));
    if let Natural::Successor(before) = &*one {
        assert!(matches!(**before, Natural::Zero));
    }
}
