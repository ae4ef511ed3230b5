//! What one task holds, where it is, and what it has validated already.

use super::context::{ContextId, ContextSet};
use super::held::{HeldLock, Rare};
use super::segment::Segment;
use crate::base::acquisition::Acquisition;
use crate::base::id::{LockId, TaskId};
use crate::base::mix::mix;
use crate::state::class::WaitType;

/// Slots of the per-task cache; a power of two.
const N_SLOTS: usize = 512;

/// The chain key of a task that holds nothing.
pub(crate) const EMPTY_CHAIN: u64 = 0x5bd1_e995_9d1d_6ab3;

/// A context that a task is in, and what to go back to when it leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entered {
    pub(crate) context: ContextId,
    /// What may be waited for inside.
    pub(crate) limit: WaitType,
    /// The chain of what was interrupted.
    pub(crate) chain: u64,
    /// What was masked (as difference from the start) before.
    pub(crate) toggled: ContextSet,
    /// How many locks were held before.
    pub(crate) n_held: usize,
}

/// Everything one task holds, and its caches. Owned by the embedder, one for each thread (or task of a trace).
#[derive(Debug)]
pub struct TaskContext {
    /// The chain key of what is held in the current context.
    pub(crate) chain: u64,
    /// The context part of validation keys; zero in a plain context.
    pub(crate) state: u64,
    /// INVARIANT: every key in `seen` was validated in this epoch.
    pub(crate) epoch: u64,
    /// A direct-mapped cache of validated keys. INVARIANT: no key in it is zero.
    seen: Box<[u64; N_SLOTS]>,
    pub(crate) held: Vec<HeldLock>,
    pub(crate) rare: Vec<Rare>,
    pub(crate) entered: Vec<Entered>,
    /// Contexts whose mask differs from what it was at the start.
    pub(crate) toggled: ContextSet,
    /// Whether locks were held that are no longer on the stack: questions about held locks have no answer then.
    pub(crate) is_unknown: bool,
    pub(crate) id: TaskId,
    pub(crate) segment: u32,
    /// What this task acquired, if its parent wants to know.
    pub(crate) acquired: Option<Vec<Acquisition>>,
    /// The next instance number of this task's block, and the end of the block.
    pub(crate) instances: std::ops::Range<u64>,
    pub(crate) n_pins: u64,
}

impl TaskContext {
    /// A task that holds nothing.
    pub fn new(id: TaskId) -> Self {
        Self {
            chain: EMPTY_CHAIN,
            state: 0,
            epoch: 0,
            seen: Box::new([0; N_SLOTS]),
            held: Vec::with_capacity(16),
            rare: Vec::new(),
            entered: Vec::new(),
            toggled: ContextSet::EMPTY,
            is_unknown: false,
            id,
            segment: 0,
            acquired: None,
            instances: 0..0,
            n_pins: 0,
        }
    }

    /// The task's id.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// How many locks it holds.
    pub fn n_held(&self) -> usize {
        self.held.len()
    }

    /// The locks it holds, oldest first.
    pub fn held_locks(&self) -> impl DoubleEndedIterator<Item = LockId> + '_ {
        self.held.iter().map(|held| held.lock)
    }

    /// Whether it holds the lock in any mode.
    #[inline]
    pub fn holds(&self, lock: LockId) -> bool {
        self.held.iter().any(|held| held.lock == lock)
    }

    /// The fast half of [`Validator::release`](crate::Validator::release): if the lock is the newest of the current context and
    /// nothing about it is out of the ordinary, takes it off the stack and returns true; otherwise does nothing.
    ///
    /// Calls nothing and cannot panic.
    #[inline(always)]
    pub fn release_newest(&mut self, lock: LockId) -> bool {
        let is_newest = self.held.last().is_some_and(|newest| {
            newest.lock == lock && !newest.is_rare && newest.depth as usize == self.entered.len()
        });
        if is_newest && let Some(newest) = self.held.pop() {
            self.chain = newest.previous_chain;
        }
        is_newest
    }

    /// Makes the next acquisition take the slow path, whatever is known.
    pub fn look_again(&mut self) {
        self.epoch = 0;
    }

    /// The stretch of the task that is running.
    pub fn segment(&self) -> Segment {
        Segment { task: self.id, number: self.segment }
    }

    /// Forgets what it holds and where it is: the child of a fork starts anew.
    pub fn reset(&mut self) {
        *self = Self::new(self.id);
    }

    /// Whether the key was validated by this task in this epoch.
    #[inline(always)]
    pub(crate) fn has_seen(&self, key: u64) -> bool {
        self.seen[slot(key)] == key
    }

    pub(crate) fn remember(&mut self, key: u64) {
        if key != 0 {
            self.seen[slot(key)] = key;
        }
    }

    /// Empties the cache and starts a new epoch.
    pub(crate) fn forget_all(&mut self, epoch: u64) {
        self.seen.fill(0);
        self.epoch = epoch;
    }

    /// What a chain is validated under: the chain, and the context where that is not the plain one.
    #[inline(always)]
    pub(crate) fn validation_key(&self, chain: u64) -> u64 {
        chain ^ self.state
    }

    /// The chain key with which a new context starts.
    pub(crate) fn chain_of_context(context: ContextId) -> u64 {
        mix(EMPTY_CHAIN, context.index() as u64 + 1)
    }

    /// The contexts the task is in.
    pub(crate) fn entered_contexts(&self) -> ContextSet {
        self.entered.iter().fold(ContextSet::EMPTY, |set, entered| set.or(ContextSet::of(entered.context)))
    }

    /// The first held lock of the current context.
    pub(crate) fn context_start(&self) -> usize {
        self.entered.last().map_or(0, |entered| entered.n_held)
    }

    /// The newest entry of a lock.
    pub(crate) fn position(&self, lock: LockId) -> Option<usize> {
        self.held.iter().rposition(|held| held.lock == lock)
    }

    /// The chain key after the held lock at `index` was acquired.
    pub(crate) fn chain_after(&self, index: usize) -> u64 {
        let next = self.held.get(index + 1).filter(|next| self.held[index].depth == next.depth);
        if let Some(next) = next {
            return next.previous_chain;
        }
        let depth = self.held[index].depth as usize;
        self.entered.get(depth).map_or(self.chain, |entered| entered.chain)
    }

    pub(crate) fn rare_of(&self, index: usize) -> Option<&Rare> {
        self.rare.iter().find(|rare| rare.index == index)
    }
}

#[inline(always)]
fn slot(key: u64) -> usize {
    // The upper bits of a product are its best.
    #[expect(clippy::cast_possible_truncation, reason = "masked by the shift")]
    {
        (key >> (u64::BITS - N_SLOTS.ilog2())) as usize
    }
}
