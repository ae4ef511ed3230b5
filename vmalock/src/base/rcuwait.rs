//! `rcuwait`: one task waits for a condition that others make true.
//!
//! Waiter: publish self, full fence, test the condition *first*, then a kill, sleep, repeat. Waker:
//! change what the condition reads, full fence, look for a waiter, wake it. The two fences make a
//! store-buffering pair: it cannot be that the waiter misses the change and the waker misses the
//! waiter.
//!
//! Source: `include/linux/rcuwait.h`, `kernel/exit.c` (v7.1).

use std::time::{Duration, Instant};

use super::super::probe::mutant::{Mutant, seeded};
use super::super::probe::reached;
use super::super::probe::step::Point;
use super::events::Waits;
use super::static_ref::StaticRef;
use super::sync::{Ordering, fence, has_passed, n_spins};
use super::task::{Interrupted, TaskState, TaskStruct};

/// After this long a wait is worth a word: readers of a VMA leave within a fault.
pub(crate) const STALL: Duration = Duration::from_secs(10);

/// A place for one waiting task. In an address space the mmap write lock ensures that there is only
/// one.
#[derive(Debug)]
pub struct RcuWait {
    // INVARIANT: set only by the owner of the mmap write lock, and none when it releases it.
    task: StaticRef<TaskStruct>,
    /// Waits that slept.
    pub(crate) waits: Waits,
}

impl RcuWait {
    /// Makes a wait without a waiter (`rcuwait_init`).
    #[must_use]
    pub fn new() -> Self {
        Self { task: StaticRef::none(), waits: Waits::default() }
    }

    /// Sleeps until `condition` holds (`rcuwait_wait_event`).
    ///
    /// The condition is tested before the kill: a killed task for which it already holds succeeds.
    ///
    /// # Errors
    ///
    /// [`Interrupted`] if `state` is killable, the task was killed, and the condition does not
    /// hold.
    pub fn wait_event(&self, condition: impl Fn() -> bool, state: TaskState) -> Result<(), Interrupted> {
        self.wait_event_watched(condition, state, STALL, || {})
    }

    /// As [`wait_event`](Self::wait_event); calls `on_stall` once if it waits for longer than
    /// `limit`, and waits on.
    ///
    /// # Errors
    ///
    /// As `wait_event`.
    pub(crate) fn wait_event_watched(
        &self,
        condition: impl Fn() -> bool,
        state: TaskState,
        limit: Duration,
        on_stall: impl Fn(),
    ) -> Result<(), Interrupted> {
        let task = TaskStruct::current();
        // The clock is not looked at before the first sleep.
        let mut since = None;
        let mut is_told = false;
        if seeded(Mutant::M9) {
            return self.wait_event_registering_late(condition, task);
        }
        // ORDERING: Release; the waker that loads the task sees it whole. The fence below does the
        // rest.
        self.task.store(Some(task), Ordering::Release);
        let result = loop {
            if !seeded(Mutant::M19d) {
                // ORDERING: SeqCst fence; store-buffering pair with the fence in `wake_up`: [store
                // task; fence; load count] against [change count; fence; load task]. Weaker, and
                // both may miss each other: a hang.
                fence(Ordering::SeqCst);
            }
            if seeded(Mutant::M21) && state == TaskState::Killable && task.is_killed() {
                break Err(Interrupted);
            }
            if condition() {
                break Ok(());
            }
            if state == TaskState::Killable && task.is_killed() {
                break Err(Interrupted);
            }
            // Kernel: sleeps at once. What it waits for mostly takes nanoseconds, a sleep and its
            // end microseconds.
            if spin_until(&condition) {
                break Ok(());
            }
            let since = *since.get_or_insert_with(Instant::now);
            if !is_told && has_passed(since, limit) {
                is_told = true;
                on_stall();
                continue;
            }
            reached(Point::BeforePark);
            if is_told {
                task.sleep();
            } else {
                task.sleep_up_to(limit);
            }
        };
        // ORDERING: Relaxed; a waker that still sees the task wakes it for nothing, which every
        // wait tolerates.
        self.task.store(None, Ordering::Relaxed);
        if let Some(since) = since {
            self.waits.record(since.elapsed());
        }
        result
    }

    /// Wakes the waiter, if there is one, and returns whether there was (`rcuwait_wake_up`).
    ///
    /// The caller changed what the condition reads before it called.
    pub fn wake_up(&self) -> bool {
        if !seeded(Mutant::M19e) {
            // ORDERING: SeqCst fence; pairs with the one in `wait_event`.
            fence(Ordering::SeqCst);
        }
        // ORDERING: Acquire; pairs with the Release store of the task.
        // Kernel: an RCU read section keeps the task alive here; ours is recycled, never freed.
        let Some(task) = self.task.load(Ordering::Acquire) else { return false };
        task.wake();
        true
    }

    /// Returns whether a thread waits.
    #[must_use]
    pub fn is_active(&self) -> bool {
        // ORDERING: Relaxed; for assertions and tests.
        self.task.load(Ordering::Relaxed).is_some()
    }

    /// Mutant M9: tests first, registers then.
    fn wait_event_registering_late(
        &self,
        condition: impl Fn() -> bool,
        task: &'static TaskStruct,
    ) -> Result<(), Interrupted> {
        while !condition() {
            reached(Point::BeforePark);
            // ORDERING: Release; as in `wait_event`.
            self.task.store(Some(task), Ordering::Release);
            task.sleep();
        }
        // ORDERING: Relaxed; as in `wait_event`.
        self.task.store(None, Ordering::Relaxed);
        Ok(())
    }
}

/// Looks for a moment whether `condition` comes true.
fn spin_until(condition: impl Fn() -> bool) -> bool {
    (0..n_spins()).any(|_| {
        std::hint::spin_loop();
        condition()
    })
}

impl Default for RcuWait {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_stall_is_told_once_and_the_wait_goes_on() {
        let n_told = Cell::new(0);
        let n_tested = Cell::new(0);
        let condition = || {
            n_tested.set(n_tested.get() + 1);
            n_told.get() == 1 && n_tested.get() > 8
        };
        let wait = RcuWait::new();
        let result = wait.wait_event_watched(
            condition,
            TaskState::Uninterruptible,
            Duration::from_micros(100),
            || n_told.set(n_told.get() + 1),
        );
        assert_eq!((result, n_told.get()), (Ok(()), 1));
        assert!(!wait.is_active());
    }

    #[test]
    fn a_wait_whose_stall_was_told_sleeps_until_it_is_woken() {
        use std::sync::atomic::{AtomicBool, AtomicUsize};
        static WAIT: std::sync::LazyLock<RcuWait> = std::sync::LazyLock::new(RcuWait::new);
        static N_TESTED: AtomicUsize = AtomicUsize::new(0);
        static IS_OVER: AtomicBool = AtomicBool::new(false);
        // ORDERING: Relaxed, here and below: a flag and a count; the wait orders the flag.
        let n_tested = || N_TESTED.load(Ordering::Relaxed);
        let waiter = std::thread::spawn(|| {
            let condition = || {
                N_TESTED.fetch_add(1, Ordering::Relaxed); // ORDERING: as above
                IS_OVER.load(Ordering::Relaxed) // ORDERING: as above
            };
            let state = TaskState::Uninterruptible;
            WAIT.wait_event_watched(condition, state, Duration::from_millis(1), || {})
        });
        let start = Instant::now();
        loop {
            let before = n_tested();
            std::thread::sleep(Duration::from_millis(50));
            if before > 0 && n_tested() == before {
                break;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "it wakes up again and again");
        }
        IS_OVER.store(true, Ordering::Relaxed); // ORDERING: as above
        assert!(WAIT.wake_up());
        assert_eq!(waiter.join().expect("it waits alone"), Ok(()));
    }
}
