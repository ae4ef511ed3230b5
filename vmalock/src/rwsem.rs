//! The reader-writer semaphore under the mmap lock: fair, killable, aware of its owner.
//!
//! | bits | meaning |
//! |---|---|
//! | 0 | held for writing |
//! | 1 | somebody queues: newcomers must queue behind them, readers too |
//! | 8 … | number of readers |
//!
//! First come, first served: who releases hands the lock to the head of the queue, a writer alone or all the readers
//! up to the next writer. A reader that arrives while a writer queues waits behind it; hence a task that takes the
//! read lock a second time can deadlock with a writer in between, as on Linux, and lockdep reports it.
//!
//! No lockdep events are sent from here: `mmap_lock.rs` sends them, at the kernel's points.
//!
//! Source of the behaviour: `kernel/locking/rwsem.c`. The implementation is our own.
// Kernel: no optimistic spinning on a running owner and no lock stealing; a contended lock is always handed over.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::sync::{AtomicU64, AtomicUsize, Mutex, Ordering, lock, n_spins};
use super::task::{Interrupted, Task, TaskState};
use super::warn::{WarningKind, warn_on};

const WRITER: usize = 1;
const WAITERS: usize = 1 << 1;
const READER: usize = 1 << 8;

/// Read or write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RwsemMode {
    Read,
    Write,
}

/// The semaphore.
#[derive(Debug)]
pub(crate) struct Rwsem {
    // INVARIANT: the bits of the table above. WAITERS is set and cleared under the queue's lock, and is set exactly
    // when the queue is not empty.
    count: AtomicUsize,
    // INVARIANT: the id of the task that holds it for writing, 0 if none does.
    owner: AtomicU64,
    queue: Mutex<VecDeque<Arc<Waiter>>>,
}

#[derive(Debug)]
struct Waiter {
    mode: RwsemMode,
    task: &'static Task,
    // Published with the queue's lock held; std's, since the queue's lock orders what the model checker must see.
    is_granted: AtomicBool,
}

impl Rwsem {
    pub(crate) fn new() -> Self {
        Self { count: AtomicUsize::new(0), owner: AtomicU64::new(0), queue: Mutex::new(VecDeque::new()) }
    }

    /// `down_read`, `down_read_killable`.
    #[inline]
    pub(crate) fn down_read(&self, state: TaskState) -> Result<(), Interrupted> {
        if self.down_read_trylock() { Ok(()) } else { self.down_slow(RwsemMode::Read, state) }
    }

    /// `down_read_trylock`: fails when held for writing or when somebody queues.
    #[inline]
    pub(crate) fn down_read_trylock(&self) -> bool {
        // ORDERING: Relaxed; only a guess for the compare-exchange below.
        let mut count = self.count.load(Ordering::Relaxed);
        while count & (WRITER | WAITERS) == 0 {
            // ORDERING: Acquire; pairs with the Release of the last writer's `up_write` or `downgrade`.
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
        // ORDERING: Relaxed; only the task that wrote its own id can find it here, all others see "not me".
        self.owner.store(Task::current().id(), Ordering::Relaxed);
        Ok(())
    }

    /// Takes the lock for writing if that needs no waiting. No lock function of v7.1 offers it; the validator asks.
    pub(crate) fn try_write_as_owner(&self) -> bool {
        let is_taken = self.down_write_trylock();
        if is_taken {
            // ORDERING: Relaxed; see `down_write`.
            self.owner.store(Task::current().id(), Ordering::Relaxed);
        }
        is_taken
    }

    /// Takes the lock for writing if it is free and nobody queues. The caller sets the owner.
    fn down_write_trylock(&self) -> bool {
        // ORDERING: Acquire; pairs with the Release of `up_read`, `up_write`. Relaxed on failure: a guess.
        self.count.compare_exchange(0, WRITER, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// `up_read`. Warns and does nothing if no reader holds the lock.
    #[inline]
    #[track_caller]
    pub(crate) fn up_read(&self) {
        // ORDERING: Release; pairs with the Acquire of the next writer, which must see what the readers did.
        let old = self.count.fetch_sub(READER, Ordering::Release);
        if old < READER {
            // ORDERING: Relaxed; undoes the line above, nothing was protected.
            self.count.fetch_add(READER, Ordering::Relaxed);
            warn_on(WarningKind::MmapLockUnbalanced, std::ptr::from_ref(self).addr());
            return;
        }
        let new = old - READER;
        if new & WAITERS != 0 && new < READER {
            self.hand_over();
        }
    }

    /// `up_write`. Warns and does nothing if nobody holds the lock for writing.
    #[inline]
    #[track_caller]
    pub(crate) fn up_write(&self) {
        if !self.is_write_locked() {
            warn_on(WarningKind::MmapLockUnbalanced, std::ptr::from_ref(self).addr());
            return;
        }
        // ORDERING: Relaxed; see `down_write`. Cleared first: afterwards the field belongs to the next owner.
        self.owner.store(0, Ordering::Relaxed);
        // ORDERING: Release; pairs with the Acquire of whoever gets the lock next.
        let old = self.count.fetch_sub(WRITER, Ordering::Release);
        if old & WAITERS != 0 {
            self.hand_over();
        }
    }

    /// `downgrade_write`: from write to read without a gap. Warns and does nothing if not held for writing.
    #[track_caller]
    pub(crate) fn downgrade(&self) {
        if !self.is_write_locked() {
            warn_on(WarningKind::MmapLockUnbalanced, std::ptr::from_ref(self).addr());
            return;
        }
        // ORDERING: Relaxed; see `down_write`.
        self.owner.store(0, Ordering::Relaxed);
        // ORDERING: Release; pairs with the Acquire of the readers that come in now.
        let old = self.count.fetch_add(READER - WRITER, Ordering::Release);
        if old & WAITERS != 0 {
            self.hand_over();
        }
    }

    /// Whether anybody holds it (`rwsem_is_locked`).
    pub(crate) fn is_locked(&self) -> bool {
        // ORDERING: Relaxed; for assertions. A holder sees its own acquisition in any case.
        self.count.load(Ordering::Relaxed) & !WAITERS != 0
    }

    /// Whether anybody holds it for writing.
    pub(crate) fn is_write_locked(&self) -> bool {
        // ORDERING: Relaxed; as in `is_locked`.
        self.count.load(Ordering::Relaxed) & WRITER != 0
    }

    /// Whether the calling task holds it for writing.
    pub(crate) fn is_write_locked_by_me(&self) -> bool {
        // ORDERING: Relaxed; see `down_write`.
        self.owner.load(Ordering::Relaxed) == Task::current().id()
    }

    /// Whether somebody queues (`rwsem_is_contended`): a hint for holders, true or false a moment later.
    pub(crate) fn is_contended(&self) -> bool {
        // ORDERING: Relaxed; a hint.
        self.count.load(Ordering::Relaxed) & WAITERS != 0
    }

    #[cold]
    fn down_slow(&self, mode: RwsemMode, state: TaskState) -> Result<(), Interrupted> {
        for _ in 0..n_spins() {
            std::hint::spin_loop();
            let is_taken = match mode {
                RwsemMode::Read => self.down_read_trylock(),
                RwsemMode::Write => self.down_write_trylock(),
            };
            if is_taken {
                return Ok(());
            }
        }
        let waiter = Arc::new(Waiter { mode, task: Task::current(), is_granted: AtomicBool::new(false) });
        {
            let mut queue = lock(&self.queue);
            queue.push_back(Arc::clone(&waiter));
            // ORDERING: AcqRel; from here on newcomers queue, and releasers see the bit or were seen by the grant.
            self.count.fetch_or(WAITERS, Ordering::AcqRel);
            // The holder may have left before the bit was set, and then does not know about us.
            self.grant(&mut queue);
        }
        loop {
            // ORDERING: Acquire; pairs with the Release in `grant`, so that the grant's view of the last holder's
            // section is ours too.
            if waiter.is_granted.load(Ordering::Acquire) {
                return Ok(());
            }
            if state == TaskState::Killable && waiter.task.is_killed() {
                return self.give_up(&waiter);
            }
            Task::sleep();
        }
    }

    /// Leaves the queue after a kill, unless the lock came first.
    fn give_up(&self, waiter: &Arc<Waiter>) -> Result<(), Interrupted> {
        let mut queue = lock(&self.queue);
        // ORDERING: Acquire; as in `down_slow`.
        if waiter.is_granted.load(Ordering::Acquire) {
            return Ok(());
        }
        queue.retain(|other| !Arc::ptr_eq(other, waiter));
        self.clear_waiters_if_empty(&queue);
        // We may have been the writer that kept readers from joining the present ones.
        self.grant(&mut queue);
        Err(Interrupted)
    }

    #[cold]
    fn hand_over(&self) {
        let mut queue = lock(&self.queue);
        self.grant(&mut queue);
    }

    /// Gives the lock to the head of the queue, as far as it is free. While WAITERS is set nobody else can take it.
    fn grant(&self, queue: &mut VecDeque<Arc<Waiter>>) {
        while let Some(head) = queue.front() {
            let (forbidden, add) = match head.mode {
                RwsemMode::Read => (WRITER, READER),
                RwsemMode::Write => (!WAITERS, WRITER),
            };
            // ORDERING: Acquire; pairs with the Release of the holders that left. Only releases can interfere, and
            // those make it more free: a failed exchange is tried again.
            let taken = self.count.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |count| {
                (count & forbidden == 0).then_some(count + add)
            });
            if taken.is_err() {
                break;
            }
            let head = queue.pop_front().expect("the front was just looked at under the same lock");
            self.clear_waiters_if_empty(queue);
            // ORDERING: Release; pairs with the Acquire in `down_slow`.
            head.is_granted.store(true, Ordering::Release);
            head.task.wake();
        }
    }

    fn clear_waiters_if_empty(&self, queue: &VecDeque<Arc<Waiter>>) {
        if queue.is_empty() {
            // ORDERING: Relaxed; the bit only says whether to look at the queue, whose lock orders the rest.
            self.count.fetch_and(!WAITERS, Ordering::Relaxed);
        }
    }
}
