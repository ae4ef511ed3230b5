//! Assertions about held locks (LD0010).

use super::overflow::overflow_acquisition;
use super::release::bare;
use super::{EventFindings, Held, HeldQuery, Outcome, TaskContext, Validator};
use crate::base::id::LockId;
use crate::base::mode::Mode;
use crate::base::site::Site;
use crate::check::violation::{Code, Demand, Detail, Violation};
use crate::check::wait_type;
use crate::mutant::{self, Mutant};
use crate::state::class::WaitType;

impl Validator {
    /// Returns whether the task holds the lock, in any mode or in the given one ([`Mode::Shared`]:
    /// any reader).
    pub fn is_held(&self, task: &TaskContext, lock: LockId, mode: Option<Mode>) -> Held {
        let query = match mode {
            None => HeldQuery::Held,
            Some(Mode::Exclusive) => HeldQuery::HeldExclusive,
            Some(_) => HeldQuery::HeldShared,
        };
        if query.accepts(self.mode_of(task, lock)) {
            Held::Yes
        } else if task.is_unknown || task.has_given_up(lock) || self.is_movable(lock) {
            Held::Unknown
        } else {
            Held::No
        }
    }

    /// Demands that the lock is held, or not held, as `query` says. What is not known passes.
    pub fn assert_held(&self, task: &mut TaskContext, lock: LockId, query: HeldQuery, site: Site) -> Outcome {
        let mode = self.mode_of(task, lock);
        if query.accepts(mode) || task.is_unknown {
            return Outcome::CLEAN;
        }
        if self.is_movable(lock) || task.has_given_up(lock) {
            // Its guard may have come from another task, or have gone there.
            self.count_unseen();
            return Outcome::CLEAN;
        }
        let mut violation = self.assertion(task, Demand::Lock { query, found: mode });
        violation.subject = Some(bare(lock, site));
        violation.conflict = task.position(lock).map(|index| self.view(task).acquisition(index));
        self.assertion_failed(violation)
    }

    /// Demands that the task holds no lock at all.
    pub fn assert_none_held(&self, task: &mut TaskContext, site: Site) -> Outcome {
        self.notice_releases(task);
        let newest = task.held.iter().rposition(|held| !self.is_movable(held.lock));
        let in_overflow = task.overflow.all().next().map(|held| overflow_acquisition(&self.view(task), held));
        let Some(held) = newest.map(|index| self.view(task).acquisition(index)).or(in_overflow) else {
            return Outcome::CLEAN;
        };
        let mut violation = self.assertion(task, Demand::NoneHeld);
        violation.subject = Some(bare(held.lock, site));
        violation.conflict = Some(held);
        self.assertion_failed(violation)
    }

    /// Demands that the task may sleep here: nothing it holds, and no context it is in, forbids it.
    pub fn assert_may_block(&self, task: &mut TaskContext, site: Site) -> Outcome {
        let (limit, limited_by) = wait_type::limit(&self.view(task));
        if limit >= WaitType::Sleep {
            return Outcome::CLEAN;
        }
        let mut violation = self.assertion(task, Demand::MayBlock { limit: limit.as_str() });
        let view = self.view(task);
        let index =
            limited_by.and_then(|class| task.held.iter().rposition(|held| view.class_of(held) == class));
        violation.conflict = index.map(|index| view.acquisition(index));
        violation.subject = violation.conflict.map(|held| bare(held.lock, site));
        self.assertion_failed(violation)
    }

    /// Announces that an assertion of a lock's own does not hold: `message` says what is the case,
    /// `remedy` what to do about it. Where the held stack is not known it is a violation all the
    /// same: it does not rest on what is held.
    pub fn assertion_broken(
        &self,
        task: &mut TaskContext,
        lock: LockId,
        message: &str,
        remedy: &'static str,
        site: Site,
    ) -> Outcome {
        let mut violation = self.assertion(task, Demand::Own { message: message.to_owned(), remedy });
        violation.subject = Some(bare(lock, site));
        self.assertion_failed(violation)
    }

    fn assertion(&self, task: &TaskContext, demand: Demand) -> Violation {
        self.view(task).violation(Code::Assertion, Detail::Assertion(demand))
    }

    fn assertion_failed(&self, violation: Violation) -> Outcome {
        let mut findings = EventFindings::default();
        if !mutant::is(Mutant::AssertionsAccepted) {
            self.find(&mut findings, violation);
        }
        findings.into()
    }
}
