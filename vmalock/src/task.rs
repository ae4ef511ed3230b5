//! The task: what a thread is to the locks. It can be identified, woken, and killed.
//!
//! "Killed" is the user-space form of a fatal signal: a flag that interrupts the killable waits of one task
//! ([`Task::kill`]) and nothing else. Tasks are recycled, never freed, so a late wake-up through a stale reference is a
//! spurious one, which every wait tolerates.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::sync::{Thread, current as current_thread, park, park_timeout, thread_local};

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

/// A thread, as the locks see it.
#[derive(Debug)]
pub struct Task {
    /// Never 0, never used twice.
    // INVARIANT: changes only when a recycled task gets a new thread.
    id: AtomicU64,
    thread: Mutex<Option<Thread>>,
    kill_pending: AtomicBool,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);
static FREE: Mutex<Vec<&'static Task>> = Mutex::new(Vec::new());

/// Gives the task back when its thread ends.
struct Slot(&'static Task);

impl Drop for Slot {
    fn drop(&mut self) {
        *lock(&self.0.thread) = None;
        lock(&FREE).push(self.0);
    }
}

thread_local! {
    static CURRENT: Slot = Slot(Task::take());
}

// std's own: destructors of thread-locals are nothing that is model-checked.
std::thread_local! {
    /// What a thread is once `CURRENT` was destroyed, in destructors that run later. Has none itself.
    static LATE: Cell<Option<&'static Task>> = const { Cell::new(None) };
}

impl Task {
    /// The task of the calling thread.
    #[must_use]
    pub fn current() -> &'static Self {
        // In destructors that run after ours the thread gets one more task, which is never recycled.
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

    /// A number that no other task has or had; never 0.
    #[must_use]
    pub fn id(&self) -> u64 {
        // ORDERING: Relaxed; written before the task is handed to its thread.
        self.id.load(Ordering::Relaxed)
    }

    /// Interrupts the task's killable wait, the present one or the next (a fatal signal).
    pub fn kill(&self) {
        // ORDERING: SeqCst; store-buffering pair with a waiter that publishes itself, then reads this flag: without a
        // total order both could miss each other and the wait would sleep on. The token of `unpark` closes the rest.
        self.kill_pending.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Forgets a kill, so that the task can wait again. A killed kernel task cannot; a pooled thread wants to.
    pub fn revive(&self) {
        // ORDERING: Relaxed; called by the task itself between waits.
        self.kill_pending.store(false, Ordering::Relaxed);
    }

    /// Whether the task was killed (`fatal_signal_pending`).
    #[must_use]
    pub fn is_killed(&self) -> bool {
        // ORDERING: SeqCst; see `kill`.
        self.kill_pending.load(Ordering::SeqCst)
    }

    /// Ends the task's present sleep, or its next (`wake_up_process`).
    pub(crate) fn wake(&self) {
        // The handle is cloned out, so that no lock is held across the unpark.
        let thread = lock(&self.thread).clone();
        if let Some(thread) = thread {
            thread.unpark();
        }
    }

    /// Sleeps until woken; may wake for no reason (`schedule`).
    pub(crate) fn sleep() {
        park();
    }

    /// Sleeps until woken, or for `limit`; may wake for no reason (`schedule_timeout`).
    pub(crate) fn sleep_up_to(limit: Duration) {
        park_timeout(limit);
    }

    fn take() -> &'static Self {
        let recycled = lock(&FREE).pop();
        let task = recycled.unwrap_or_else(|| {
            Box::leak(Box::new(Self {
                id: AtomicU64::new(0),
                thread: Mutex::new(None),
                kill_pending: AtomicBool::new(false),
            }))
        });
        // ORDERING: Relaxed; only uniqueness matters.
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        // ORDERING: Relaxed; the new thread reads it in program order, others only after it published the task.
        task.id.store(id, Ordering::Relaxed);
        task.revive();
        *lock(&task.thread) = Some(current_thread());
        task
    }
}

// Not the mutex of `sync`: a task is bookkeeping of the platform, not part of the protocol that is model-checked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
