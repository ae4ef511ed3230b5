//! A report that shows another sighting of an order: one of locks that two threads have.
//!
//! An order may be seen first where a function makes an object, which others do not have yet. Only
//! the source tells, so the reader of the source decides which sighting is shown.

use std::collections::BTreeSet;

use super::detail::DetailWords;
use super::model::{Report, ReportDependency, ReportLock};
use super::note::Note;
use super::{held_now, help, holder, notes, under_guard};

impl Report {
    /// Returns whether an order of the cycle was also seen on locks that two threads have.
    pub fn has_shared(&self) -> bool {
        self.cycle.iter().any(|step| step.shared.is_some())
    }

    /// Shows, in place of each first sighting that `is_replaced` is true of, the sighting of locks
    /// that two threads have; returns which steps of the cycle show one now. Notes and advice
    /// follow. Without effect where there is no other sighting, and for a code that this version
    /// does not know.
    pub fn show_shared(&mut self, is_replaced: &dyn Fn(&ReportDependency) -> bool) -> Vec<usize> {
        let mut shown = Vec::new();
        let Some(code) = self.code.known() else { return shown };
        for (index, step) in self.cycle.iter_mut().enumerate().filter(|(_, step)| is_replaced(step)) {
            let Some(shared) = step.shared.take() else { continue };
            *step = ReportDependency { count: step.count, closing: step.closing, ..*shared };
            shown.push(index);
            if step.closing {
                self.thread.clone_from(&step.thread);
                let [held, wanted] = locks_of(step);
                (self.conflict, self.subject) = (Some(held), Some(wanted));
            }
        }
        if shown.is_empty() {
            return shown;
        }
        held_now::complete(self);
        holder::name_callers(self);
        let threads: BTreeSet<&str> = self.cycle.iter().map(|step| step.thread.as_str()).collect();
        // How the sides were ordered was asked of the first sightings.
        (self.evidence.threads, self.evidence.ordered) = (threads.len(), None);
        let left_out = std::mem::take(&mut self.notes).into_iter();
        let left_out = left_out.filter(|note| matches!(note, Note::CycleCut { .. } | Note::HeldCut { .. }));
        let left_out: Vec<Note> = left_out.collect();
        self.notes = notes::notes(code, self, &DetailWords::None);
        self.notes.extend(left_out);
        self.help = help::help(code, self, &DetailWords::None);
        self.help.splice(0..0, under_guard::advice(code, self));
        shown
    }
}

/// The two locks of an order, as a report points at them.
fn locks_of(step: &ReportDependency) -> [ReportLock; 2] {
    let held = ReportLock {
        class: step.from.clone(),
        hash: step.from_hash.clone(),
        mode: step.held_mode,
        wait: lockdep_validator::Wait::Blocking,
        instance: step.instances.0,
        site: step.held_site.clone(),
        frames: step.frames_held.frames.clone(),
        exact: step.frames_held.exact,
        first_seen: Vec::new(),
    };
    let wanted = ReportLock {
        class: step.to.clone(),
        hash: step.to_hash.clone(),
        mode: step.acquire_mode,
        wait: step.acquire_wait,
        instance: step.instances.1,
        site: step.acquire_site.clone(),
        frames: step.frames_acquire.frames.clone(),
        exact: step.frames_acquire.exact,
        first_seen: Vec::new(),
    };
    [held, wanted]
}
