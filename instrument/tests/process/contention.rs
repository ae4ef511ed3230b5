//! Contention (`LOCKDEP_STAT=1`): a thread that really waits, for each kind of lock, and what the
//! record says of it.

use std::sync::atomic::{AtomicI32, Ordering};

use lockdep::hook::{LockInfo, LockMap};
use lockdep::sync::{Mutex, RwLock};
use lockdep::{Mode, Wait};
use lockdep_report::record::{Record, StatRecord};

use crate::checks::{folder, records};
use crate::run;

static MUTEX: Mutex<u8> = Mutex::new(0);
static RWLOCK: RwLock<u16> = RwLock::new(0);

/// Holds a lock until another thread sleeps because it wants it.
fn fight<G>(hold: impl FnOnce() -> G, want: impl FnOnce() + Send) {
    let waiter = AtomicI32::new(0);
    let held = hold();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // SAFETY: takes nothing and always succeeds.
            let id = unsafe { libc::gettid() };
            // ORDERING: Relaxed: the number is all that is passed on.
            waiter.store(id, Ordering::Relaxed);
            want();
        });
        // ORDERING: Relaxed, as above.
        while !sleeps(waiter.load(Ordering::Relaxed)) {
            std::thread::yield_now();
        }
        drop(held);
    });
}

/// Whether the thread sleeps, by what the kernel says of it.
fn sleeps(id: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{id}/stat")).unwrap_or_default();
    // The name in brackets may hold anything; the state follows it.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))
}

/// The child: contended and uncontended acquisitions of four kinds of locks.
pub(crate) fn fights() {
    (0..3).for_each(|_| drop(MUTEX.lock()));
    fight(|| MUTEX.lock(), || drop(MUTEX.lock()));
    fight(|| RWLOCK.write(), || drop(RWLOCK.read()));
    home_made();
    #[cfg(feature = "parking_lot_0_12")]
    {
        static PARKED: lockdep::parking_lot::Mutex<u32> = lockdep::parking_lot::const_mutex(0);
        fight(|| PARKED.lock(), || drop(PARKED.lock()));
    }
}

/// A home-made lock that announces its contention.
fn home_made() {
    static MAP: LockMap = LockMap::new();
    const INFO: LockInfo = LockInfo::bare("HomeMade");
    let _ = MAP.acquire(&INFO, Mode::Exclusive, Wait::Blocking);
    MAP.contended();
    MAP.acquired();
    MAP.release();
    let _ = MAP.acquire(&INFO, Mode::Exclusive, Wait::Blocking);
    MAP.acquired();
    MAP.release();
}

/// The parent: what the record of the child says, and that it says nothing unless asked.
pub(crate) fn contention_is_counted_and_timed() {
    let folder = folder("contention");
    let directory = folder.to_str().expect("UTF-8");
    let ended = run("contention", &[("LOCKDEP_DIR", directory), ("LOCKDEP_STAT", "1")]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let counted = records(&folder);
    std::fs::remove_dir_all(&folder).expect("ours");
    let [record] = counted.as_slice() else { panic!("one file: {counted:?}") };
    let sums = |kind: &str, type_name: &str| {
        let is_it = |record: &Record| matches!(record, Record::Class(class) if class.kind == kind && class.type_name == type_name);
        let class = record.iter().find(|record| is_it(record));
        let Some(Record::Class(class)) = class else { panic!("no class {kind}<{type_name}>") };
        let stats = record.iter().filter_map(|record| match record {
            Record::Stat(stat) if stat.class == class.hash => Some(stat),
            _ => None,
        });
        let mut sums = [0; 4];
        for StatRecord { n_acquisitions, n_contentions, wait, hold, site, .. } in stats {
            assert!(site.file.ends_with("contention.rs"), "{site}");
            assert!(wait.count == 0 || wait.max_ns > 0, "a wait takes time: {wait:?}");
            let more = [*n_acquisitions, *n_contentions, wait.count, hold.count];
            sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        }
        sums
    };
    assert_eq!(sums("Mutex", "u8"), [5, 1, 1, 1]);
    assert_eq!(sums("RwLock", "u16"), [2, 1, 1, 1]);
    assert_eq!(sums("HomeMade", ""), [2, 1, 1, 1]);
    #[cfg(feature = "parking_lot_0_12")]
    assert_eq!(sums("Mutex", "u32"), [2, 1, 1, 1]);

    let said = run("contention", &[("LOCKDEP_STAT", "1")]).stderr;
    assert!(said.contains("places waited for a lock, longest first"), "{said}");
    assert!(said.contains("RwLock<u16> at") && said.contains(": 1 of 1 acquisitions waited"), "{said}");
    let silent = run("contention", &[]);
    assert_eq!(silent.stderr, "", "nothing is counted unless asked");
}
