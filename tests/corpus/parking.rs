//! The locks of parking_lot: upgradable, recursive, re-entrant, timed.

use std::time::Duration;

use lockdep::parking_lot::{Condvar, FairMutex, Mutex, ReentrantMutex, RwLock, RwLockUpgradableReadGuard};

use super::{Case, End, Want};

pub(super) const CASES: &[Case] = &[
    Case::new("pl_abba", Want::Error("LD0003"), "both orders, same two locks", pl_abba),
    Case::new("pl_fair_abba", Want::Error("LD0003"), "fairness does not help", pl_fair_abba),
    Case::new("pl_self_deadlock", Want::Error("LD0001"), "the thread waits for itself", pl_self)
        .ends(End::Exit(101)),
    Case::new(
        "reentrant",
        Want::Silent,
        "R, A, R again: a re-entrant lock never waits for its holder",
        reentrant,
    ),
    Case::new("reentrant_abba", Want::Error("LD0003"), "but it does wait for others", reentrant_abba),
    Case::new(
        "upgrade_with_reader",
        Want::Error("LD0001"),
        "an upgrade waits for its own reader",
        upgrade_with_reader,
    )
    .ends(End::Exit(101)),
    Case::new("read_recursive", Want::Silent, "a recursive read never waits for a reader", read_recursive),
    Case::new("read_recursive_abba", Want::Silent, "nor do two of them, crossed", read_recursive_abba),
    Case::new(
        "pl_condvar_reacquire",
        Want::Error("LD0003"),
        "the wait takes M again under A",
        pl_condvar_reacquire,
    ),
    Case::new(
        "timed_abba",
        Want::Note("LD0003"),
        "an acquisition with a timeout cannot hang forever",
        timed_abba,
    ),
    Case::new("downgrade", Want::Silent, "a downgraded writer is a reader", downgrade),
];

fn pl_abba() {
    let a = Mutex::new('a');
    let b = Mutex::new(1_u8);
    {
        let _a = a.lock();
        let _b = b.lock();
    }
    let _b = b.lock();
    let _a = a.lock();
}

fn pl_fair_abba() {
    let a = FairMutex::new('a');
    let b = FairMutex::new(1_u8);
    {
        let _a = a.lock();
        let _b = b.lock();
    }
    let _b = b.lock();
    let _a = a.lock();
}

fn pl_self() {
    let a = Mutex::new('a');
    let _outer = a.lock();
    let _inner = a.lock();
}

fn reentrant() {
    let r = ReentrantMutex::new('r');
    let a = Mutex::new(1_u8);
    let _outer = r.lock();
    let _a = a.lock();
    let _inner = r.lock();
}

fn reentrant_abba() {
    let r = ReentrantMutex::new('r');
    let a = Mutex::new(1_u8);
    {
        let _r = r.lock();
        let _a = a.lock();
    }
    let _a = a.lock();
    let _r = r.lock();
}

fn upgrade_with_reader() {
    let lock = RwLock::new(0);
    let upgradable = lock.upgradable_read();
    let _reader = lock.read();
    let _writer = RwLockUpgradableReadGuard::upgrade(upgradable);
}

fn read_recursive() {
    let lock = RwLock::new(0);
    drop(lock.write());
    let _outer = lock.read();
    let _inner = lock.read_recursive();
}

fn read_recursive_abba() {
    let a = RwLock::new('a');
    let b = RwLock::new(1_u8);
    {
        let _a = a.read_recursive();
        let _b = b.read_recursive();
    }
    let _b = b.read_recursive();
    let _a = a.read_recursive();
}

fn pl_condvar_reacquire() {
    let m = Mutex::new(0);
    let a = Mutex::new('a');
    let condvar = Condvar::new();
    let mut guard = m.lock();
    let _a = a.lock();
    condvar.wait_for(&mut guard, Duration::from_millis(1));
}

fn timed_abba() {
    let a = Mutex::new('a');
    let b = Mutex::new(1_u8);
    {
        let _a = a.lock();
        let _b = b.try_lock_for(Duration::from_millis(1));
    }
    let _b = b.lock();
    let _a = a.lock();
}

fn downgrade() {
    let lock = RwLock::new(0);
    let write = lock.write();
    let _read = lockdep::parking_lot::RwLockWriteGuard::downgrade(write);
    let _again = lock.read_recursive();
}
