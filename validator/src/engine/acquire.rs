//! Acquisition: the fast path, and the way to the rules.
//!
//! The order of the rules: wait type, usage, nest lock, chain lookup, same class,
//! dependencies.

use std::sync::atomic::Ordering;

use super::chain::{chain_of, instance_key, own_key, step};
use super::rare::keep_unsure;
use super::rules::Pass;
use super::{Outcome, StackSource, TaskContext, Validator};
use crate::base::event::{Acquire, AcquireFlags};
use crate::base::id::{ClassId, LockId};
use crate::base::mix::extend;
use crate::check::instance_order;
use crate::check::recursion::{self, Again};
use crate::check::unpublished::Standing;
use crate::check::view::Wanted;
use crate::config::SameClassPolicy;
use crate::mutant::{self, Mutant};
use crate::state::acquired::Acquired;
use crate::state::class::Validation;
use crate::state::held::{HeldLock, Rare};
use crate::state::overflow::MAX_ORDERED;
use crate::state::registry::fact;

impl Validator {
    /// Announces an acquisition: before it waits, or after a try succeeded.
    ///
    /// If the outcome [is a self-deadlock](Outcome::is_self_deadlock), the lock was not pushed onto
    /// the held stack (but under the kernel's policy): the embedder tries the real lock, and then
    /// either [`confirm`](Validator::confirm)s, or calls [`forget`](Validator::forget) and sends
    /// the acquisition again.
    #[inline]
    pub fn acquire(&self, task: &mut TaskContext, acquire: &Acquire, stacks: &dyn StackSource) -> Outcome {
        if self.acquire_known(task, acquire) {
            return Outcome::CLEAN;
        }
        self.acquire_slow(task, acquire, chain_of(task, acquire), stacks)
    }

    /// Does the fast half of [`acquire`](Validator::acquire): if this acquisition, under what the
    /// task holds, was validated before, records it and returns true; otherwise does nothing, and
    /// `acquire` must be called.
    ///
    /// Calls nothing, allocates nothing and cannot panic, so that an embedder needs neither a frame
    /// nor a landing pad around it.
    #[inline(always)]
    pub fn acquire_known(&self, task: &mut TaskContext, acquire: &Acquire) -> bool {
        let chain = extend(task.chain, step(acquire));
        // ORDERING: Acquire pairs with the Release of every bump: a thread that sees the new epoch
        // finds no key of an older one, takes the slow path, and sees the facts behind the bump (a
        // class became suspect). Seeing the old one a moment longer is as if the acquisition had
        // come a moment earlier.
        let epoch = self.epoch.load(Ordering::Acquire);
        let is_known = task.has_seen(task.validation_key(chain), epoch)
            && acquire.nest.is_none()
            && task.held.len() < task.held.capacity();
        if is_known {
            push(task, acquire, chain, false);
        }
        is_known
    }

    /// Does the same for an acquisition whose order the single locks decide (locks of one class
    /// nested, a class on a reported cycle): whether these very locks were validated before.
    /// Allocates nothing and cannot panic either.
    #[inline]
    pub fn acquire_known_instances(&self, task: &mut TaskContext, acquire: &Acquire) -> bool {
        // ORDERING: Acquire: as in `acquire_known`.
        let epoch = self.epoch.load(Ordering::Acquire);
        if task.epoch != epoch || acquire.nest.is_some() || task.held.len() == task.held.capacity() {
            return false;
        }
        let chain = extend(task.chain, step(acquire));
        let is_known = self.knows_instances(task, acquire, chain);
        if is_known {
            push(task, acquire, chain, false);
        }
        is_known
    }

    #[inline]
    fn knows_instances(&self, task: &TaskContext, acquire: &Acquire, chain: u64) -> bool {
        // A child of a scope notes what it acquires, known or not, and that is on the slow path.
        if task.acquired.as_ref().is_some_and(Acquired::is_complete) {
            return false;
        }
        let known = instance_key(task, acquire, task.validation_key(chain));
        let instance = acquire.lock.instance();
        task.has_seen(known, task.epoch)
            || self.recent.has(instance, known)
            || self.recent.has(instance, own_key(task, known))
    }

    #[cold]
    #[inline(never)]
    fn acquire_slow(
        &self,
        task: &mut TaskContext,
        acquire: &Acquire,
        chain: u64,
        stacks: &dyn StackSource,
    ) -> Outcome {
        // ORDERING: Acquire: as on the fast path.
        let epoch = self.epoch.load(Ordering::Acquire);
        // Before the new epoch begins: what is held now is older.
        let chain = if self.notice_releases(task) { chain_of(task, acquire) } else { chain };
        if task.epoch != epoch {
            task.forget_all(epoch);
        }
        if task.held.len() >= MAX_ORDERED || !task.overflow.is_empty() {
            if let Some(acquired) = &mut task.acquired {
                acquired.cut();
            }
            let outcome = self.acquire_overflow(task, acquire, chain, stacks);
            return seen_here(outcome, acquire, stacks);
        }
        self.acquire_among_few(task, acquire, chain, stacks)
    }

    /// An acquisition by a task that holds few enough locks to look at each of them.
    pub(super) fn acquire_among_few(
        &self,
        task: &mut TaskContext,
        acquire: &Acquire,
        chain: u64,
        stacks: &dyn StackSource,
    ) -> Outcome {
        if acquire.nest.is_none() && self.knows_instances(task, acquire, chain) {
            push(task, acquire, chain, false);
            return Outcome::CLEAN;
        }
        match self.registry.validation(acquire.lock.class()) {
            Validation::Untracked => {
                // Not seen, so nothing is known of what it orders.
                if let Some(acquired) = &mut task.acquired {
                    acquired.cut();
                }
                Outcome::CLEAN
            }
            Validation::Simple => {
                let unchecked = Acquire { flags: acquire.flags.union(AcquireFlags::UNCHECKED), ..*acquire };
                seen_here(self.acquire_checked(task, &unchecked, chain, stacks), acquire, stacks)
            }
            Validation::Full => {
                seen_here(self.acquire_checked(task, acquire, chain, stacks), acquire, stacks)
            }
        }
    }

    /// An acquisition of a class that is tracked, and that no cache knows.
    fn acquire_checked(
        &self,
        task: &mut TaskContext,
        acquire: &Acquire,
        chain: u64,
        stacks: &dyn StackSource,
    ) -> Outcome {
        if task.n_held() >= self.config.max_held {
            task.is_unknown = true;
            self.count_dropped();
            return Outcome::CLEAN;
        }
        let class = self.class_of_level(acquire);
        if self.merges(task, acquire, class) {
            return Outcome::CLEAN;
        }
        let wanted = Wanted::new(acquire, class, None);
        let mut again = None;
        let is_kernel = self.config.same_class == SameClassPolicy::Kernel;
        if !is_kernel && !mutant::is(Mutant::NoRecursion) {
            again = recursion::same_lock(&self.view(task), &wanted);
        }
        let mut findings = super::EventFindings::default();
        match again {
            Some((index, Again::SelfDeadlock)) => {
                let view = self.view(task);
                let conflict = view.acquisition(index);
                let violation = recursion::same_lock_violation(&view, &wanted, conflict, Again::SelfDeadlock);
                let hangs = violation.is_self_deadlock();
                self.find(&mut findings, violation);
                if hangs {
                    return findings.into();
                }
            }
            Some((_, Again::Stale)) => self.forget(task, acquire.lock),
            Some((index, Again::BehindWriter)) => {
                self.behind_writer(task, &wanted, index, stacks, &mut findings);
                keep_unsure(task, &mut findings);
            }
            Some((_, Again::Fine)) | None => {}
        }
        // Forgetting a stale entry may have changed what is held.
        let chain = if matches!(again, Some((_, Again::Stale))) { chain_of(task, acquire) } else { chain };
        let held_already = task.position(acquire.lock).filter(|_| !is_kernel);
        if let Some(index) = held_already {
            if index < task.context_start() {
                // What a context does to what it interrupted counts as its use, although it waits
                // for no thread.
                Pass::new(self, task, &wanted, true, &mut findings).only_usage().run();
            }
            // A task that holds the lock already waits for no other: no dependency. (Kernel: knows
            // classes only, records one.)
            if !acquire.flags.contains(AcquireFlags::SYNC) {
                if acquire.nest.is_none() {
                    let known = instance_key(task, acquire, task.validation_key(chain));
                    task.remember(known);
                }
                push(task, acquire, chain, false);
            }
            return findings.into();
        }
        self.validate_and_push(task, acquire, class, chain, stacks, findings)
    }

    /// Whether the task runs an initialiser.
    fn is_initialising(&self, task: &TaskContext) -> bool {
        const KINDS: [&str; 5] = ["Once", "OnceLock", "LazyLock", "OnceCell", "Lazy"];
        task.held.iter().any(|held| {
            let record = self.registry.record(held.base_class());
            record.is_some_and(|record| KINDS.contains(&record.class.key.kind.as_str()))
        })
    }

    pub(super) fn class_of_level(&self, acquire: &Acquire) -> ClassId {
        if mutant::is(Mutant::SubclassIgnored) {
            return acquire.lock.class();
        }
        self.registry.level(acquire.lock.class(), acquire.subclass)
    }

    /// Runs the rules unless the chain is known, and pushes the lock.
    fn validate_and_push(
        &self,
        task: &mut TaskContext,
        acquire: &Acquire,
        class: ClassId,
        chain: u64,
        stacks: &dyn StackSource,
        mut findings: super::EventFindings,
    ) -> Outcome {
        let key = task.validation_key(chain);
        let base = acquire.lock.class();
        // What an initialiser acquires is over for all who find the value, which is no event.
        let is_inside = task.acquired.is_some() && self.is_initialising(task);
        if task.acquired.is_some() {
            self.note_acquisition(task, acquire, class, is_inside);
        }
        let looks_at_all = task.acquired.as_ref().is_some_and(Acquired::looks_at_all);
        let suspects = self.has_suspects() && instance_order::is_suspect(&self.view(task), acquire.lock);
        let by_instance = suspects || task.held.iter().any(|held| held.base_class() == base);
        let is_known =
            self.chains.contains(key) || mutant::is(Mutant::ChainCachedEarly) && !task.held.is_empty();
        let is_traced = suspects && self.view(task).has(base, fact::TRACED);
        let (mut is_first_sighting, mut standing, mut own_stack) = (false, Standing::Published, None);
        let mut is_sure = true;
        if !is_known || by_instance || acquire.nest.is_some() || self.has_pending() {
            let stack = if is_known && !is_traced { None } else { stacks.capture() };
            is_first_sighting = stack.is_some() && !is_known;
            own_stack = stack.filter(|_| is_traced);
            let since = self.chains.generation();
            let known = || self.chains.stack(chain, base, acquire.site);
            let mut wanted = Wanted::new(acquire, class, stack.or_else(known));
            wanted.acquisition.stack_exact = !is_known || is_traced;
            standing = Pass::new(self, task, &wanted, !is_known, &mut findings).run();
            self.give_stacks(&mut findings, stacks);
            self.repeat_pairs(task, &mut findings, stacks);
            // What is not sure yet is looked at each time until it is.
            is_sure = !keep_unsure(task, &mut findings);
            if !is_known && is_sure {
                self.chains.insert_stack_of_site(base, stack, acquire.site);
                if key != chain {
                    self.chains.insert_stack(chain, stack, acquire.site);
                }
                let looks = findings.looks(task.id, acquire.is_first);
                if !self.chains.insert(key, (stack, acquire.site), looks, since) {
                    self.count_dropped();
                }
            }
        }
        let is_open = self.look_again(task, (acquire, class), (key, is_known), stacks, &mut findings);
        let is_sync = acquire.flags.contains(AcquireFlags::SYNC);
        // What a cache of the task knows is pushed without another look: not what a sync is for,
        // not without its nest lock, and not without a stack that is wanted each time.
        let is_cached = is_sure && !is_traced && !looks_at_all && !is_open;
        if acquire.nest.is_none() && !is_sync && is_cached {
            if !by_instance {
                task.remember(key);
            } else if !task.held.iter().any(|held| held.lock == acquire.lock) {
                let known = instance_key(task, acquire, key);
                task.remember(known);
                // Whether another task is at an object that is not published has to be seen, so
                // such a key is known to this task alone. Its own cache is direct-mapped: without
                // the second memory two keys of one slot would push each other out for good. So has
                // whether another task takes the order of a maker.
                let is_for_all = standing == Standing::Published && !findings.is_pair_open;
                let shared = if is_for_all { known } else { own_key(task, known) };
                self.recent.remember(acquire.lock.instance(), shared);
            }
        }
        if !is_sync {
            push(task, acquire, chain, is_first_sighting);
            if acquire.nest.is_some() || own_stack.is_some() {
                let index = task.held.len() - 1;
                task.set_rare(Rare { nest: acquire.nest, stack: own_stack, ..Rare::at(index) });
            }
        }
        findings.into()
    }

    /// Captures the stack of new orders between single locks in a chain that was known. As many
    /// orders are remembered as can be captured, once each.
    fn give_stacks(&self, findings: &mut super::EventFindings, stacks: &dyn StackSource) {
        let orders = std::mem::take(&mut findings.without_stack);
        // No lock of ours is held meanwhile.
        let Some(stack) = (!orders.is_empty()).then(|| stacks.capture()).flatten() else { return };
        let mut knowledge = self.knowledge.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for order in orders {
            knowledge.give_stack(order, stack);
        }
    }

    /// The kernel merges a nested acquisition of the newest held class into that entry. Without
    /// evidence only: the instances would be lost.
    fn merges(&self, task: &mut TaskContext, acquire: &Acquire, class: ClassId) -> bool {
        if self.config.same_class != SameClassPolicy::Kernel
            || acquire.nest.is_none()
            || mutant::is(Mutant::NoReferenceMerge)
        {
            return false;
        }
        let Some(newest) = task.held.last() else { return false };
        let index = task.held.len() - 1;
        if index < task.context_start() || self.view(task).class_of(newest) != class {
            return false;
        }
        if task.rare_of(index).is_none() {
            task.set_rare(Rare::at(index));
        }
        if let Some(rare) = task.rare_of_mut(index) {
            rare.references = if rare.references == 0 { 2 } else { rare.references.saturating_add(1) };
        }
        true
    }

    /// Whether any class is suspect; saves the look at each held class where none is.
    pub(super) fn has_suspects(&self) -> bool {
        // ORDERING: Relaxed: set before the epoch is bumped, which publishes it.
        self.n_suspects.load(Ordering::Relaxed) != 0
    }

    /// Announces that a timed or interruptible acquisition gave up, or its thread unwound: undoes
    /// the newest entry of the lock. Nothing is checked.
    pub fn acquire_failed(&self, task: &mut TaskContext, lock: LockId) {
        self.drop_held(task, lock);
    }
}

/// Gives what was just found the stack that led to it: a known chain has only that of its first
/// sighting, and the rules about one lock run before any is captured.
fn seen_here(mut outcome: Outcome, acquire: &Acquire, stacks: &dyn StackSource) -> Outcome {
    if outcome.violations().is_empty() {
        return outcome;
    }
    let Some(stack) = stacks.capture() else { return outcome };
    for violation in outcome.violations_mut() {
        let closing = violation.cycle.iter_mut().filter(|step| step.closing).map(|step| &mut step.to);
        for seen in closing.chain(&mut violation.subject) {
            if seen.lock == acquire.lock && seen.site == acquire.site {
                seen.stack = Some(stack);
                seen.stack_exact = true;
            }
        }
    }
    outcome
}

#[inline(always)]
pub(super) fn entry(task: &TaskContext, acquire: &Acquire, is_first_sighting: bool) -> HeldLock {
    HeldLock {
        lock: acquire.lock,
        address: acquire.address,
        site: acquire.site,
        previous_chain: task.chain,
        mode: acquire.mode,
        wait: acquire.wait,
        subclass: acquire.subclass,
        flags: acquire.flags,
        is_rare: false,
        is_first_sighting,
        padding: [0; 2],
    }
}

#[inline(always)]
pub(super) fn push(task: &mut TaskContext, acquire: &Acquire, chain: u64, is_first_sighting: bool) {
    task.held.push(entry(task, acquire, is_first_sighting));
    task.chain = chain;
}
