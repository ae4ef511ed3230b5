//! Group 13: every step of the locks in the kernel's order: tracepoints, sequence, rwsem, count,
//! stamp, lockdep.

use super::fixture::{cache, lone_vma, try_read};
use super::harness::{Stages, hold_at, once_at, spawn};
use crate::build::attach::{vma_mark_attached, vma_mark_detached};
use crate::build::mm::MmRef;
use crate::build::mmap_lock::{
    mmap_read_disown, mmap_read_lock, mmap_read_lock_killable, mmap_read_trylock, mmap_read_unlock,
    mmap_read_unlock_non_owner, mmap_write_downgrade, mmap_write_lock, mmap_write_lock_killable,
    mmap_write_lock_nested, mmap_write_unlock,
};
use crate::build::probe::recorded;
use crate::build::step::{Class, CountStep, LockdepEvent, Point, RwsemStep, Step};
use crate::build::task::Task;
use crate::build::vma_lock::{
    vma_end_read, vma_start_read_locked, vma_start_write, vma_start_write_killable,
};

fn text(step: &Step) -> String {
    match step {
        Step::StartLocking { write } => format!("start_locking({})", rw(*write)),
        Step::AcquireReturned { write, success } => format!("acquire_returned({}, {success})", rw(*write)),
        Step::Released { write } => format!("released({})", rw(*write)),
        Step::SeqBegin => "seq begin".to_owned(),
        Step::SeqEnd => "seq end".to_owned(),
        Step::Rwsem(RwsemStep::DownRead) => "down_read".to_owned(),
        Step::Rwsem(RwsemStep::DownWrite) => "down_write".to_owned(),
        Step::Rwsem(RwsemStep::UpRead) => "up_read".to_owned(),
        Step::Rwsem(RwsemStep::UpWrite) => "up_write".to_owned(),
        Step::Rwsem(RwsemStep::Downgrade) => "downgrade_write".to_owned(),
        Step::Count(CountStep::Increment) => "+1".to_owned(),
        Step::Count(CountStep::Decrement) => "-1".to_owned(),
        Step::Count(CountStep::AddFlag) => "+FLAG".to_owned(),
        Step::Count(CountStep::SubtractFlag) => "-FLAG".to_owned(),
        Step::Count(CountStep::Attach) => "=1".to_owned(),
        Step::Stamp => "stamp".to_owned(),
        Step::Lockdep { class, event } => {
            let class = match class {
                Class::MmapLock => "mmap",
                Class::VmLock => "vma",
            };
            match event {
                LockdepEvent::Acquire { shared, is_try, subclass } => format!(
                    "{class}: acquire({}{}{})",
                    if *shared { "shared" } else { "exclusive" },
                    if *is_try { ", try" } else { "" },
                    if *subclass == 0 { String::new() } else { format!(", subclass {subclass}") },
                ),
                LockdepEvent::MightAcquire { shared } => {
                    format!("{class}: might_acquire({})", if *shared { "shared" } else { "exclusive" })
                }
                LockdepEvent::Acquired => format!("{class}: acquired"),
                LockdepEvent::Release => format!("{class}: release"),
                LockdepEvent::Downgrade => format!("{class}: downgrade"),
            }
        }
    }
}

fn rw(write: bool) -> &'static str {
    if write { "w" } else { "r" }
}

/// Runs `body` and compares its steps with the lines of `golden`.
#[track_caller]
fn check<R>(golden: &str, body: impl FnOnce() -> R) -> R {
    let (result, steps) = recorded(body);
    let seen: Vec<String> = steps.iter().map(text).collect();
    let expected: Vec<&str> = golden.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(seen, expected);
    result
}

const WRITE_LOCK: &str = "start_locking(w)
    mmap: acquire(exclusive)
    down_write
    seq begin
    acquire_returned(w, true)";
const WRITE_UNLOCK: &str = "released(w)
    seq end
    mmap: release
    up_write";
const READ_LOCK: &str = "start_locking(r)
    mmap: acquire(shared)
    down_read
    acquire_returned(r, true)";
const READ_UNLOCK: &str = "released(r)
    mmap: release
    up_read";

pub(crate) fn mmap_lock_orders() {
    let mm = MmRef::new();
    check(WRITE_LOCK, || mmap_write_lock(&mm));
    check(WRITE_UNLOCK, || mmap_write_unlock(&mm));
    let child = MmRef::new();
    check(&WRITE_LOCK.replace("(exclusive)", "(exclusive, subclass 1)"), || {
        mmap_write_lock_nested(&child, 1)
    });
    mmap_write_unlock(&child);
    mmap_write_lock(&mm);
    check(
        "acquire_returned(r, true)
         seq end
         mmap: downgrade
         downgrade_write",
        || mmap_write_downgrade(&mm),
    );
    check(READ_UNLOCK, || mmap_read_unlock(&mm));
    check(READ_LOCK, || mmap_read_lock(&mm));
    check(
        "start_locking(r)
         down_read
         mmap: acquire(shared, try)
         acquire_returned(r, true)",
        || assert!(mmap_read_trylock(&mm)),
    );
    mmap_read_unlock(&mm);
    check("mmap: release", || mmap_read_disown(&mm));
    check(
        "released(r)
         up_read",
        || mmap_read_unlock_non_owner(&mm),
    );
    mmap_write_lock(&mm);
    let (other, writer) = (mm.clone(), ());
    let failed = spawn(move || {
        check(
            "start_locking(r)
             acquire_returned(r, false)",
            || assert!(!mmap_read_trylock(&other)),
        );
    });
    failed.join();
    let () = writer;
    mmap_write_unlock(&mm);
}

pub(crate) fn killable_orders() {
    let mm = MmRef::new();
    check(WRITE_LOCK, || mmap_write_lock_killable(&mm).unwrap());
    mmap_write_unlock(&mm);
    check(READ_LOCK, || mmap_read_lock_killable(&mm).unwrap());
    mmap_read_unlock(&mm);
    mmap_write_lock(&mm);
    let other = mm.clone();
    let killed = spawn(move || {
        Task::current().kill();
        check(
            "start_locking(w)
             mmap: acquire(exclusive)
             mmap: release
             acquire_returned(w, false)",
            || mmap_write_lock_killable(&other).unwrap_err(),
        );
        check(
            "start_locking(r)
             mmap: acquire(shared)
             mmap: release
             acquire_returned(r, false)",
            || mmap_read_lock_killable(&other).unwrap_err(),
        );
    });
    killed.join();
    mmap_write_unlock(&mm);
}

pub(crate) fn vma_read_orders() {
    let (mm, vma) = lone_vma();
    let rcu = check("+1\nvma: acquire(shared, try)", || try_read(mm.as_raw(), vma).unwrap());
    drop(rcu);
    check("vma: release\n-1", || vma_end_read(vma));
    mmap_read_lock(&mm);
    check("+1\nvma: acquire(shared, try)", || assert!(vma_start_read_locked(vma)));
    vma_end_read(vma);
    mmap_read_unlock(&mm);
    // Write-locked: turned away before the increment, without an event.
    let guard = mm.write();
    vma_start_write(vma);
    check("", || try_read(mm.as_raw(), vma).map(drop).unwrap_err());
    drop(guard);
    // Write-locked between the early check and the recheck: a pair.
    let writer = mm.clone();
    let stages = Stages::new();
    let reader = {
        let stages = stages.clone();
        spawn(move || {
            hold_at(&stages, &[(Point::AfterEarlyCheck, 0, 1)]);
            check("+1\nvma: acquire(shared, try)\nvma: release\n-1", || {
                try_read(writer.as_raw(), vma).map(drop).unwrap_err()
            });
        })
    };
    stages.wait_for(0);
    let guard = mm.write();
    vma_start_write(vma);
    stages.signal(1);
    reader.join();
    drop(guard);
}

pub(crate) fn vma_write_orders() {
    let mm = MmRef::new();
    let vma = cache().alloc(mm.as_raw());
    let guard = mm.write();
    check("stamp", || vma_start_write(vma));
    check("=1", || vma_mark_attached(vma));
    check("", || vma_start_write(vma));
    drop(guard);
    let guard = mm.write();
    const EXCLUDE: &str = "+FLAG\nvma: acquire(exclusive)\nvma: acquired\nstamp\n-FLAG\nvma: release";
    check(EXCLUDE, || vma_start_write(vma));
    check("-1", || vma_mark_detached(vma));
    vma_mark_attached(vma);
    drop(guard);
    // Interrupted: the exclusion begins and ends, nothing is acquired, nothing is stamped.
    assert!(try_read(mm.as_raw(), vma).is_ok());
    let other = mm.clone();
    let killed = spawn(move || {
        let guard = other.write();
        Task::current().kill();
        check("+FLAG\nvma: acquire(exclusive)\n-FLAG\nvma: release", || {
            vma_start_write_killable(vma).unwrap_err()
        });
        // The parked way to the same end.
        Task::current().revive();
        once_at(Point::BeforePark, || Task::current().kill());
        check("+FLAG\nvma: acquire(exclusive)\n-FLAG\nvma: release", || {
            vma_start_write_killable(vma).unwrap_err()
        });
        drop(guard);
    });
    killed.join();
    vma_end_read(vma);
}
