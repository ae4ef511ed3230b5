//! What one task holds, where it is, and what it has validated already.

use std::mem::offset_of;

use super::acquired::Acquired;
use super::context::{ContextId, ContextSet};
use super::held::{HeldLock, Rare};
use super::overflow::Overflow;
use super::segment::Segment;
use crate::base::id::{ClassId, LockId, TaskId};
use crate::base::mix::extend;
use crate::state::class::WaitType;

/// Slots of the per-task cache; a power of two.
const N_SLOTS: usize = 512;

/// How many pins of locks that went away pinned are remembered.
const MAX_LOST_PINS: usize = 64;

/// How many locks are remembered whose entry was taken off the stack.
const MAX_GIVEN_UP: usize = 64;

/// How many held locks have room from the start: an embedder that [catches up](TaskContext::catch_up)
/// with fewer may do so in a signal handler, where nothing is allocated.
pub(super) const N_HELD: usize = 48;

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

/// Everything one task holds, and its caches. Owned by the embedder, one for each thread (or task
/// of a trace).
#[derive(Debug)]
pub struct TaskContext {
    /// The chain key of what is held in the current context.
    pub(crate) chain: u64,
    /// The context part of validation keys; zero in a plain context.
    pub(crate) state: u64,
    /// INVARIANT: every key in `seen` was validated in this epoch.
    pub(crate) epoch: u64,
    /// How many of the oldest held locks the fast release must leave alone: those of interrupted
    /// contexts; all of them while anything about any is out of the ordinary. INVARIANT: as
    /// `settle` computes it.
    floor: usize,
    /// INVARIANT: of a capacity of at most [`MAX_ORDERED`](super::overflow::MAX_ORDERED); what is
    /// beyond is in `overflow`.
    pub(crate) held: Vec<HeldLock>,
    pub(super) rare: Vec<Rare>,
    pub(crate) overflow: Overflow,
    /// Locks that were taken off the stack because another task had released one of their
    /// acquisitions. Bounded.
    pub(super) given_up: Vec<LockId>,
    pub(super) entered: Vec<Entered>,
    /// Contexts whose mask differs from what it was at the start.
    pub(crate) toggled: ContextSet,
    /// Whether locks were held that are no longer on the stack: questions about held locks have no
    /// answer then.
    pub(crate) is_unknown: bool,
    pub(crate) id: TaskId,
    pub(crate) segment: u32,
    /// How many waits of all tasks, of those that lockdep knows no order of, had ended when this
    /// task's last one did.
    pub(crate) moment: u32,
    /// When this task let time pass last.
    pub(crate) idled: u64,
    /// When its stretch began.
    pub(crate) began: u64,
    /// If it slept last for long, and where no task had slept before: from when its stretch began
    /// to the end of the sleep. Zero if not.
    pub(crate) sleep: std::ops::Range<u64>,
    /// When a join or a message ordered something before this task last.
    pub(crate) ordered: u64,
    /// What this task acquired, if a task may wait for its end.
    pub(crate) acquired: Option<Acquired>,
    /// The next instance number of this task's block, and the end of the block. Empty if the next
    /// is past the end.
    pub(crate) instances: std::ops::Range<u64>,
    pub(crate) n_pins: u64,
    /// The wound/wait transactions that are open, and the class of the locks of each.
    pub(crate) open_transactions: Vec<(LockId, ClassId)>,
    /// The cookies of pins whose lock went away pinned: taking one back says nothing new. Bounded.
    pub(super) lost_pins: Vec<u64>,
    /// A direct-mapped cache of validated keys, each with the epoch folded in. INVARIANT: no key in
    /// it is zero. In place, not behind a pointer: it is looked at in every acquisition.
    seen: [u64; N_SLOTS],
}

impl TaskContext {
    /// Makes a task that holds nothing.
    pub fn new(id: TaskId) -> Self {
        Self {
            chain: EMPTY_CHAIN,
            state: 0,
            epoch: 0,
            floor: 0,
            held: Vec::with_capacity(N_HELD),
            rare: Vec::new(),
            overflow: Overflow::default(),
            given_up: Vec::new(),
            entered: Vec::new(),
            toggled: ContextSet::EMPTY,
            is_unknown: false,
            id,
            segment: 0,
            moment: 0,
            idled: 0,
            began: 1,
            sleep: 0..0,
            ordered: 0,
            acquired: None,
            instances: 0..0,
            n_pins: 0,
            open_transactions: Vec::new(),
            lost_pins: Vec::new(),
            seen: [0; N_SLOTS],
        }
    }

    /// How far from its beginning it keeps the number of the next lock that gets its id from it: an
    /// embedder may take that number, by adding one, if it is less than the one at
    /// [`END_OF_NUMBERS`](Self::END_OF_NUMBERS).
    pub const NEXT_NUMBER: usize = offset_of!(Self, instances.start);
    /// How far from its beginning it keeps the end of these numbers.
    pub const END_OF_NUMBERS: usize = offset_of!(Self, instances.end);

    /// Returns the task's id.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Returns how many locks it holds.
    pub fn n_held(&self) -> usize {
        self.held.len() + self.overflow.len()
    }

    /// Returns the locks it holds, oldest first; of more than a thousand, the oldest.
    pub fn held_locks(&self) -> impl DoubleEndedIterator<Item = LockId> + '_ {
        self.held.iter().map(|held| held.lock)
    }

    /// Returns whether it holds the lock in any mode.
    #[inline]
    pub fn holds(&self, lock: LockId) -> bool {
        self.has_entry(lock) || self.overflow.get(lock).is_some()
    }

    /// Whether the lock is on the held stack.
    #[inline]
    pub(crate) fn has_entry(&self, lock: LockId) -> bool {
        self.held.iter().any(|held| held.lock == lock)
    }

    /// Does the fast half of [`Validator::release`](crate::Validator::release): looks at the lock
    /// at `address`, as given with its acquisition. Takes it off the stack and returns true, if it
    /// is the newest of the current context and what is held is all plain. Otherwise does nothing.
    /// A held lock cannot move, so its address names it.
    ///
    /// Calls nothing and cannot panic.
    #[inline(always)]
    pub fn release_newest(&mut self, address: usize) -> bool {
        self.pop_newest(|newest| newest.address == address)
    }

    #[inline(always)]
    pub(crate) fn pop_newest(&mut self, is_it: impl FnOnce(&HeldLock) -> bool) -> bool {
        let is_newest = self.held.len() > self.floor && self.held.last().is_some_and(is_it);
        if is_newest && let Some(newest) = self.held.pop() {
            self.chain = newest.previous_chain;
        }
        is_newest
    }

    /// Makes the next acquisition take the slow path, whatever is known.
    pub fn look_again(&mut self) {
        self.seen.fill(0);
    }

    /// Returns the stretch of the task that is running.
    #[inline]
    pub fn segment(&self) -> Segment {
        Segment { task: self.id, number: self.segment }
    }

    /// Forgets what it holds and where it is: the child of a fork starts afresh.
    pub fn reset(&mut self) {
        *self = Self::new(self.id);
    }

    /// Whether the key was validated by this task in this epoch.
    #[inline(always)]
    pub(crate) fn has_seen(&self, key: u64, epoch: u64) -> bool {
        let key = key ^ epoch;
        self.seen[slot(key)] == key
    }

    /// Remembers a key that was validated in the current epoch.
    pub(crate) fn remember(&mut self, key: u64) {
        let key = key ^ self.epoch;
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
        extend(EMPTY_CHAIN, (context.index() as u64 + 1) << 56)
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
        let depth = self.depth_of(index);
        match self.held.get(index + 1) {
            Some(next) if self.depth_of(index + 1) == depth => next.previous_chain,
            _ => self.entered.get(depth).map_or(self.chain, |entered| entered.chain),
        }
    }

    /// How many contexts had been entered when the held lock at `index` was acquired; a chain
    /// begins again where it changes.
    pub(crate) fn depth_of(&self, index: usize) -> usize {
        self.entered.iter().filter(|entered| entered.n_held <= index).count()
    }

    /// The contexts that the task is in, innermost last.
    pub(crate) fn entered(&self) -> &[Entered] {
        &self.entered
    }

    pub(crate) fn enter(&mut self, entered: Entered) {
        self.entered.push(entered);
        self.settle();
    }

    pub(crate) fn leave(&mut self) -> Option<Entered> {
        let left = self.entered.pop();
        self.settle();
        left
    }

    /// What few held locks have.
    pub(crate) fn rare(&self) -> &[Rare] {
        &self.rare
    }

    pub(crate) fn rare_of(&self, index: usize) -> Option<&Rare> {
        self.rare.iter().find(|rare| rare.index == index)
    }

    /// The rare properties of a held lock, to be changed; an index never changes so.
    pub(crate) fn rare_of_mut(&mut self, index: usize) -> Option<&mut Rare> {
        self.rare.iter_mut().find(|rare| rare.index == index)
    }

    /// Gives a held lock rare properties in the place of those it had.
    pub(crate) fn set_rare(&mut self, rare: Rare) {
        self.rare.retain(|known| known.index != rare.index);
        self.held[rare.index].is_rare = true;
        self.rare.push(rare);
        self.settle();
    }

    /// Takes out the rare properties of the held locks from `first` on.
    pub(crate) fn take_rare_from(&mut self, first: usize) -> Vec<Rare> {
        let (taken, kept) =
            std::mem::take(&mut self.rare).into_iter().partition(|rare: &Rare| rare.index >= first);
        self.rare = kept;
        self.settle();
        taken
    }

    /// Takes one entry off the stack; the caller sees to the chain keys.
    pub(crate) fn remove(&mut self, index: usize) -> HeldLock {
        let held = self.held.remove(index);
        for rare in self.rare.extract_if(.., |rare| rare.index == index) {
            self.lost_pins.extend(rare.pins.iter().map(|(cookie, _)| cookie));
        }
        let n_too_many = self.lost_pins.len().saturating_sub(MAX_LOST_PINS);
        self.lost_pins.drain(..n_too_many);
        for rare in self.rare.iter_mut().filter(|rare| rare.index > index) {
            rare.index -= 1;
        }
        for entered in self.entered.iter_mut().filter(|entered| entered.n_held > index) {
            entered.n_held -= 1;
        }
        self.settle();
        held
    }

    /// Takes back the pin of a lock that went away pinned; `false` if there is none.
    pub(crate) fn take_lost_pin(&mut self, cookie: u64) -> bool {
        let index = self.lost_pins.iter().rposition(|lost| *lost == cookie);
        index.map(|index| self.lost_pins.swap_remove(index)).is_some()
    }

    /// Remembers that an entry of the lock was taken off the stack because another task had
    /// released one.
    pub(crate) fn give_up(&mut self, lock: LockId) {
        if self.given_up.len() >= MAX_GIVEN_UP {
            self.given_up.remove(0);
        }
        self.given_up.push(lock);
    }

    /// Returns whether an entry of the lock was taken off the stack because another task had
    /// released one, and was not missed yet.
    pub(crate) fn has_given_up(&self, lock: LockId) -> bool {
        self.given_up.contains(&lock)
    }

    /// The task releases a lock that it does not hold: whether an entry of it was taken off the
    /// stack too early.
    pub(crate) fn take_given_up(&mut self, lock: LockId) -> bool {
        let index = self.given_up.iter().rposition(|given_up| *given_up == lock);
        index.map(|index| self.given_up.swap_remove(index)).is_some()
    }

    /// Takes everything off the stack, and the task out of every context.
    pub(crate) fn clear(&mut self) {
        self.held.clear();
        self.rare.clear();
        self.overflow.clear();
        self.open_transactions.clear();
        self.entered.clear();
        self.settle();
    }

    /// Returns whether the task is in no context and nothing about its held locks is rare.
    #[inline(always)]
    pub fn is_plain(&self) -> bool {
        self.rare.is_empty() && self.entered.is_empty()
    }

    /// Whether the held lock at `index`, if it is the newest, is released without a look at it.
    pub(crate) fn may_pop(&self, index: usize) -> bool {
        index >= self.floor
    }

    pub(super) fn settle(&mut self) {
        self.floor = if self.rare.is_empty() { self.context_start() } else { usize::MAX };
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
