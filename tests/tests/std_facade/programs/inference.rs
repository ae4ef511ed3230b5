//! Places where the compiler finds a type only because std has exactly one implementation. A crate
//! that is linked with the façade and implements one more makes them ambiguous: `serde_json` did,
//! for numbers and strings.
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// What could be any type that `left` can be compared with.
fn anything<T: Default>() -> T {
    T::default()
}

macro_rules! only_itself {
    ($($value:expr),* $(,)?) => { $(println!("{:?} {}", $value, $value == anything());)* };
}

fn main() {
    only_itself!(1u8, 1u16, 1u32, 1u64, 1u128, 1usize, 1i8, 1i16, 1i32, 1i64, 1i128, 1isize, 1f32, 1f64, true, 'c', ());
    only_itself!((1u8, 'x'), Some(1u8), Duration::ZERO, std::num::Wrapping(3u8));
    only_itself!(HashMap::from([(1u8, 2u8)]), BTreeMap::from([(1u8, 2u8)]), HashSet::from([1u8]));
    only_itself!(Rc::new(1u8), Arc::new(1u8), Box::new(1u8), std::marker::PhantomData::<u8>);

    // From rayon-core's tests.
    let total = AtomicUsize::new(6);
    let sum = (0..4).sum();
    println!("{}", total.load(Ordering::Relaxed) == sum);
    let product = (1..4).product();
    println!("{}", 6u64 == product);
    let parsed = "7".parse().unwrap();
    println!("{}", 7i32 < parsed);
    println!("{}", 'a' <= "b".parse().unwrap());
    println!("{:?}", 1.5f64.partial_cmp(&"2".parse().unwrap()));

    println!("{}", Instant::now() < Instant::now() + Duration::from_secs(60));
    println!("{}", SystemTime::UNIX_EPOCH < SystemTime::now());
    let queue: VecDeque<_> = [1u8].into_iter().collect();
    println!("{:?} {:?}", queue, 2 * Duration::from_secs("3".parse().unwrap()));
    println!("{:?}", Duration::from_secs(6) / "3".parse().unwrap());
    println!("{:?}", "abc".find('b').map_or(0, Into::into) + 1u64 as usize);
    println!("{:?}", !0u8 & "3".parse::<u8>().unwrap());
}
