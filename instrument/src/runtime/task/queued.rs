//! Futures that queue for an async lock, of every task.

use std::sync::{Mutex, PoisonError};

use lockdep_report::await_path::Futures;
use lockdep_validator::{Acquisition, LockId, StackId, TaskId};
use rustc_hash::FxHashMap;

/// How many futures of one task that are ahead for one lock are looked at.
const MAX_AHEAD: usize = 4;
/// How many pairs of stacks are remembered.
const MAX_PAIRS: usize = 1 << 12;

/// A future that queues.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiter {
    /// Its address, which is its name while it queues.
    pub(crate) address: usize,
    /// The task that polled it first.
    pub(crate) flow: TaskId,
    /// Whether it lies inside the future of that task, so that no other task can get it.
    pub(crate) is_inside: bool,
    /// What it waits for.
    pub(crate) seen: Acquisition,
}

/// Every future that queues. Its locks are leaves.
#[derive(Debug, Default)]
pub(crate) struct Queued {
    waiters: Mutex<FxHashMap<LockId, Vec<Waiter>>>,
    /// What comparing two stacks has told. Bounded.
    compared: Mutex<FxHashMap<(StackId, StackId), Futures>>,
}

impl Queued {
    /// A future queues for the lock. Returns those of its task that are ahead and exclude it.
    pub(crate) fn join(&self, waiter: Waiter) -> Vec<Waiter> {
        let mut waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = waiters.entry(waiter.seen.lock).or_default();
        let excludes = |ahead: &&Waiter| {
            ahead.flow == waiter.flow && !(ahead.seen.mode.is_shared() && waiter.seen.mode.is_shared())
        };
        let ahead = queue.iter().filter(excludes).take(MAX_AHEAD).copied().collect();
        queue.push(waiter);
        ahead
    }

    /// The future at this address has the lock, or is dropped.
    pub(crate) fn leave(&self, lock: LockId, address: usize) {
        let mut waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(queue) = waiters.get_mut(&lock) else { return };
        queue.retain(|waiter| waiter.address != address);
        if queue.is_empty() {
            waiters.remove(&lock);
        }
    }

    /// What comparing two stacks tells; `compare_fn` is asked once for each pair.
    pub(crate) fn compared(&self, pair: (StackId, StackId), compare_fn: impl FnOnce() -> Futures) -> Futures {
        let known = self.compared.lock().unwrap_or_else(PoisonError::into_inner).get(&pair).copied();
        known.unwrap_or_else(|| {
            let futures = compare_fn();
            let mut compared = self.compared.lock().unwrap_or_else(PoisonError::into_inner);
            if compared.len() < MAX_PAIRS {
                compared.insert(pair, futures);
            }
            futures
        })
    }
}

#[cfg(test)]
mod tests {
    use lockdep_validator::{ClassId, Mode, Site, Subclass, Wait};

    use super::*;

    fn waiter(address: usize, flow: u32, mode: Mode) -> Waiter {
        let class = ClassId::from_index(0).expect("small");
        let seen = Acquisition {
            lock: LockId::new(class, 1),
            class,
            subclass: Subclass::ZERO,
            mode,
            wait: Wait::Blocking,
            address: 0,
            site: Site::UNKNOWN,
            stack: None,
            stack_exact: true,
        };
        Waiter { address, flow: TaskId::of_flow(flow), is_inside: true, seen }
    }

    #[test]
    fn those_of_the_task_that_exclude_it_are_ahead() {
        let queued = Queued::default();
        let ahead =
            |waiter| -> Vec<usize> { queued.join(waiter).iter().map(|ahead| ahead.address).collect() };
        let none: [usize; 0] = [];
        assert_eq!(ahead(waiter(1, 1, Mode::Shared)), none);
        assert_eq!(ahead(waiter(2, 2, Mode::Exclusive)), none, "another task");
        assert_eq!(ahead(waiter(3, 1, Mode::Shared)), none, "both read");
        assert_eq!(ahead(waiter(4, 1, Mode::Exclusive)), [1, 3]);
        let lock = waiter(0, 0, Mode::Shared).seen.lock;
        queued.leave(lock, 1);
        assert_eq!(ahead(waiter(5, 1, Mode::Shared)), [4]);
        (2..=5).for_each(|address| queued.leave(lock, address));
        assert!(queued.waiters.lock().expect("no panic").is_empty());
    }

    #[test]
    fn two_stacks_are_compared_once() {
        let queued = Queued::default();
        let stack = |number| StackId(std::num::NonZeroU32::new(number).expect("not zero"));
        let pair = (stack(1), stack(2));
        assert_eq!(queued.compared(pair, || Futures::Two), Futures::Two);
        assert_eq!(queued.compared(pair, || unreachable!("it is known")), Futures::Two);
    }
}
