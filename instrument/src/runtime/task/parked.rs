//! Locks of threads that suspended tasks of this thread hold.
//!
//! Such a lock stays locked until the thread runs its task again. While there is any, the engine
//! sees every event of the thread.

use lockdep_validator::{Acquire, Acquisition, LockId, TaskId, Wait};

/// A lock that a suspended task holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parked {
    /// The task.
    pub(crate) holder: TaskId,
    /// How it holds the lock.
    pub(crate) held: Acquisition,
    /// Whether no other thread runs the task.
    is_local: bool,
    is_told: bool,
}

/// Every such lock of one thread.
#[derive(Debug, Default)]
pub(crate) struct ParkedLocks(Vec<Parked>);

impl ParkedLocks {
    /// Whether there is none.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The running flow is suspended and holds these.
    pub(crate) fn add(&mut self, holder: TaskId, locks: Vec<Acquisition>, is_local: bool) {
        self.0.extend(locks.into_iter().map(|held| Parked { holder, held, is_local, is_told: false }));
    }

    /// The thread runs this flow: what it held is in the context. Returns what others hold
    /// meanwhile, each once.
    pub(crate) fn run(&mut self, flow: TaskId) -> Vec<Parked> {
        self.0.retain(|parked| parked.holder != flow);
        let untold = |parked: &mut Parked| (!std::mem::replace(&mut parked.is_told, true)).then_some(*parked);
        let news = self.0.iter_mut().filter_map(untold).collect();
        // Another thread may run its task before this one wants the lock.
        self.0.retain(|parked| parked.is_local);
        news
    }

    /// The lock is released, or was had: no suspended task holds it.
    pub(crate) fn forget(&mut self, lock: LockId) {
        self.0.retain(|parked| parked.held.lock != lock);
    }

    /// Whether a suspended task holds the lock.
    pub(crate) fn has(&self, lock: LockId) -> bool {
        self.0.iter().any(|parked| parked.held.lock == lock)
    }

    /// The hold of a suspended task that keeps the thread from ever getting the lock.
    pub(crate) fn against(&self, wanted: &Acquire) -> Option<Acquisition> {
        let excludes = |parked: &&Parked| {
            parked.is_local
                && parked.held.lock == wanted.lock
                && !(parked.held.mode.is_shared() && wanted.mode.is_shared())
        };
        let found = self.0.iter().find(excludes).filter(|_| wanted.wait == Wait::Blocking);
        found.map(|parked| parked.held)
    }
}
