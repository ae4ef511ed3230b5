//! What one event led to.

use crate::base::id::LockId;
use crate::check::violation::{Code, Detail, Violation};
use crate::state::held::Unsure;

use crate::base::dependency::NewDependency;

/// What one event led to. Clean costs nothing.
#[derive(Debug, Default)]
#[must_use = "violations that no code reads are never reported"]
pub struct Outcome(Option<Box<EventFindings>>);

/// What an event found.
#[derive(Debug, Default)]
pub struct EventFindings {
    /// New violations, in the order in which the rules fired; each is reported once at each level.
    pub violations: Vec<Violation>,
    /// New dependencies and new kinds of known ones, if
    /// [`Config::list_dependencies`](crate::Config) asks for them.
    pub dependencies: Vec<NewDependency>,
    /// Violations that were reported as errors before, and whose orders were seen since on objects
    /// that two tasks have: for run records alone.
    pub repeated: Vec<Violation>,
    /// Whether an order of the chain has not been seen on objects that two tasks have. Without
    /// meaning once the event is over.
    pub(crate) is_open: bool,
    /// Orders that are not sure yet, each with the index of the held lock that decides about it.
    /// Empty once the event is over.
    pub(crate) unsure: Vec<(usize, Unsure)>,
    /// New orders between single locks whose sighting still has the stack of another one. Empty
    /// once the event is over.
    pub(crate) without_stack: Vec<(LockId, LockId)>,
    /// Whether an order of two locks of one class was seen only by a task that has them alone.
    /// Without meaning once the event is over.
    pub(crate) is_pair_open: bool,
    /// Orders of two locks of one class that were seen on objects which two tasks have, for the
    /// first time. Empty once the event is over.
    pub(crate) shared_pairs: Vec<(LockId, LockId)>,
}

impl Outcome {
    /// Nothing new.
    pub const CLEAN: Self = Self(None);

    /// Returns whether nothing was found.
    #[inline]
    pub const fn is_clean(&self) -> bool {
        self.0.is_none()
    }

    /// Adds what a later event of the same operation led to.
    pub fn append(&mut self, later: Self) {
        match (&mut self.0, later.0) {
            (Some(all), Some(found)) => {
                all.violations.extend(found.violations);
                all.dependencies.extend(found.dependencies);
                all.repeated.extend(found.repeated);
            }
            (all, found) => *all = all.take().or(found),
        }
    }

    /// Marks the outcome as being about a release by the end of a guard: the place that the release
    /// was given is where the guard was made.
    pub fn by_guard(mut self) -> Self {
        for violation in self.violations_mut() {
            if violation.code == Code::BadRelease {
                violation.detail = Detail::ByGuard;
            }
        }
        self
    }

    /// Returns what was found, if anything.
    pub fn into_findings(self) -> Option<Box<EventFindings>> {
        self.0
    }

    /// Returns the violations found.
    pub fn violations(&self) -> &[Violation] {
        self.0.as_deref().map_or(&[], |findings| &findings.violations)
    }

    /// The violations found, for what only the caller can add.
    pub(crate) fn violations_mut(&mut self) -> &mut [Violation] {
        self.0.as_deref_mut().map_or(&mut [], |findings| &mut findings.violations)
    }

    /// The violations found, taken out.
    pub(crate) fn take_violations(&mut self) -> Vec<Violation> {
        self.0.as_deref_mut().map(|findings| std::mem::take(&mut findings.violations)).unwrap_or_default()
    }

    /// Returns whether the acquisition can never return; see [`Violation::is_self_deadlock`].
    pub fn is_self_deadlock(&self) -> bool {
        self.violations().iter().any(Violation::is_self_deadlock)
    }
}

impl From<EventFindings> for Outcome {
    fn from(findings: EventFindings) -> Self {
        let EventFindings { violations, dependencies, repeated, .. } = &findings;
        if violations.is_empty() && dependencies.is_empty() && repeated.is_empty() {
            Self::CLEAN
        } else {
            Self(Some(Box::new(findings)))
        }
    }
}

/// The answer to a question about one lock.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Held {
    /// The task holds it so.
    Yes,
    /// It does not.
    No,
    /// The held stack of the task is not known; an assertion passes.
    Unknown,
}

/// Proof of a pin; see [`Validator::pin`](crate::Validator::pin).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[must_use = "a pinned lock must be unpinned with its cookie before it is released"]
pub struct PinCookie(pub(crate) u64);
