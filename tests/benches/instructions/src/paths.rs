//! The paths that are counted.

use std::hint::black_box;

use lockdep::sync::{Mutex, RwLock};

use crate::record::Record;

/// A path: one iteration of `run`.
pub struct Path {
    /// What the record calls it.
    pub name: &'static str,
    /// Whether validation is on.
    pub on: bool,
    run: fn(u64),
}

/// Every path; `std_…` are the baselines.
pub const PATHS: &[Path] = &[
    Path { name: "std_single", on: false, run: std_single },
    Path { name: "off_single", on: false, run: single },
    Path { name: "on_single", on: true, run: single },
    Path { name: "std_nested2", on: false, run: std_nested },
    Path { name: "on_nested2", on: true, run: nested },
    Path { name: "std_rwlock_read", on: false, run: std_read },
    Path { name: "on_rwlock_read", on: true, run: read },
    Path { name: "off_nested2", on: false, run: nested },
    Path { name: "off_rwlock_read", on: false, run: read },
    Path { name: "std_new_lock_drop", on: false, run: std_new_lock_drop },
    Path { name: "off_new_lock_drop", on: false, run: new_lock_drop },
    Path { name: "on_new_lock_drop", on: true, run: new_lock_drop },
    Path { name: "std_outer_new", on: false, run: std_outer_new },
    Path { name: "on_outer_new", on: true, run: outer_new },
    Path { name: "on_same_class_pair", on: true, run: same_class },
    Path { name: "on_hand_over_hand", on: true, run: hand_over_hand },
    Path { name: "std_channel", on: false, run: std_channel },
    Path { name: "off_channel", on: false, run: channel },
    Path { name: "on_channel", on: true, run: channel },
    Path { name: "std_bounded", on: false, run: std_bounded },
    Path { name: "on_bounded", on: true, run: bounded },
];

/// Runs one path, as callgrind sees it.
pub fn run(name: &str, count: &str) -> Result<(), String> {
    let path =
        PATHS.iter().find(|path| path.name == name).ok_or_else(|| format!("no path is called {name}"))?;
    let count = count.parse().map_err(|_| format!("not a number of iterations: {count}"))?;
    (path.run)(count);
    Ok(())
}

/// What a send with its receive costs, as a multiple of std's.
pub fn channels(record: &Record) -> Vec<(&'static str, f64)> {
    let pairs =
        [("a channel", "on_channel", "std_channel"), ("a bounded channel", "on_bounded", "std_bounded")];
    let ratio = |(name, on, std)| Some((name, record.of(on)? / record.of(std)?));
    pairs.into_iter().filter_map(ratio).collect()
}

/// What a pair costs more than std's while validation is off.
pub fn extra_off(record: &Record) -> Vec<(&'static str, f64, u32)> {
    [
        // Four are the events. The others are the loop's: one constant has no register, and a
        // read's retry loop is aligned and jumped over.
        ("off, one Mutex pair", "off_single", "std_single", 5),
        ("off, one read", "off_rwlock_read", "std_rwlock_read", 7),
    ]
    .into_iter()
    .filter_map(|(name, off, std, most)| Some((name, record.of(off)? - record.of(std)?, most)))
    .collect()
}

fn std_single(n: u64) {
    let lock = std::sync::Mutex::new(0_u64);
    let lock = black_box(&lock);
    for _ in 0..n {
        *lock.lock().expect("nothing panics") += 1;
    }
}

fn single(n: u64) {
    let lock = Mutex::new(0_u64);
    let lock = black_box(&lock);
    for _ in 0..n {
        *lock.lock().expect("nothing panics") += 1;
    }
}

fn std_nested(n: u64) {
    let (a, b) = (std::sync::Mutex::new(0_u64), std::sync::Mutex::new(0_u32));
    let (a, b) = black_box((&a, &b));
    for _ in 0..n {
        let mut first = a.lock().expect("nothing panics");
        let mut second = b.lock().expect("nothing panics");
        *first += 1;
        *second += 1;
    }
}

fn nested(n: u64) {
    let (a, b) = (Mutex::new(0_u64), Mutex::new(0_u32));
    let (a, b) = black_box((&a, &b));
    for _ in 0..n {
        let mut first = a.lock().expect("nothing panics");
        let mut second = b.lock().expect("nothing panics");
        *first += 1;
        *second += 1;
    }
}

fn std_read(n: u64) {
    let lock = std::sync::RwLock::new(0_u64);
    let lock = black_box(&lock);
    for _ in 0..n {
        black_box(*lock.read().expect("nothing panics"));
    }
}

fn read(n: u64) {
    let lock = RwLock::new(0_u64);
    let lock = black_box(&lock);
    for _ in 0..n {
        black_box(*lock.read().expect("nothing panics"));
    }
}

fn std_outer_new(n: u64) {
    let outer = std::sync::Mutex::new('o');
    for i in 0..n {
        let _outer = outer.lock().expect("nothing panics");
        let fresh = black_box(std::sync::Mutex::new(i));
        *fresh.lock().expect("nothing panics") += 1;
    }
}

fn outer_new(n: u64) {
    let outer = Mutex::new('o');
    for i in 0..n {
        let _outer = outer.lock().expect("nothing panics");
        let fresh = black_box(Mutex::new(i));
        *fresh.lock().expect("nothing panics") += 1;
    }
}

fn same_class(n: u64) {
    let pair: Vec<Mutex<u64>> = (0..2).map(Mutex::new).collect();
    let (a, b) = black_box((&pair[0], &pair[1]));
    for _ in 0..n {
        let mut first = a.lock().expect("nothing panics");
        let mut second = b.lock().expect("nothing panics");
        *first += 1;
        *second += 1;
    }
}

fn std_new_lock_drop(n: u64) {
    for i in 0..n {
        let fresh = black_box(std::sync::Mutex::new(i));
        *fresh.lock().expect("nothing panics") += 1;
    }
}

fn new_lock_drop(n: u64) {
    for i in 0..n {
        let fresh = black_box(Mutex::new(i));
        *fresh.lock().expect("nothing panics") += 1;
    }
}

/// A send and its receive.
fn std_channel(n: u64) {
    let (sender, receiver) = black_box(std::sync::mpsc::channel());
    for i in 0..n {
        sender.send(i).expect("there is a receiver");
        black_box(receiver.recv().expect("there is a message"));
    }
}

fn channel(n: u64) {
    let (sender, receiver) = black_box(lockdep::sync::mpsc::channel());
    for i in 0..n {
        sender.send(i).expect("there is a receiver");
        black_box(receiver.recv().expect("there is a message"));
    }
}

fn std_bounded(n: u64) {
    let (sender, receiver) = black_box(std::sync::mpsc::sync_channel(8));
    for i in 0..n {
        sender.send(i).expect("there is a receiver");
        black_box(receiver.recv().expect("there is a message"));
    }
}

fn bounded(n: u64) {
    let (sender, receiver) = black_box(lockdep::sync::mpsc::sync_channel(8));
    for i in 0..n {
        sender.send(i).expect("there is a receiver");
        black_box(receiver.recv().expect("there is a message"));
    }
}

/// One step along a ring of sixteen locks of one class.
fn hand_over_hand(n: u64) {
    let ring: Vec<Mutex<u64>> = (0..16).map(Mutex::new).collect();
    let ring = black_box(&ring[..]);
    let mut held = ring[0].lock().expect("nothing panics");
    // From the front to the back and, with nothing held, again from the front.
    let mut at = 0;
    for _ in 0..n {
        at += 1;
        if at == ring.len() {
            drop(held);
            at = 0;
            held = ring[0].lock().expect("nothing panics");
        } else {
            held = ring[at].lock().expect("nothing panics");
        }
        *held += 1;
    }
}
