//! The arithmetic of chain keys: one number for everything that a task holds, and how it changes.

use super::TaskContext;
use crate::base::event::{Acquire, AcquireFlags};
use crate::base::id::LockId;
use crate::base::mix::{extend, mix};
use crate::base::mode::Mode;
use crate::check::instance_order;
use crate::mutant::{self, Mutant};
use crate::state::held::HeldLock;

/// Keeps keys of instance chains apart from keys of class chains in the per-task cache.
pub(super) const INSTANCE_CHAIN: u64 = 0x1f83_d9ab_fb41_bd6b;
/// Keeps chains through an acquisition under a nest lock apart from those without.
const NESTED_CHAIN: u64 = 0x510e_527f_ade6_82d1;

/// The key of a chain of single locks.
#[inline]
pub(super) fn instance_key(task: &TaskContext, wanted: &Acquire, key: u64) -> u64 {
    // Unlike the per-task cache, what all tasks share is not emptied by a new epoch.
    instance_order::instance_key(task, wanted, (key ^ INSTANCE_CHAIN).wrapping_add(task.epoch))
}

/// The same key for one task alone, in the memory that all tasks share.
#[inline]
pub(super) fn own_key(task: &TaskContext, known: u64) -> u64 {
    mix(known, u64::from(task.id.0))
}

/// The chain key after an acquisition.
///
/// A nest lock is part of it: an acquisition that one excuses gets no dependencies, and one that
/// goes through the same classes without it must not be taken for known.
pub(super) fn chain_of(task: &TaskContext, acquire: &Acquire) -> u64 {
    nested(&task.held, extend(task.chain, step(acquire)), acquire.nest)
}

fn nested(below: &[HeldLock], chain: u64, nest: Option<LockId>) -> u64 {
    let Some(nest) = nest.filter(|_| !mutant::is(Mutant::ChainKeyIgnoresNest)) else { return chain };
    // Which of the held locks it is: only what lies above it is excused.
    let place = below.iter().position(|held| held.lock == nest).map_or(0, |index| index as u64 + 1);
    mix(chain, NESTED_CHAIN ^ place)
}

/// What one acquisition adds to a chain key.
#[inline(always)]
pub(super) fn step(acquire: &Acquire) -> u64 {
    step_of(acquire.lock, acquire.subclass.level(), acquire.mode, acquire.wait as u8, acquire.flags)
}

#[inline(always)]
fn step_of(lock: LockId, subclass: u8, mode: Mode, wait: u8, flags: AcquireFlags) -> u64 {
    let mode = if mutant::is(Mutant::ChainKeyIgnoresMode) { Mode::Exclusive } else { mode };
    let subclass = if mutant::is(Mutant::ChainKeyIgnoresSubclass) { 0 } else { subclass };
    let wait = if mutant::is(Mutant::ChainKeyIgnoresWait) { 0 } else { wait };
    let flags = if mutant::is(Mutant::ChainKeyIgnoresFlags) { AcquireFlags::NONE } else { flags };
    // INVARIANT: 24 + 15 bits that do not overlap.
    (lock.raw() >> LockId::INSTANCE_BITS) | step_part(subclass, mode, wait, flags)
}

/// The part of a [`step`] that does not depend on the lock.
#[inline(always)]
pub(super) const fn step_part(subclass: u8, mode: Mode, wait: u8, flags: AcquireFlags) -> u64 {
    // INVARIANT: 3 + 2 + 2 + 8 bits above those of a class, which do not overlap.
    (subclass as u64) << 24 | (mode as u64) << 27 | (wait as u64) << 29 | (flags.0 as u64) << 31
}

/// The chain key after a held lock that is not rare.
pub(super) fn chain_with(held: &HeldLock) -> u64 {
    let step = step_of(held.lock, held.subclass.level(), held.mode, held.wait as u8, held.flags);
    extend(held.previous_chain, step)
}

/// The chain key after the held lock at `index`.
fn chain_at(task: &TaskContext, index: usize) -> u64 {
    let held = &task.held[index];
    let nest = task.rare_of(index).filter(|_| held.is_rare).and_then(|rare| rare.nest);
    nested(&task.held[..index], chain_with(held), nest)
}

/// Recomputes the chain keys from the held lock at `first` on, after something below them changed.
pub(super) fn rechain(task: &mut TaskContext, first: usize) {
    for index in first..task.held.len() {
        let depth = task.depth_of(index);
        let previous = match index.checked_sub(1) {
            Some(below) if task.depth_of(below) == depth => chain_at(task, below),
            _ => start_of(task, depth),
        };
        let held = &mut task.held[index];
        // The stack stored for the new chain belongs to the task that first saw that chain.
        held.is_first_sighting &= held.previous_chain == previous;
        held.previous_chain = previous;
    }
    let depth = task.entered().len();
    task.chain = match task.held.last() {
        Some(_) if task.held.len() > task.context_start() => chain_at(task, task.held.len() - 1),
        _ => start_of(task, depth),
    };
}

/// The chain key with which the context at `depth` began.
fn start_of(task: &TaskContext, depth: usize) -> u64 {
    match depth.checked_sub(1).and_then(|below| task.entered().get(below)) {
        Some(entered) => TaskContext::chain_of_context(entered.context),
        None => crate::state::task::EMPTY_CHAIN,
    }
}
