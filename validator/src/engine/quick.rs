//! What an embedder needs that records known acquisitions itself, in memory nearer to the program,
//! and tells the engine about them only when something is to be looked at.
//!
//! The embedder asks whether an acquisition is known under a chain, and keeps the locks held with
//! their chain keys. Before it sends any event, it has the task [catch up](TaskContext::catch_up);
//! afterwards it reads what is held from the task again.

use std::sync::atomic::Ordering;

use super::chain::{INSTANCE_CHAIN, own_key, step, step_part};
use super::{TaskContext, Validator};
use crate::base::event::{Acquire, AcquireFlags};
use crate::base::id::{ChainKey, LockId, Subclass};
use crate::base::mix::extend;
use crate::base::mode::{Mode, Wait};
use crate::base::site::Site;
use crate::check::instance_order;
use crate::state::acquired::Acquired;
use crate::state::held::HeldLock;

/// The bit of a [`Manner`] for a chain that had never been seen before.
const FIRST_SIGHTING: u64 = 1 << 63;

/// How a lock is held, in one word: two entries of a lock with the same word are held alike.
///
/// It is what the acquisition adds to a chain key besides the class, and one more bit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Manner(u64);

impl Manner {
    /// Returns the manner of an acquisition of subclass zero, without flags.
    #[inline(always)]
    pub const fn plain(mode: Mode, wait: Wait) -> Self {
        Self(step_part(Subclass::ZERO.level(), mode, wait as u8, AcquireFlags::NONE))
    }

    fn of(held: &HeldLock) -> Self {
        let first = if held.is_first_sighting { FIRST_SIGHTING } else { 0 };
        Self(step_part(held.subclass.level(), held.mode, held.wait as u8, held.flags) | first)
    }

    /// Returns the word itself.
    #[inline(always)]
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// Takes a word that [`raw`](Self::raw) gave out.
    #[inline(always)]
    pub const fn from_raw(word: u64) -> Self {
        Self(word)
    }

    /// Returns the same for a stack that another lock was taken out of: the engine keeps the call
    /// stack of such a chain for the task that saw it first.
    #[inline(always)]
    #[must_use]
    pub const fn moved(self) -> Self {
        Self(self.0 & !FIRST_SIGHTING)
    }

    /// Returns the chain key after the lock of this [word](LockId::raw), which is not rare, was
    /// acquired in this manner under `chain`.
    #[inline(always)]
    pub const fn chain_after(self, chain: ChainKey, lock: u64) -> ChainKey {
        ChainKey(extend(chain.0, lock >> LockId::INSTANCE_BITS | self.moved().0))
    }

    #[expect(clippy::cast_possible_truncation, reason = "each part has its bits")]
    fn parts(self) -> (Mode, Wait, Subclass, AcquireFlags) {
        let mode = match self.0 >> 27 & 3 {
            0 => Mode::Exclusive,
            1 => Mode::Shared,
            _ => Mode::SharedRecursive,
        };
        let wait = match self.0 >> 29 & 3 {
            0 => Wait::Blocking,
            1 => Wait::Try,
            _ => Wait::Timed,
        };
        let subclass = Subclass::new((self.0 >> 24 & 7) as u8).unwrap_or(Subclass::ZERO);
        (mode, wait, subclass, AcquireFlags((self.0 >> 31) as u8))
    }
}

/// A held lock as the embedder keeps it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuickHeld {
    /// The lock object.
    pub lock: LockId,
    /// Its address, or zero.
    pub address: usize,
    /// Where it was acquired.
    pub site: Site,
    /// How it is held.
    pub manner: Manner,
}

impl QuickHeld {
    #[inline]
    fn acquire(&self) -> Acquire {
        let (mode, wait, subclass, flags) = self.manner.parts();
        Acquire { address: self.address, subclass, flags, ..Acquire::new(self.lock, mode, wait, self.site) }
    }

    fn of(held: &HeldLock) -> Self {
        Self { lock: held.lock, address: held.address, site: held.site, manner: Manner::of(held) }
    }
}

impl Validator {
    /// Returns the chain key after an acquisition of subclass zero, without flags and without a
    /// nest lock, if the task validated it before under `chain`.
    ///
    /// Calls nothing, allocates nothing and cannot panic.
    #[inline(always)]
    pub fn knows_chain(&self, task: &TaskContext, chain: ChainKey, acquire: &Acquire) -> Option<ChainKey> {
        let chain = extend(chain.0, step(acquire));
        // ORDERING: Acquire: as in `acquire_known`.
        let epoch = self.epoch.load(Ordering::Acquire);
        if task.has_seen(task.validation_key(chain), epoch) { Some(ChainKey(chain)) } else { None }
    }

    /// Does the same for an acquisition whose order the single locks decide; `held` are the locks
    /// held and their addresses, oldest first. Asks the task's own cache alone.
    #[inline(always)]
    pub fn knows_locks_lately(
        &self,
        task: &TaskContext,
        chain: ChainKey,
        acquire: &Acquire,
        held: impl Iterator<Item = (LockId, usize)>,
    ) -> Option<ChainKey> {
        let (known, epoch, chain) = self.key_of_locks(task, chain, acquire, held)?;
        if task.has_seen(known, epoch) { Some(chain) } else { None }
    }

    /// Does the same, and asks the memory that all tasks share.
    #[inline]
    pub fn knows_locks(
        &self,
        task: &TaskContext,
        chain: ChainKey,
        acquire: &Acquire,
        held: impl Iterator<Item = (LockId, usize)>,
    ) -> Option<ChainKey> {
        let (known, epoch, chain) = self.key_of_locks(task, chain, acquire, held)?;
        let instance = acquire.lock.instance();
        let is_known = task.has_seen(known, epoch)
            || self.recent.has(instance, known)
            || self.recent.has(instance, own_key(task, known));
        if is_known { Some(chain) } else { None }
    }

    #[inline(always)]
    fn key_of_locks(
        &self,
        task: &TaskContext,
        chain: ChainKey,
        acquire: &Acquire,
        held: impl Iterator<Item = (LockId, usize)>,
    ) -> Option<(u64, u64, ChainKey)> {
        // ORDERING: Acquire: as in `acquire_known`.
        let epoch = self.epoch.load(Ordering::Acquire);
        if task.epoch != epoch || task.acquired.as_ref().is_some_and(Acquired::is_complete) {
            return None;
        }
        let chain = extend(chain.0, step(acquire));
        let key = (task.validation_key(chain) ^ INSTANCE_CHAIN).wrapping_add(epoch);
        Some((instance_order::key_over(acquire, key, held), epoch, ChainKey(chain)))
    }

    /// Returns whether orders between the locks of the class of this one are remembered, so that
    /// its end means something although it is not held.
    #[inline]
    pub fn minds_end(&self, lock: LockId) -> bool {
        self.is_ordered(lock)
    }
}

impl TaskContext {
    /// Makes the held stack what the embedder says it is. Locks were acquired that are
    /// [known](Validator::knows_chain), and released where [`quick_held`](Self::quick_held) allows
    /// it; the engine was told of neither.
    pub fn catch_up(&mut self, held: impl Iterator<Item = QuickHeld>) {
        let mut n_same = 0;
        for quick in held {
            if self.held.get(n_same).is_some_and(|held| QuickHeld::of(held) == quick) {
                n_same += 1;
                continue;
            }
            self.pop_to(n_same);
            let acquire = quick.acquire();
            let chain = extend(self.chain, step(&acquire));
            super::acquire::push(self, &acquire, chain, false);
            n_same += 1;
        }
        self.pop_to(n_same);
    }

    fn pop_to(&mut self, n_held: usize) {
        while self.held.len() > n_held && self.pop_newest(|_| true) {}
    }

    /// Returns what is held, oldest first, each with the chain key after it. Says of each whether
    /// the embedder may release it itself while it is the newest. `None` if the embedder has to
    /// send every event: there is too much to keep.
    pub fn quick_held(
        &self,
        n_room: usize,
    ) -> Option<impl Iterator<Item = (QuickHeld, ChainKey, bool)> + '_> {
        if self.held.len() > n_room || !self.overflow.is_empty() {
            return None;
        }
        let entries = self.held.iter().enumerate();
        Some(
            entries.map(|(index, held)| (QuickHeld::of(held), self.chain_on(index + 1), self.may_pop(index))),
        )
    }

    /// Returns the chain key with which the next acquisition goes on if the first `n_held` locks
    /// are held, in the running context.
    pub fn chain_on(&self, n_held: usize) -> ChainKey {
        let start = self.context_start();
        ChainKey(match n_held.checked_sub(1) {
            _ if n_held == self.held.len() => self.chain,
            Some(index) if n_held > start => self.chain_after(index),
            _ => match self.entered().last() {
                Some(entered) => Self::chain_of_context(entered.context),
                None => crate::state::task::EMPTY_CHAIN,
            },
        })
    }
}
