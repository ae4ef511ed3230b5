//! Wait types: what may be waited for here.
//!
//! Every class has an *outer* type (where it may be taken) and an *inner* one (what may be taken
//! while it is held). The limit here is the smallest inner type of *all* locks held in this
//! context: an RCU section inside a raw spinlock does not relax it. Kernel: `check_wait_context`.

use super::view::{View, Wanted};
use super::violation::{Code, Detail, Violation};
use crate::base::id::ClassId;
use crate::base::mode::Wait;
use crate::mutant::{self, Mutant};
use crate::state::class::{ClassAttributes, LockType, WaitType};

/// The limit, and the held class that set it.
pub(crate) fn limit(view: &View<'_>) -> (WaitType, Option<ClassId>) {
    let task = view.task;
    let mut limit = task.entered().last().map_or(WaitType::Max, |entered| entered.limit);
    let mut limited_by = None;
    let mut first = task.context_start();
    if mutant::is(Mutant::WaitTypeNewestOnly) {
        first = first.max(task.held.len().saturating_sub(1));
    }
    for held in &task.held[first..] {
        let class = view.class_of(held);
        let Some(record) = view.record(class) else { continue };
        let ClassAttributes { inner, lock_type, .. } = record.class.attributes;
        let overrides = lock_type == LockType::WaitOverride && !mutant::is(Mutant::WaitOverrideIgnored);
        if inner != WaitType::Unchecked && (inner < limit || overrides) {
            limit = inner;
            limited_by = Some(class);
        }
    }
    (limit, limited_by)
}

/// LD0006: the acquisition may wait longer than what is held allows. Tries and unchecked types are
/// exempt.
pub(crate) fn check(view: &View<'_>, wanted: &Wanted) -> Option<Violation> {
    if wanted.acquisition.wait == Wait::Try || mutant::is(Mutant::NoWaitTypes) {
        return None;
    }
    let attributes = view.record(wanted.acquisition.class)?.class.attributes;
    let outer_counts = attributes.outer != WaitType::Unchecked && !mutant::is(Mutant::OuterWaitTypeIgnored);
    let outer = if outer_counts { attributes.outer } else { attributes.inner };
    if outer == WaitType::Unchecked {
        return None;
    }
    let (limit, limited_by) = limit(view);
    if outer <= limit {
        return None;
    }
    let detail = Detail::WaitType { wanted: outer.as_str(), limit: limit.as_str(), limited_by };
    let mut violation = view.violation(Code::WaitType, detail);
    violation.subject = Some(wanted.acquisition);
    violation.conflict = limited_by.and_then(|class| {
        view.task
            .held
            .iter()
            .rposition(|held| view.class_of(held) == class)
            .map(|index| view.acquisition(index))
    });
    Some(violation)
}
