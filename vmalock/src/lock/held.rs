//! Which VMA read locks each thread holds, and since where: kept in debug builds, and while the
//! validator is on.
//!
//! A task that holds a VMA read lock must not *block* on the mmap lock of that address space: the
//! owner may be waiting for this very reader. Lockdep reports the order; this list catches it
//! without lockdep, at the first occurrence. It also names those for whom a writer, or the end of
//! an address space, waits.

use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::base::dep::is_on;
use super::super::base::rcu::rcu_read_lock_held;
use super::super::base::task::current_id;
use super::super::base::warn::{Holder, WarningKind, warn_on};
use super::super::object::mm::Mm;
use super::super::object::vma::Vma;

/// One read lock.
#[derive(Clone, Copy, Debug)]
struct Hold {
    mm: usize,
    vma: &'static Vma,
    since: &'static Location<'static>,
}

/// What one thread holds.
#[derive(Debug)]
struct Hands {
    thread: String,
    task: u64,
    holds: Mutex<Vec<Hold>>,
}

/// Those of all threads that ever held one; of a thread that ended, if it left some behind.
static ALL: Mutex<Vec<Arc<Hands>>> = Mutex::new(Vec::new());

/// The place of the calling thread in [`ALL`].
struct Registered(Arc<Hands>);

impl Registered {
    fn new() -> Self {
        let thread = std::thread::current().name().unwrap_or("without a name").to_owned();
        let hands = Arc::new(Hands { thread, task: current_id(), holds: Mutex::new(Vec::new()) });
        lock(&ALL).push(Arc::clone(&hands));
        Self(hands)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        if lock(&self.0.holds).is_empty() {
            lock(&ALL).retain(|hands| !Arc::ptr_eq(hands, &self.0));
        }
    }
}

std::thread_local! {
    static MINE: Registered = Registered::new();
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `f` on what the calling thread holds.
fn with_mine<R>(f: impl FnOnce(&mut Vec<Hold>) -> R) -> R {
    let mut f = Some(f);
    let mut run = |hands: &Hands| f.take().map(|f| f(&mut lock(&hands.holds)));
    let result = MINE.try_with(|mine| run(&mine.0)).unwrap_or_else(|_| late(run));
    result.expect("one of the two ran it, once")
}

/// The same after the destructor of the thread-local: in destructors that run later, guards still
/// end and begin.
#[cold]
fn late<R>(run: impl FnOnce(&Hands) -> R) -> R {
    let mut all = lock(&ALL);
    let task = current_id();
    let hands = all.iter().find(|hands| hands.task == task).map_or_else(
        || Arc::new(Hands { thread: "that ends".to_owned(), task, holds: Mutex::new(Vec::new()) }),
        Arc::clone,
    );
    let result = run(&hands);
    all.retain(|other| !Arc::ptr_eq(other, &hands));
    if !lock(&hands.holds).is_empty() {
        all.push(hands);
    }
    result
}

/// Whether holds are tracked.
#[inline(always)]
fn is_tracked() -> bool {
    cfg!(debug_assertions) || is_on()
}

/// The calling thread has read-locked `vma`. For a caller that knows whether [`is_on`], so that the
/// question is asked once.
#[track_caller]
#[inline(always)]
pub(crate) fn acquired(mm: &Mm, vma: &'static Vma, is_on: bool) {
    if cfg!(debug_assertions) || is_on {
        let since = Location::caller();
        with_mine(|holds| holds.push(Hold { mm: mm.address(), vma, since }));
    }
}

/// The calling thread is about to release a read lock of `vma`.
#[inline(always)]
pub(crate) fn released(vma: &Vma, is_on: bool) {
    if cfg!(debug_assertions) || is_on {
        with_mine(|holds| {
            if let Some(index) = holds.iter().rposition(|hold| hold.vma.is_same(vma)) {
                holds.swap_remove(index);
            }
        });
    }
}

/// Takes the calling thread's read locks of `mm` off the books, lockdep's as well: the address
/// space ends under them.
pub(crate) fn hand_over(mm: &Mm) -> Vec<(&'static Vma, Holder)> {
    if !is_tracked() {
        return Vec::new();
    }
    let mine = with_mine(|holds| {
        let (mine, rest) = holds.iter().copied().partition(|hold: &Hold| hold.mm == mm.address());
        *holds = rest;
        mine
    });
    let task = current_id();
    let thread = std::thread::current().name().map_or("without a name", name);
    let hold = |hold: Hold| {
        hold.vma.vmlock_dep_map().disown();
        (hold.vma, Holder { thread, task, since: hold.since })
    };
    mine.into_iter().map(hold).collect()
}

/// One who holds a read lock of `vma`, if that is known.
#[cold]
pub(crate) fn holder(vma: &Vma) -> Option<Holder> {
    lock(&ALL).iter().find_map(|hands| {
        let since = lock(&hands.holds).iter().find(|hold| hold.vma.is_same(vma))?.since;
        Some(Holder { thread: name(&hands.thread), task: hands.task, since })
    })
}

/// A thread's name for a warning, kept for the rest of the process: there are few warnings.
fn name(thread: &str) -> &'static str {
    thread.to_owned().leak()
}

/// Warns if the calling task must not wait for the mmap lock of `mm`: in an RCU section
/// (`might_sleep`), or while it holds a VMA read lock of `mm`.
#[track_caller]
#[inline(always)]
pub(crate) fn check_may_block(mm: &Mm) {
    if is_tracked() {
        check_not_in_rcu(mm.address());
        check_no_vma_lock(mm);
    }
}

/// Warns if the calling task is in an RCU section: it is about to wait for something about
/// `subject`.
#[track_caller]
#[inline(always)]
pub(crate) fn check_not_in_rcu(subject: usize) {
    if is_tracked() && rcu_read_lock_held() {
        warn_on(WarningKind::BlockedInRcuSection, subject);
    }
}

#[track_caller]
fn check_no_vma_lock(mm: &Mm) {
    if with_mine(|holds| holds.iter().any(|hold| hold.mm == mm.address())) {
        warn_on(WarningKind::MmapLockUnderVmaLock, mm.address());
    }
}
