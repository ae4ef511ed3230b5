//! Contexts: entering, leaving, masking.

use std::sync::PoisonError;

use super::chain::rechain;
use super::overflow::overflow_acquisition;
use super::{EventFindings, Outcome, StackSource, TaskContext, Validator};
use crate::base::mix::mix;
use crate::base::site::Site;
use crate::check::usage::{self, Usage};
use crate::check::violation::{Code, Detail};
use crate::mutant::{self, Mutant};
use crate::state::class::WaitType;
use crate::state::context::{Context, ContextAttributes, ContextId, ContextSet};
use crate::state::task::Entered;

/// Contexts nested deeper than this are counted and not entered.
const MAX_DEPTH: usize = 200;

impl Validator {
    /// Registers a context, or finds the one of that name (its attributes stay). `None` when there
    /// are [`ContextId::LIMIT`] already.
    pub fn register_context(&self, name: &str, attributes: ContextAttributes) -> Option<ContextId> {
        let Some((context, is_new)) = self.contexts.register(name, attributes) else {
            self.count_dropped();
            return None;
        };
        if is_new {
            // Chains that were validated before say nothing about the new context.
            self.chains.clear();
            self.bump_epoch();
        }
        Some(context)
    }

    /// Returns a registered context.
    pub fn context(&self, context: ContextId) -> Option<&Context> {
        self.contexts.context(context)
    }

    /// Announces that the task is interrupted: what follows runs in the context until
    /// [`Validator::context_exit`]. `limit` overrides the context's own wait limit (a threaded
    /// interrupt handler).
    pub fn context_enter(&self, task: &mut TaskContext, context: ContextId, limit: Option<WaitType>) {
        let Some(attributes) = self.contexts.context(context).map(|context| context.attributes) else {
            return;
        };
        if task.entered().len() >= MAX_DEPTH {
            self.count_dropped();
            return;
        }
        let entered = Entered {
            context,
            limit: limit.unwrap_or(attributes.wait_limit),
            chain: task.chain,
            toggled: task.toggled,
            n_held: task.held.len(),
        };
        task.enter(entered);
        let mut masks = attributes.masks;
        if attributes.masks_itself {
            masks = masks.or(ContextSet::of(context));
        }
        let open = masks.without(self.contexts.masked(task.toggled));
        task.toggled = task.toggled.differing(open);
        task.chain = TaskContext::chain_of_context(context);
        self.update_state(task);
    }

    /// Announces that the task leaves the context that it entered last. What is still held from
    /// inside it is dropped and reported (LD0009); what it interrupted is as it was before.
    pub fn context_exit(
        &self,
        task: &mut TaskContext,
        context: ContextId,
        site: Site,
        stacks: &dyn StackSource,
    ) -> Outcome {
        if task.entered().last().is_none_or(|entered| entered.context != context) {
            return Outcome::CLEAN;
        }
        let mut findings = EventFindings::default();
        let first = task.context_start();
        self.drop_movable(task, first);
        let first = task.context_start();
        let depth = task.entered().len();
        if task.held.len() > first {
            self.report_held_at_end(task, first, &mut findings);
        }
        while task.held.len() > first {
            self.remove_held(task, task.held.len() - 1);
        }
        task.overflow.leave(depth);
        let Some(entered) = task.leave() else { return findings.into() };
        let before = self.contexts.enabled(task.toggled);
        task.toggled = entered.toggled;
        rechain(task, first);
        self.update_state(task);
        self.mark_enabled(task, before, site, stacks, findings)
    }

    /// Announces that the context cannot interrupt the task from here on. Masks do not nest.
    pub fn context_mask(&self, task: &mut TaskContext, context: ContextId) {
        let open = ContextSet::of(context).without(self.contexts.masked(task.toggled));
        task.toggled = task.toggled.differing(open);
        self.update_state(task);
    }

    /// Announces that the context may interrupt the task again: everything held is marked as held
    /// where it may run.
    pub fn context_unmask(
        &self,
        task: &mut TaskContext,
        context: ContextId,
        site: Site,
        stacks: &dyn StackSource,
    ) -> Outcome {
        let before = self.contexts.enabled(task.toggled);
        let masked = ContextSet::of(context).and(self.contexts.masked(task.toggled));
        task.toggled = task.toggled.differing(masked);
        self.update_state(task);
        self.mark_enabled(task, before, site, stacks, EventFindings::default())
    }

    /// Marks everything held as held with each context enabled that was not before.
    fn mark_enabled(
        &self,
        task: &TaskContext,
        before: ContextSet,
        _site: Site,
        _stacks: &dyn StackSource,
        mut findings: EventFindings,
    ) -> Outcome {
        let opened = self.contexts.enabled(task.toggled).without(before);
        if opened.is_empty() || task.held.is_empty() || mutant::is(Mutant::UnmaskDoesNotMark) {
            return findings.into();
        }
        let view = self.view(task);
        let mut knowledge = self.knowledge.lock().unwrap_or_else(PoisonError::into_inner);
        for context in opened.iter() {
            for index in 0..task.held.len() {
                if !view.is_checked(&task.held[index]) {
                    continue;
                }
                let acquisition = view.acquisition(index);
                let mark = (context, Usage::Enabled);
                if let Some(violation) =
                    usage::mark(&view, &mut knowledge, &self.contexts, mark, &acquisition)
                {
                    self.admit(&mut knowledge, &mut findings, violation);
                }
            }
        }
        findings.into()
    }

    /// LD0009 for what is held from `first` on.
    pub(super) fn report_held_at_end(&self, task: &TaskContext, first: usize, findings: &mut EventFindings) {
        if mutant::is(Mutant::ExitAccepted) {
            return;
        }
        let view = self.view(task);
        let mut violation = view.violation(Code::HeldAtExit, Detail::None);
        let in_overflow = || task.overflow.all().next().map(|held| overflow_acquisition(&view, held));
        let oldest = (first < task.held.len()).then(|| view.acquisition(first));
        violation.subject = oldest.or_else(in_overflow);
        self.find(findings, violation);
    }

    /// The context part of validation keys: where the task is, what may interrupt it, and what may
    /// be waited for.
    fn update_state(&self, task: &mut TaskContext) {
        if task.entered().is_empty() && task.toggled.is_empty() {
            task.state = 0;
            return;
        }
        let masks = if mutant::is(Mutant::ChainKeyIgnoresMasks) { 0 } else { task.toggled.bits() };
        let mut state = mix(1, u64::from(masks));
        for entered in task.entered() {
            state = mix(state, (entered.context.index() as u64) << 8 | entered.limit as u64);
            // What is held outside protects what is done inside, and may be the same lock that is
            // wanted inside. Kernel: handler chains do not depend on what was interrupted; its
            // rules do not look there.
            if !mutant::is(Mutant::ChainKeyIgnoresInterrupted) {
                state = mix(state, entered.chain);
            }
        }
        task.state = state;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::TaskId;
    use crate::config::Config;
    use crate::engine::NoStacks;

    #[test]
    fn leaving_a_context_restores_what_it_masked() {
        let validator = Validator::new(Config::kernel());
        let context = validator.register_context("signal", ContextAttributes::default()).expect("room");
        let mut task = TaskContext::new(TaskId(1));
        let chain = task.chain;
        validator.context_enter(&mut task, context, None);
        assert!(task.state != 0 && task.chain != chain);
        assert!(!validator.contexts.enabled(task.toggled).contains(context));
        assert!(validator.context_exit(&mut task, context, Site(1), &NoStacks).is_clean());
        assert_eq!((task.state, task.chain), (0, chain));
        assert!(validator.contexts.enabled(task.toggled).contains(context));
    }
}
