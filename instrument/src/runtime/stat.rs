//! Contention (`LOCKDEP_STAT=1`): who waits for which lock, where and for how long.
//!
//! The clock is read on the contended path only. A lock that measures
//! ([`LockInfo::measured`](crate::lock::LockInfo::measured)) tries its real lock first; only if
//! that fails does it say `contended`, wait, and say `acquired`. From then to its release it counts
//! as held after contention, which is the only holding time that is known: an uncontended
//! acquisition reads no clock.
//!
//! While contention is counted, a thread's every acquisition takes the slow half of its event,
//! because acquisitions are counted there. Nothing of this exists on the fast path: without
//! `LOCKDEP_STAT` a thread has no [`ThreadStat`], and the test for it is the one for a panic that
//! is due.
//!
//! Lock order: [`Stats::tables`] before a [`Table`]; neither is held while anything else is locked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use lockdep_report::record::Durations;
use lockdep_validator::{Acquire, ClassId, LockId, Mode, Site};
use rustc_hash::FxHashMap;

/// Set in the child of a fork: what was counted so far is the parent's, and the parent reports it.
static FORKED: AtomicBool = AtomicBool::new(false);

/// The process is the child of a fork.
pub(crate) fn forked() {
    // ORDERING: Relaxed: the child has one thread.
    FORKED.store(true, Ordering::Relaxed);
}

/// Whether the process was forked since this was asked last.
pub(crate) fn was_forked() -> bool {
    // ORDERING: Relaxed: written by the only thread there was; threads that it made later see what
    // it wrote before.
    FORKED.load(Ordering::Relaxed) && FORKED.swap(false, Ordering::Relaxed)
}

/// A class, wanted in one mode at one place.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key {
    pub(crate) class: ClassId,
    pub(crate) site: Site,
    pub(crate) mode: Mode,
}

/// What was counted for one [`Key`].
#[derive(Clone, Default, Debug)]
pub(crate) struct Numbers {
    pub(crate) n_acquisitions: u64,
    pub(crate) n_contentions: u64,
    pub(crate) wait: Durations,
    pub(crate) hold: Durations,
}

impl Numbers {
    fn merge(&mut self, other: &Self) {
        self.n_acquisitions += other.n_acquisitions;
        self.n_contentions += other.n_contentions;
        self.wait.merge(&other.wait);
        self.hold.merge(&other.hold);
    }
}

type Table = Arc<Mutex<FxHashMap<Key, Numbers>>>;

/// The tables of all threads. A thread's own is shared so that the end of the process can read
/// those of threads that still run.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    tables: Mutex<Vec<Table>>,
    /// What threads that have ended left.
    ended: Table,
}

impl Stats {
    /// The part of a thread that starts.
    pub(crate) fn start_thread(&self) -> ThreadStat {
        let table = Table::default();
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&table));
        ThreadStat { table, newest: None, waiting: None, holding: Vec::new() }
    }

    /// The thread ends: its numbers join those of the others that have.
    pub(crate) fn end_thread(&self, thread: &ThreadStat) {
        self.tables
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|table| !Arc::ptr_eq(table, &thread.table));
        let own = std::mem::take(&mut *locked(&thread.table));
        let mut ended = locked(&self.ended);
        for (key, numbers) in own {
            ended.entry(key).or_default().merge(&numbers);
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        drop(self.take());
    }

    /// Everything so far, and nothing of it a second time.
    pub(crate) fn take(&self) -> FxHashMap<Key, Numbers> {
        let mut all = std::mem::take(&mut *locked(&self.ended));
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for table in tables {
            for (key, numbers) in std::mem::take(&mut *locked(&table)) {
                all.entry(key).or_default().merge(&numbers);
            }
        }
        all
    }
}

fn locked(table: &Table) -> std::sync::MutexGuard<'_, FxHashMap<Key, Numbers>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The part of one thread.
#[derive(Debug)]
pub(crate) struct ThreadStat {
    table: Table,
    /// The newest blocking acquisition: the one that `contended` is about.
    newest: Option<(LockId, Key)>,
    /// The acquisition that waits, and since when.
    waiting: Option<(LockId, Key, Instant)>,
    /// Acquisitions that had to wait and are held now, and since when.
    holding: Vec<(LockId, Key, Instant)>,
}

impl ThreadStat {
    /// An acquisition is made, or is about to wait.
    pub(crate) fn count(&mut self, acquire: &Acquire) {
        let key = Key { class: acquire.lock.class(), site: acquire.site, mode: acquire.mode };
        locked(&self.table).entry(key).or_default().n_acquisitions += 1;
        self.newest = Some((acquire.lock, key));
        // An acquisition whose end was never announced (a panic in the real lock) is not this one.
        self.waiting = None;
    }

    /// The real lock could not be had at once: the caller is about to wait for it.
    pub(crate) fn contended(&mut self, lock: LockId) {
        if let Some((newest, key)) = self.newest.filter(|(newest, _)| *newest == lock) {
            self.waiting = Some((newest, key, Instant::now()));
        }
    }

    /// The wait is over; says whether it was one, so that the release has to be noticed.
    pub(crate) fn acquired(&mut self, lock: LockId) -> bool {
        let Some((lock, key, since)) = self.waiting.take().filter(|(waiting, ..)| *waiting == lock) else {
            return false;
        };
        let now = Instant::now();
        {
            let mut table = locked(&self.table);
            let numbers = table.entry(key).or_default();
            numbers.n_contentions += 1;
            numbers.wait.add(nanoseconds(now - since));
        }
        self.holding.push((lock, key, now));
        true
    }

    /// The wait was given up: a timeout, an interruption.
    pub(crate) fn gave_up(&mut self, lock: LockId) {
        if let Some((_, key, since)) = self.waiting.take().filter(|(waiting, ..)| *waiting == lock) {
            let mut table = locked(&self.table);
            let numbers = table.entry(key).or_default();
            numbers.n_contentions += 1;
            numbers.wait.add(nanoseconds(since.elapsed()));
        }
    }

    /// The lock is released, or leaves the thread in another way.
    pub(crate) fn released(&mut self, lock: LockId) {
        let Some(index) = self.holding.iter().rposition(|(held, ..)| *held == lock) else { return };
        let (_, key, since) = self.holding.swap_remove(index);
        locked(&self.table).entry(key).or_default().hold.add(nanoseconds(since.elapsed()));
    }

    /// The process was forked: what was counted before is the parent's.
    pub(crate) fn forget(&mut self) {
        locked(&self.table).clear();
        (self.newest, self.waiting) = (None, None);
        self.holding.clear();
    }
}

/// Saturates after 584 years.
fn nanoseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use lockdep_validator::Wait;

    use super::*;

    fn acquire(lock: u64) -> Acquire {
        let lock = LockId::new(ClassId::from_index(3).expect("small"), lock);
        Acquire::new(lock, Mode::Exclusive, Wait::Blocking, Site(9))
    }

    #[test]
    fn only_what_waited_is_timed() {
        let stats = Stats::default();
        let mut thread = stats.start_thread();
        let (free, busy) = (acquire(1), acquire(2));
        thread.count(&free);
        assert!(!thread.acquired(free.lock), "no thread waited");
        thread.released(free.lock);
        thread.count(&busy);
        thread.contended(free.lock);
        assert!(!thread.acquired(busy.lock), "another lock was contended");
        thread.contended(busy.lock);
        assert!(thread.acquired(busy.lock));
        thread.released(busy.lock);
        thread.released(busy.lock);
        let all: Vec<Numbers> = stats.take().into_values().collect();
        let [numbers] = &all[..] else { panic!("one class at one place: {all:?}") };
        assert_eq!((numbers.n_acquisitions, numbers.n_contentions), (2, 1));
        assert_eq!((numbers.wait.count, numbers.hold.count), (1, 1));
        assert!(stats.take().is_empty(), "nothing is counted twice");
    }

    #[test]
    fn a_wait_that_was_given_up_counts_and_is_never_held() {
        let stats = Stats::default();
        let mut thread = stats.start_thread();
        let busy = acquire(2);
        thread.count(&busy);
        thread.contended(busy.lock);
        thread.gave_up(busy.lock);
        thread.released(busy.lock);
        let numbers = stats.take().into_values().next().expect("counted");
        assert_eq!((numbers.n_contentions, numbers.wait.count, numbers.hold.count), (1, 1, 0));
    }

    #[test]
    fn a_thread_that_ended_has_not_taken_its_numbers_along() {
        let stats = Stats::default();
        let mut threads = [stats.start_thread(), stats.start_thread()];
        for thread in &mut threads {
            thread.count(&acquire(1));
        }
        stats.end_thread(&threads[0]);
        assert_eq!(stats.take().into_values().map(|numbers| numbers.n_acquisitions).sum::<u64>(), 2);
    }
}
