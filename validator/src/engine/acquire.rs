//! Acquisition: the fast path, and the way to the rules.

use std::sync::atomic::Ordering;

use super::{Outcome, StackSource, TaskContext, Validator};
use crate::base::event::Acquire;
use crate::base::id::LockId;
use crate::base::mix::mix;
use crate::state::held::HeldLock;

impl Validator {
    /// An acquisition: before it waits, or after a try succeeded.
    ///
    /// If the outcome [is a self-deadlock](Outcome::is_self_deadlock), the lock was not pushed onto the held stack (but under the
    /// kernel's policy): the embedder tries the real lock, and then either [`confirm`](Validator::confirm)s, or calls
    /// [`forget`](Validator::forget) and sends the acquisition again.
    #[inline]
    pub fn acquire(&self, task: &mut TaskContext, acquire: &Acquire, stacks: &dyn StackSource) -> Outcome {
        let chain = mix(task.chain, step(acquire));
        // ORDERING: Acquire pairs with the Release of every bump: whoever sees the new epoch sees the facts behind it
        // (a class became suspect), and so takes the slow path. Seeing the old one a moment longer is as if the
        // acquisition had come a moment earlier.
        let is_current = task.epoch == self.epoch.load(Ordering::Acquire);
        if is_current
            && task.has_seen(task.validation_key(chain))
            && acquire.nest.is_none()
            && task.held.len() < task.held.capacity()
        {
            push(task, acquire, chain);
            return Outcome::CLEAN;
        }
        self.acquire_slow(task, acquire, chain, stacks)
    }

    #[cold]
    #[inline(never)]
    fn acquire_slow(
        &self,
        task: &mut TaskContext,
        acquire: &Acquire,
        chain: u64,
        _stacks: &dyn StackSource,
    ) -> Outcome {
        push(task, acquire, chain);
        Outcome::CLEAN
    }

    /// A timed or interruptible acquisition gave up, or its thread unwound: undoes the newest entry of the lock. Nothing is
    /// checked.
    pub fn acquire_failed(&self, task: &mut TaskContext, lock: LockId) {
        self.drop_held(task, lock);
    }
}

/// What one acquisition adds to a chain key.
#[inline(always)]
fn step(acquire: &Acquire) -> u64 {
    // INVARIANT: 24 + 3 + 2 + 2 + 8 bits that do not overlap.
    (acquire.lock.raw() >> LockId::INSTANCE_BITS)
        | (acquire.subclass.level() as u64) << 24
        | (acquire.mode as u64) << 27
        | (acquire.wait as u64) << 29
        | (acquire.flags.0 as u64) << 31
}

#[inline(always)]
fn push(task: &mut TaskContext, acquire: &Acquire, chain: u64) {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "contexts nest at most 255 deep, see `context_enter`"
    )]
    let depth = task.entered.len() as u8;
    task.held.push(HeldLock {
        lock: acquire.lock,
        address: acquire.address,
        site: acquire.site,
        previous_chain: task.chain,
        mode: acquire.mode,
        wait: acquire.wait,
        subclass: acquire.subclass,
        flags: acquire.flags,
        depth,
        is_rare: false,
    });
    task.chain = chain;
}
