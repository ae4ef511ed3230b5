//! The task: what a thread is to the locks. It can be identified, woken, and killed.
//!
//! "Killed" is the user-space form of a fatal signal: a flag that interrupts the killable waits of
//! one task ([`Task::kill`]) and nothing else. The structures are recycled, never freed, so a late
//! wake-up through a stale reference is a spurious one, which every wait tolerates. A late kill is
//! not tolerable: it checks which thread has the structure now.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::sleeper::Sleeper;
use super::sync::thread_local;

/// How a wait may end early (`TASK_UNINTERRUPTIBLE`, `TASK_KILLABLE`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TaskState {
    /// Only when what it waits for happens.
    Uninterruptible,
    /// Also when the task is killed.
    Killable,
}

/// The wait was interrupted because its task was killed (`-EINTR`); nothing is held.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted: the waiting task was killed")
    }
}

impl std::error::Error for Interrupted {}

/// A handle to a thread. The thread may have ended; operations on the handle then have no effect.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    of: &'static TaskStruct,
    id: u64,
}

/// What the locks keep for a thread (`struct task_struct`).
#[derive(Debug)]
pub(crate) struct TaskStruct {
    /// Whose it is: the id of a thread, 0 between two threads.
    // INVARIANT: a kill, and the change of hands, happen under this mutex, so that a kill never
    // hits a successor.
    owner: Mutex<u64>,
    kill_pending: AtomicBool,
    sleeper: Sleeper,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);
static FREE: Mutex<Vec<&'static TaskStruct>> = Mutex::new(Vec::new());

/// Gives the structure back when its thread ends.
struct Slot(&'static TaskStruct);

impl Drop for Slot {
    fn drop(&mut self) {
        *lock(&self.0.owner) = 0;
        lock(&FREE).push(self.0);
    }
}

thread_local! {
    static CURRENT: Slot = Slot(TaskStruct::take());
    /// The number of the thread. It has no destructor, so it is the same in the destructors that
    /// run after `CURRENT`'s: what the thread holds is still its own.
    static ID: Cell<u64> = Cell::default();
}

// std's own: destructors of thread-locals are nothing that is model-checked.
std::thread_local! {
    /// The structure of a thread once `CURRENT` was destroyed, in destructors that run later. Has
    /// none itself.
    static LATE: Cell<Option<&'static TaskStruct>> = const { Cell::new(None) };
}

/// The number of the calling thread: never 0, never used twice, the same until the thread is gone.
pub(crate) fn current_id() -> u64 {
    ID.with(|id| {
        if id.get() == 0 {
            // ORDERING: Relaxed; only uniqueness matters.
            id.set(NEXT_ID.fetch_add(1, Ordering::Relaxed));
        }
        id.get()
    })
}

impl Task {
    /// Returns the task of the calling thread.
    #[must_use]
    pub fn current() -> Self {
        Self { of: TaskStruct::current(), id: current_id() }
    }

    /// Returns a number that no other task has or had; never 0.
    #[must_use]
    pub fn id(self) -> u64 {
        self.id
    }

    /// Interrupts the task's killable wait, the present one or the next (a fatal signal). Does
    /// nothing if its thread has ended.
    pub fn kill(self) {
        let owner = lock(&self.of.owner);
        if *owner == self.id {
            // ORDERING: SeqCst; store-buffering pair with a waiter that publishes itself, then
            // reads this flag: without a total order both could miss each other and the wait would
            // sleep on. The token of the wake closes the rest.
            self.of.kill_pending.store(true, Ordering::SeqCst);
            self.of.wake();
        }
    }

    /// Forgets a kill, so that the task can wait again. A killed kernel task cannot; a pooled
    /// thread wants to.
    pub fn revive(self) {
        let owner = lock(&self.of.owner);
        if *owner == self.id {
            // ORDERING: Relaxed; called by the task itself between waits.
            self.of.kill_pending.store(false, Ordering::Relaxed);
        }
    }

    /// Returns whether the task was killed (`fatal_signal_pending`); false once its thread has
    /// ended.
    #[must_use]
    pub fn is_killed(self) -> bool {
        *lock(&self.of.owner) == self.id && self.of.is_killed()
    }
}

impl TaskStruct {
    /// That of the calling thread.
    pub(crate) fn current() -> &'static Self {
        // In destructors that run after ours the thread gets one more, which is never recycled.
        CURRENT.try_with(|slot| slot.0).unwrap_or_else(|_| Self::late())
    }

    #[cold]
    fn late() -> &'static Self {
        LATE.with(|late| {
            late.get().unwrap_or_else(|| {
                let task = Self::take();
                late.set(Some(task));
                task
            })
        })
    }

    pub(crate) fn is_killed(&self) -> bool {
        // ORDERING: SeqCst; see `Task::kill`.
        self.kill_pending.load(Ordering::SeqCst)
    }

    /// Ends the task's present sleep, or its next (`wake_up_process`).
    pub(crate) fn wake(&self) {
        self.sleeper.wake();
    }

    /// Sleeps until woken; may wake for no reason (`schedule`). For the task itself.
    pub(crate) fn sleep(&self) {
        self.sleeper.sleep(None);
    }

    /// Sleeps until woken, or for `limit`; may wake for no reason (`schedule_timeout`). For the
    /// task itself.
    pub(crate) fn sleep_up_to(&self, limit: Duration) {
        self.sleeper.sleep(Some(limit));
    }

    fn take() -> &'static Self {
        let recycled = lock(&FREE).pop();
        let task = recycled.unwrap_or_else(|| {
            Box::leak(Box::new(Self {
                owner: Mutex::new(0),
                kill_pending: AtomicBool::new(false),
                sleeper: Sleeper::new(),
            }))
        });
        let mut owner = lock(&task.owner);
        // ORDERING: Relaxed; kills are set under the mutex that is held.
        task.kill_pending.store(false, Ordering::Relaxed);
        task.sleeper.bind();
        *owner = current_id();
        task
    }
}

// Not the mutex of `sync`: a task is bookkeeping of the platform, not part of the protocol that is
// model-checked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
