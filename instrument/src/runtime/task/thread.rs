//! The state of a thread: everything that the runtime keeps for it.
//!
//! Who may use it, and how the fast path finds it, is not here (`access.rs`, `places.rs`).

use std::mem::offset_of;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};

use lockdep_validator::{Acquire, ContextId, Outcome, Site, TaskContext, Violation, WoundWait};

use crate::runtime::Runtime;
use crate::runtime::identity::classes::ClassCache;
use crate::runtime::stat::ThreadStat;
use crate::runtime::system::stack_bounds::Bounds;
use crate::runtime::wait::WaitSlot;

use super::mark::Mark;
use super::parked::ParkedLocks;
use super::places::QuickStack;

/// Everything the runtime keeps for one thread.
#[derive(Debug)]
pub(crate) struct Task {
    /// What the thread holds, and what it has validated.
    pub(crate) context: TaskContext,
    /// The same, where the fast path finds it.
    pub(crate) quick: QuickStack,
    /// The process's runtime; here, so that the fast path needs no other way to it.
    pub(crate) runtime: &'static Runtime,
    /// Classes this thread has used, by creation site and type.
    pub(crate) classes: ClassCache,
    /// An acquisition that would deadlock with the thread itself, until its wrapper has tried the
    /// real lock.
    pub(crate) pending: Option<Box<Pending>>,
    /// Where it wanted an upgradable hold to become exclusive last.
    pub(crate) upgraded_at: Site,
    /// Its wound/wait transactions that are open.
    pub(crate) transactions: Vec<WoundWait>,
    /// What is left to do beside validating. Almost every thread has none, and one test shows that.
    pub(crate) extra: Option<Box<ExtraWork>>,
    /// Where the thread says what it waits for.
    pub(crate) wait: &'static WaitSlot,
    /// How many of its messages were looked at.
    pub(crate) n_learned: u32,
    /// What it marks words with.
    pub(crate) mark: Mark,
    /// Where the thread's stack lies.
    pub(crate) stack: Bounds,
    /// How many guards mask each context.
    pub(crate) n_masks: [u16; ContextId::LIMIT as usize],
    /// Whether the thread's function is over: the end of the process waits for what its end has to
    /// say.
    pub(crate) is_ending: bool,
    /// The flow that the thread runs; `None` while it runs none.
    pub(crate) flow: Option<FlowPlace>,
    /// Locks of threads that suspended flows of this thread hold.
    pub(crate) parked: ParkedLocks,
    /// Whether the thread itself, without a flow, waits for an async lock.
    pub(crate) blocks: bool,
}

/// Where a flow was made, and where its future lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlowPlace {
    pub(crate) made_at: &'static Location<'static>,
    /// The address of the future.
    pub(crate) start: usize,
    /// Its size.
    pub(crate) n_bytes: usize,
}

impl FlowPlace {
    /// Whether what is at this address lies inside the future.
    pub(crate) const fn contains(&self, address: usize) -> bool {
        address.wrapping_sub(self.start) < self.n_bytes
    }
}

/// See [`Task::extra`]. INVARIANT: never empty.
#[derive(Debug, Default)]
pub(crate) struct ExtraWork {
    /// A denied report was made where a panic was not possible; the next blocking acquisition
    /// panics with it.
    pub(crate) panic_due: Option<String>,
    /// What was found, if its report comes after that of a deadlock.
    pub(crate) held_back: Option<Outcome>,
    /// What the thread counts under `LOCKDEP_STAT=1`.
    pub(crate) stat: Option<ThreadStat>,
}

impl Task {
    /// Takes the number of a new lock, if the thread has one left. Another event may do the same
    /// between any two steps.
    ///
    /// # Safety
    ///
    /// The state lives, and no reference to it exists.
    pub(crate) unsafe fn take_number(task: *mut Self) -> Option<u64> {
        // SAFETY: both are words of the state, which only this thread and its signal handlers use.
        unsafe {
            let first = task.cast::<u8>().wrapping_add(offset_of!(Self, context));
            let next = &*first.wrapping_add(TaskContext::NEXT_NUMBER).cast::<AtomicU64>();
            let end = *first.wrapping_add(TaskContext::END_OF_NUMBERS).cast::<u64>();
            // ORDERING: Relaxed: one thread and its signal handlers.
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number < end { Some(number) } else { None }
        }
    }

    /// Has the next blocking acquisition panic with this message.
    pub(crate) fn owe_panic(&mut self, message: String) {
        self.extra.get_or_insert_default().panic_due = Some(message);
    }

    /// Has reports name the flow that the thread runs, if it runs one: something is seen for the
    /// first time, perhaps.
    #[inline]
    pub(crate) fn name_flow(&self) {
        if let Some(flow) = self.flow {
            self.runtime.names.add_flow(self.context.id(), flow.made_at);
        }
    }

    /// The message of a panic that is due.
    pub(crate) fn take_panic(&mut self) -> Option<String> {
        let message = self.extra.as_mut()?.panic_due.take();
        self.drop_empty_extra();
        message
    }

    /// Leaves the report of what was found until the thread has looked whether its wait closes a
    /// ring.
    pub(crate) fn hold_back(&mut self, outcome: Outcome) {
        self.extra.get_or_insert_default().held_back.get_or_insert_default().append(outcome);
        self.context.look_again();
    }

    /// Whether a report was held back.
    pub(crate) fn is_holding_back(&self) -> bool {
        self.extra.as_ref().is_some_and(|extra| extra.held_back.is_some())
    }

    /// What was held back; clean if nothing was.
    pub(crate) fn take_held_back(&mut self) -> Outcome {
        let outcome = self.extra.as_mut().and_then(|extra| extra.held_back.take());
        self.drop_empty_extra();
        outcome.unwrap_or(Outcome::CLEAN)
    }

    fn drop_empty_extra(&mut self) {
        let is_empty = |extra: &ExtraWork| {
            extra.stat.is_none() && extra.panic_due.is_none() && extra.held_back.is_none()
        };
        if self.extra.as_ref().is_some_and(|extra| is_empty(extra)) {
            self.extra = None;
        }
    }

    /// What the thread counts, if it counts.
    pub(crate) fn stat(&mut self) -> Option<&mut ThreadStat> {
        self.extra.as_mut()?.stat.as_mut()
    }
}

/// See [`Task::pending`].
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) acquire: Acquire,
    /// Whether an upgradable hold is to become exclusive, rather than a lock to be taken.
    pub(crate) is_upgrade: bool,
    pub(crate) violation: Violation,
}
