//! A great many of something.

use std::time::{Duration, Instant};

use lockdep::lock_api::{Mutex, RawMutex as _};
use lockdep::sync::Mutex as StdMutex;

use super::guards::RawSpin;
use super::stage::{Cost, Program, Row, ensure, ran, ran_without_error, run};

pub(crate) const PROGRAMS: &[Program] =
    &[("raw-ids", raw_ids), ("held-20000", || held(false)), ("held-20000-any-order", || held(true))];

pub(crate) const ROWS: &[Row] = &[
    Row {
        item: "D26",
        name: "raw-ids",
        attempt: "a million locks whose raw lock is borrowed come and go",
        promise: "memory stays flat",
        cost: Cost::Quick,
        check: || ran_without_error(&run("raw-ids", &[]), "flat"),
    },
    Row {
        item: "D27",
        name: "held-20000",
        attempt: "one thread holds 20 000 locks at once, and releases the oldest first",
        promise: "no quadratic time; what was not looked at is counted",
        cost: Cost::Quick,
        check: || {
            let ended = run("held-20000", &[]);
            ran_without_error(&ended, "in time")?;
            ensure(ended.stdout.contains("counted"), "what was not looked at is not counted", &ended)
        },
    },
    Row {
        item: "D27",
        name: "held-20000-any-order",
        attempt: "the same, released in no order",
        promise: "no quadratic time",
        cost: Cost::Quick,
        check: || ran(&run("held-20000-any-order", &[]), "in time"),
    },
];

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// How many locks have their raw form taken.
const N_RAW: usize = 200_000;

#[expect(unsafe_code, reason = "to borrow the raw lock is unsafe")]
fn raw_ids() {
    let round = || {
        let lock = Mutex::<RawSpin, u32>::new(0);
        // SAFETY: nothing is unlocked through the raw lock.
        assert!(!unsafe { lock.raw() }.is_locked());
        *lock.lock() += 1;
    };
    (0..1000).for_each(|_| round());
    let before = resident_kib();
    // Thirteen bytes a lock was the old growth: two hundred thousand of them are five times the
    // limit.
    (0..N_RAW).for_each(|_| round());
    let grown = resident_kib().saturating_sub(before);
    println!("{}: {grown} KiB", if grown < 512 { "flat" } else { "grown" });
}

fn held(in_any_order: bool) {
    let locks: Vec<StdMutex<usize>> = (0..20_000).map(StdMutex::new).collect();
    let start = Instant::now();
    let mut guards: Vec<_> = locks.iter().map(|lock| Some(lock.lock().expect("not poisoned"))).collect();
    // 7919 is prime to 20 000: every guard comes up once.
    let step = if in_any_order { 7919 } else { 1 };
    (0..guards.len()).for_each(|index| guards[index * step % 20_000] = None);
    let took = start.elapsed();
    println!("{}: {took:?}", if took < Duration::from_secs(5) { "in time" } else { "late" });
    let dropped = lockdep::counters().dropped;
    println!("{dropped} {}", if dropped > 0 { "counted" } else { "not told" });
}
