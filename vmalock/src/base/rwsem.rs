//! The reader-writer semaphore under the mmap lock: killable, aware of its owner, fair in the long
//! run.
//!
//! | bits | meaning |
//! |---|---|
//! | 0 | held for writing |
//! | 1 | a thread queues |
//! | 2 | the head of the queue has waited long enough: the lock is for no other thread |
//! | 8 … | number of readers |
//!
//! A release wakes the head of the queue; a writer among the waiters then takes the lock itself,
//! readers are handed it, all up to the next writer. Until the head has run, a thread that runs
//! already may take a *free* lock before it: a lock that is passed from sleeper to sleeper spends
//! its time in the scheduler. After [`HANDOFF`] the head forbids that.
//!
//! A reader never joins other readers past a queue. Hence a task that takes the read lock a second
//! time can deadlock with a writer in between, as on Linux, and lockdep reports it.
//!
//! No lockdep events are sent from here: `lock/mmap_lock.rs` sends them, at the kernel's points.
//!
//! Source of the behaviour: `kernel/locking/rwsem.c`. The implementation is our own.
// Kernel: spins as long as the owner runs, which a thread cannot know of another; we spin for a
// fixed number of times.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::events::Waits;
use super::sync::{AtomicU64, AtomicUsize, Mutex, Ordering, has_passed, lock, n_spins};
use super::task::{Interrupted, TaskState, TaskStruct, current_id};

const WRITER: usize = 1;
const WAITERS: usize = 1 << 1;
const FOR_HEAD: usize = 1 << 2;
const READER: usize = 1 << 8;

/// How long the head of the queue lets others go first (`RWSEM_WAIT_TIMEOUT`).
const HANDOFF: Duration = Duration::from_millis(4);

/// Read or write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RwsemMode {
    Read,
    Write,
}

/// The semaphore.
#[derive(Debug)]
pub(crate) struct Rwsem {
    // INVARIANT: the bits of the table above. WAITERS and FOR_HEAD are set and cleared under the
    // queue's lock; WAITERS is set exactly when the queue is not empty, FOR_HEAD only then.
    count: AtomicUsize,
    // INVARIANT: the id of the task that holds it for writing, 0 if none does.
    owner: AtomicU64,
    queue: Mutex<VecDeque<Arc<Waiter>>>,
    /// Waits for reading, and for writing, that slept.
    waits: [Waits; 2],
}

#[derive(Debug)]
struct Waiter {
    mode: RwsemMode,
    task: &'static TaskStruct,
    // Both are read and written under the queue's lock, which orders them; std's, so that the model
    // checker need not look.
    is_granted: AtomicBool,
    /// It was woken and has not looked yet: another wake would tell it nothing.
    is_woken: AtomicBool,
}

/// What a waiter sees of the lock.
enum Look {
    /// It has the lock, or was killed.
    Over(Result<(), Interrupted>),
    /// It is the head of the queue, and others may still go first: it looks again after
    /// [`HANDOFF`].
    Early,
    /// It sleeps until it is woken.
    Queued,
}

impl Rwsem {
    pub(crate) fn new() -> Self {
        Self {
            count: AtomicUsize::new(0),
            owner: AtomicU64::new(0),
            queue: Mutex::new(VecDeque::new()),
            waits: Default::default(),
        }
    }

    /// `down_read`, `down_read_killable`.
    #[inline]
    pub(crate) fn down_read(&self, state: TaskState) -> Result<(), Interrupted> {
        if self.down_read_trylock() { Ok(()) } else { self.down_slow(RwsemMode::Read, state) }
    }

    /// `down_read_trylock`: fails when held for writing or when a thread queues.
    #[inline]
    pub(crate) fn down_read_trylock(&self) -> bool {
        // ORDERING: Relaxed; only a guess for the compare-exchange below.
        let mut count = self.count.load(Ordering::Relaxed);
        while count & (WRITER | WAITERS | FOR_HEAD) == 0 {
            // ORDERING: Acquire; pairs with the Release of the last writer's `up_write` or
            // `downgrade`.
            match self.count.compare_exchange_weak(
                count,
                count + READER,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => count = now,
            }
        }
        false
    }

    /// `down_write`, `down_write_killable`.
    #[inline]
    pub(crate) fn down_write(&self, state: TaskState) -> Result<(), Interrupted> {
        if !self.down_write_trylock() {
            self.down_slow(RwsemMode::Write, state)?;
        }
        // ORDERING: Relaxed; only the task that wrote its own id can find it here, all others see
        // "not me".
        self.owner.store(current_id(), Ordering::Relaxed);
        Ok(())
    }

    /// Takes the lock for writing if that needs no waiting. No lock function of v7.1 offers it; the
    /// validator asks.
    pub(crate) fn try_write_as_owner(&self) -> bool {
        let is_taken = self.down_write_trylock();
        if is_taken {
            // ORDERING: Relaxed; see `down_write`.
            self.owner.store(current_id(), Ordering::Relaxed);
        }
        is_taken
    }

    /// Takes the lock for writing if it is free and no thread queues. The caller sets the owner.
    fn down_write_trylock(&self) -> bool {
        // ORDERING: Acquire; pairs with the Release of `up_read`, `up_write`. Relaxed on failure: a
        // guess.
        self.count.compare_exchange(0, WRITER, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Takes a free lock although others queue, unless their head forbids it.
    fn steal(&self, mode: RwsemMode) -> bool {
        // ORDERING: Acquire on success; pairs with the Release of the last holder. Relaxed on
        // failure: a guess.
        let taken = self.count.fetch_update(Ordering::Acquire, Ordering::Relaxed, |count| match mode {
            RwsemMode::Write => (count & !WAITERS == 0).then_some(count | WRITER),
            // Readers that hold it are joined only if no thread queues.
            RwsemMode::Read if count & WAITERS == 0 => (count & WRITER == 0).then_some(count + READER),
            RwsemMode::Read => (count == WAITERS).then_some(WAITERS + READER),
        });
        taken.is_ok()
    }

    /// `up_read`. Does nothing if no reader holds the lock; says whether one did.
    #[inline]
    #[must_use]
    pub(crate) fn up_read(&self) -> bool {
        // ORDERING: Release on success; pairs with the Acquire of the next writer, which must see
        // what the readers did. Relaxed on failure, and before: a guess.
        // One too many is never subtracted, not even to be undone: what others do meanwhile would
        // build on a count that is wrong.
        let released =
            self.count.fetch_update(Ordering::Release, Ordering::Relaxed, |count| count.checked_sub(READER));
        let Ok(old) = released else { return false };
        let new = old - READER;
        if new & WAITERS != 0 && new < READER {
            self.hand_over();
        }
        true
    }

    /// `up_write`. Does nothing if the calling task does not hold the lock for writing; says
    /// whether it did.
    // Kernel: releases the lock of any holder.
    #[inline]
    #[must_use]
    pub(crate) fn up_write(&self) -> bool {
        if !self.is_write_locked_by_me() {
            return false;
        }
        // ORDERING: Relaxed; see `down_write`. Cleared first: afterwards the field belongs to the
        // next owner.
        self.owner.store(0, Ordering::Relaxed);
        // ORDERING: Release; pairs with the Acquire of the next holder.
        let old = self.count.fetch_sub(WRITER, Ordering::Release);
        if old & WAITERS != 0 {
            self.hand_over();
        }
        true
    }

    /// `downgrade_write`: from write to read without a gap. Does nothing if the calling task does
    /// not hold the lock for writing; says whether it did.
    #[must_use]
    pub(crate) fn downgrade(&self) -> bool {
        if !self.is_write_locked_by_me() {
            return false;
        }
        // ORDERING: Relaxed; see `down_write`.
        self.owner.store(0, Ordering::Relaxed);
        // ORDERING: Release; pairs with the Acquire of the readers that come in now.
        let old = self.count.fetch_add(READER - WRITER, Ordering::Release);
        if old & WAITERS != 0 {
            self.hand_over();
        }
        true
    }

    /// Whether anybody holds it (`rwsem_is_locked`).
    pub(crate) fn is_locked(&self) -> bool {
        // ORDERING: Relaxed; for assertions. A holder sees its own acquisition in any case.
        self.count.load(Ordering::Relaxed) & !(WAITERS | FOR_HEAD) != 0
    }

    /// Whether the calling task holds it for writing.
    pub(crate) fn is_write_locked_by_me(&self) -> bool {
        // ORDERING: Relaxed; see `down_write`.
        self.owner.load(Ordering::Relaxed) == current_id()
    }

    /// Whether a thread queues (`rwsem_is_contended`): a hint for holders, true or false a moment
    /// later.
    pub(crate) fn is_contended(&self) -> bool {
        // ORDERING: Relaxed; a hint.
        self.count.load(Ordering::Relaxed) & WAITERS != 0
    }

    /// How many tasks queue.
    pub(crate) fn n_queued(&self) -> usize {
        lock(&self.queue).len()
    }

    /// How long those waited who slept.
    pub(crate) fn waits(&self, mode: RwsemMode) -> &Waits {
        &self.waits[usize::from(mode == RwsemMode::Write)]
    }

    pub(crate) fn reset_waits(&self) {
        self.waits.iter().for_each(Waits::reset);
    }

    #[cold]
    fn down_slow(&self, mode: RwsemMode, state: TaskState) -> Result<(), Interrupted> {
        for _ in 0..n_spins() {
            if self.steal(mode) {
                return Ok(());
            }
            std::hint::spin_loop();
        }
        let waiter = Arc::new(Waiter {
            mode,
            task: TaskStruct::current(),
            is_granted: AtomicBool::new(false),
            is_woken: AtomicBool::new(false),
        });
        {
            let mut queue = lock(&self.queue);
            queue.push_back(Arc::clone(&waiter));
            // ORDERING: AcqRel; from here on newcomers queue, and releasers see the bit or were
            // seen by the look below.
            self.count.fetch_or(WAITERS, Ordering::AcqRel);
            // The holder may have left before the bit was set, and then does not know about us.
            self.serve(&mut queue);
        }
        let since = Instant::now();
        loop {
            match self.look(&waiter, state, since) {
                Look::Over(result) => {
                    if result.is_ok() {
                        self.waits(mode).record(since.elapsed());
                    }
                    return result;
                }
                Look::Early => waiter.task.sleep_up_to(HANDOFF),
                // Every release wakes the head, and a thread that wakes up now and then would never
                // be said to hang.
                Look::Queued => waiter.task.sleep(),
            }
        }
    }

    /// One look of a waiter at the lock.
    fn look(&self, waiter: &Arc<Waiter>, state: TaskState, since: Instant) -> Look {
        let mut queue = lock(&self.queue);
        // ORDERING: Relaxed, here and for `is_granted`; the queue's lock orders it.
        waiter.is_woken.store(false, Ordering::Relaxed);
        if waiter.is_granted.load(Ordering::Relaxed) {
            return Look::Over(Ok(()));
        }
        let is_head = queue.front().is_some_and(|head| Arc::ptr_eq(head, waiter));
        if is_head && waiter.mode == RwsemMode::Write && self.take_as_head(&mut queue) {
            return Look::Over(Ok(()));
        }
        if state == TaskState::Killable && waiter.task.is_killed() {
            queue.retain(|other| !Arc::ptr_eq(other, waiter));
            if is_head {
                // ORDERING: Relaxed; the bit only keeps others out, what it protects is ordered by
                // the lock itself.
                self.count.fetch_and(!FOR_HEAD, Ordering::Relaxed);
            }
            self.clear_waiters_if_empty(&queue);
            // We may have been the writer that kept readers from joining the present ones.
            self.serve(&mut queue);
            return Look::Over(Err(Interrupted));
        }
        if !is_head {
            return Look::Queued;
        }
        if has_passed(since, HANDOFF) {
            // ORDERING: AcqRel; the holder of now sees the bit or has released before, which the
            // look below sees.
            self.count.fetch_or(FOR_HEAD, Ordering::AcqRel);
            if waiter.mode == RwsemMode::Write && self.take_as_head(&mut queue) {
                return Look::Over(Ok(()));
            }
            self.serve(&mut queue);
            // ORDERING: Relaxed; as above.
            if waiter.is_granted.load(Ordering::Relaxed) {
                return Look::Over(Ok(()));
            }
            return Look::Queued;
        }
        Look::Early
    }

    /// The writer at the head takes the lock, if it is free.
    fn take_as_head(&self, queue: &mut VecDeque<Arc<Waiter>>) -> bool {
        // ORDERING: Acquire; pairs with the Release of the last holder.
        let taken = self.count.fetch_update(Ordering::Acquire, Ordering::Relaxed, |count| {
            (count & !(WAITERS | FOR_HEAD) == 0).then_some((count | WRITER) & !FOR_HEAD)
        });
        if taken.is_ok() {
            queue.pop_front();
            self.clear_waiters_if_empty(queue);
        }
        taken.is_ok()
    }

    #[cold]
    fn hand_over(&self) {
        let mut queue = lock(&self.queue);
        self.serve(&mut queue);
    }

    /// Wakes the writer at the head of the queue, or gives the lock to the readers there, as far as
    /// it is free.
    fn serve(&self, queue: &mut VecDeque<Arc<Waiter>>) {
        while let Some(head) = queue.front() {
            if head.mode == RwsemMode::Write {
                // ORDERING: Relaxed; a guess: it looks itself, and every release comes by here
                // again.
                if self.count.load(Ordering::Relaxed) & !(WAITERS | FOR_HEAD) == 0 {
                    wake(head);
                }
                break;
            }
            // ORDERING: AcqRel; pairs with the Release of the writer that left, for the reader that
            // is woken under the queue's lock.
            let taken = self.count.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |count| {
                (count & WRITER == 0).then_some((count + READER) & !FOR_HEAD)
            });
            if taken.is_err() {
                break;
            }
            let head = queue.pop_front().expect("the front was just looked at under the same lock");
            self.clear_waiters_if_empty(queue);
            // ORDERING: Relaxed; the queue's lock orders it.
            head.is_granted.store(true, Ordering::Relaxed);
            wake(&head);
        }
    }

    fn clear_waiters_if_empty(&self, queue: &VecDeque<Arc<Waiter>>) {
        if queue.is_empty() {
            // ORDERING: Relaxed; the bit only says whether to look at the queue, whose lock orders
            // the rest.
            self.count.fetch_and(!WAITERS, Ordering::Relaxed);
        }
    }
}

/// Wakes `waiter`, whose queue the caller has locked.
fn wake(waiter: &Waiter) {
    // ORDERING: Relaxed; the queue's lock orders it.
    if !waiter.is_woken.swap(true, Ordering::Relaxed) {
        waiter.task.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A release too many is refused, in every state without readers, and changes nothing.
    #[test]
    fn a_release_too_many_changes_nothing() {
        for state in [0, WRITER, WAITERS, WRITER | WAITERS, WAITERS | FOR_HEAD] {
            let rwsem = Rwsem::new();
            rwsem.count.store(state, Ordering::Relaxed);
            assert!(!rwsem.up_read(), "no thread holds it for reading");
            assert_eq!(rwsem.count.load(Ordering::Relaxed), state);
        }
        let rwsem = Rwsem::new();
        assert!(rwsem.down_read_trylock() && rwsem.up_read() && !rwsem.up_read());
    }
}
