//! Taking a lock again, and nesting locks of one class.

use std::cmp::Ordering;

use super::view::{View, Wanted};
use super::violation::{Code, Detail, Level, Violation};
use crate::base::acquisition::Acquisition;
use crate::base::event::AcquireFlags;
use crate::base::mode::{Mode, Wait};
use crate::config::SameClassPolicy;
use crate::mutant::{self, Mutant};
use crate::state::class_order::{ClassOrder, OrderedLock};

/// What is wrong with taking a lock again that the task holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Again {
    /// Nothing: readers, or a lock made for it.
    Fine,
    /// The task waits for itself.
    SelfDeadlock,
    /// It waits for itself as soon as a writer queues in between.
    BehindWriter,
    /// A try that succeeded shows that the entry is not true any more.
    Stale,
}

/// What happens when a lock held so is wanted so.
pub(crate) fn again(held: (Mode, AcquireFlags), wanted: (Mode, AcquireFlags), wait: Wait) -> Again {
    if held.1.union(wanted.1).contains(AcquireFlags::REENTRANT) {
        return Again::Fine;
    }
    let upgradable = |flags: AcquireFlags| flags.contains(AcquireFlags::UPGRADABLE);
    let excludes = held.0 == Mode::Exclusive
        || wanted.0 == Mode::Exclusive
        || (upgradable(held.1) && upgradable(wanted.1));
    match (excludes, wait) {
        (true, Wait::Try) => Again::Stale,
        (true, _) => Again::SelfDeadlock,
        (false, Wait::Try) => Again::Fine,
        // A writer does not get in between an upgradable reader and its own plain read: it queues
        // behind the former.
        (false, _) if upgradable(held.1) => Again::Fine,
        (false, _) if wanted.0 == Mode::Shared => Again::BehindWriter,
        (false, _) => Again::Fine,
    }
}

/// LD0001, LD0014: the same lock. Returns the held entry that stands in the way.
pub(crate) fn same_lock(view: &View<'_>, wanted: &Wanted) -> Option<(usize, Again)> {
    let Wanted { acquisition, flags, .. } = wanted;
    let held = view.task.held.iter().enumerate().filter(|(_, held)| held.lock == acquisition.lock);
    let verdicts = held.map(|(index, held)| {
        (index, again((held.mode, held.flags), (acquisition.mode, *flags), acquisition.wait))
    });
    let mut worst = None;
    for (index, verdict) in verdicts {
        match verdict {
            Again::Fine => {}
            Again::SelfDeadlock | Again::Stale => return Some((index, verdict)),
            Again::BehindWriter => worst = worst.or(Some((index, verdict))),
        }
    }
    worst
}

/// The violation for taking the lock again that the task holds as `conflict` says; how sure one
/// behind a writer is depends on the writers.
pub(crate) fn same_lock_violation(
    view: &View<'_>,
    wanted: &Wanted,
    conflict: Acquisition,
    again: Again,
) -> Violation {
    let timed = wanted.acquisition.wait == Wait::Timed;
    let (code, detail) = match again {
        Again::BehindWriter => (Code::RecursiveFairRead, Detail::None),
        _ if timed || wanted.flags.contains(AcquireFlags::SYNC) => (Code::Recursion, Detail::None),
        _ => (Code::Recursion, Detail::SelfDeadlock),
    };
    let mut violation = view.violation(code, detail);
    violation.evidence.same_instances = true;
    violation.evidence.timed = timed;
    violation.evidence.n_tasks = 1;
    violation.evidence.writer_seen = view.writer_seen(wanted.acquisition.class);
    violation.level = if timed { Level::Note } else { Level::Error };
    violation.subject = Some(wanted.acquisition);
    violation.conflict = Some(conflict);
    violation
}

/// How nesting two locks of one class is to be judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Nesting {
    /// No held lock is of the class, or all of them may be nested so: nothing to say.
    Fine,
    /// A nest lock below allows it: no dependency is recorded at all.
    Serialised,
    /// The held entry stands in the way, by the kernel's rule.
    Forbidden(usize),
}

/// The kernel's `check_deadlock`, oldest entry first. The nest lock must have been taken *before*
/// the lock of the same class. `skip` is passed over: the lock itself, on an upgrade.
pub(crate) fn same_class_kernel(view: &View<'_>, wanted: &Wanted, skip: Option<usize>) -> Nesting {
    if mutant::is(Mutant::NoSameClass) {
        return Nesting::Fine;
    }
    let mut nest_passed = false;
    for (index, held) in view.task.held.iter().enumerate() {
        nest_passed |= wanted.nest == Some(held.lock) && !mutant::is(Mutant::NestIgnored);
        if Some(index) == skip || view.class_of(held) != wanted.acquisition.class {
            continue;
        }
        if View::mode(wanted.acquisition.mode) == Mode::SharedRecursive && View::mode(held.mode).is_shared() {
            continue;
        }
        if is_ordered(view, index, wanted) {
            continue;
        }
        return if nest_passed { Nesting::Serialised } else { Nesting::Forbidden(index) };
    }
    Nesting::Fine
}

/// Whether a nest lock that was taken before a held lock of the same class serialises the
/// acquisition.
pub(crate) fn is_serialised(view: &View<'_>, wanted: &Wanted) -> bool {
    let Some(nest) = wanted.nest.filter(|_| !mutant::is(Mutant::NestIgnored)) else { return false };
    let Some(nest_at) = view.task.held.iter().position(|held| held.lock == nest) else { return false };
    let base = wanted.acquisition.lock.class();
    view.task.held[nest_at..].iter().any(|held| held.base_class() == base)
}

/// What the class's own order says of the held lock and the wanted one of the same class; `None` if
/// it has none, or cannot tell.
fn compared(view: &View<'_>, index: usize, wanted: &Wanted) -> Option<(ClassOrder, Ordering)> {
    let (held, wanted) = (&view.task.held[index], &wanted.acquisition);
    if held.lock == wanted.lock || mutant::is(Mutant::OrderFunctionIgnored) {
        return None;
    }
    let order = *view.record(wanted.lock.class())?.order.get()?;
    let as_ordered = |lock, address| OrderedLock::new(lock, address, view.registry.order_key(lock));
    let (held, wanted) = (as_ordered(held.lock, held.address), as_ordered(wanted.lock, wanted.address));
    Some((order, order.compare(&held, &wanted)?))
}

/// Whether the class's own order allows the wanted lock above the held one.
pub(crate) fn is_ordered(view: &View<'_>, index: usize, wanted: &Wanted) -> bool {
    compared(view, index, wanted).is_some_and(|(_, ordering)| ordering == Ordering::Less)
}

/// Why the class's own order does not allow it.
fn order_broken(view: &View<'_>, index: usize, wanted: &Wanted) -> Option<Detail> {
    let (order, _) = compared(view, index, wanted).filter(|(_, ordering)| *ordering != Ordering::Less)?;
    let key_of = |lock| view.registry.order_key(lock);
    let (held, wanted) = (key_of(view.task.held[index].lock), key_of(wanted.acquisition.lock));
    Some(Detail::ClassOrder { order, held, wanted })
}

/// A held lock of the same class that the class's own order does not put before the wanted one.
/// Pairs that agree with the order are not remembered one by one, so one that does not is an
/// inversion of all of them.
pub(crate) fn against_order(view: &View<'_>, wanted: &Wanted) -> Option<usize> {
    let class = wanted.acquisition.class;
    let has_order =
        view.record(wanted.acquisition.lock.class()).is_some_and(|record| record.order.get().is_some());
    if !has_order || view.config.same_class == SameClassPolicy::Off {
        return None;
    }
    let is_read = View::mode(wanted.acquisition.mode) == Mode::SharedRecursive;
    (view.task.context_start()..view.task.held.len()).find(|&index| {
        let held = &view.task.held[index];
        view.class_of(held) == class
            && held.lock != wanted.acquisition.lock
            && view.is_checked(held)
            && !(is_read && View::mode(held.mode).is_shared())
            && compared(view, index, wanted).is_some_and(|(_, ordering)| ordering != Ordering::Less)
    })
}

/// The violation for nesting that the kernel's rule forbids.
pub(crate) fn same_class_violation(view: &View<'_>, wanted: &Wanted, index: usize) -> Violation {
    let conflict = view.acquisition(index);
    let is_same = conflict.lock == wanted.acquisition.lock;
    let excludes = conflict.mode == Mode::Exclusive || wanted.acquisition.mode == Mode::Exclusive;
    let is_sync = wanted.flags.contains(AcquireFlags::SYNC);
    let code = if is_same { Code::Recursion } else { Code::SameClassOrder };
    let can_return = !is_same || !excludes || is_sync;
    let detail = if can_return {
        order_broken(view, index, wanted).unwrap_or(Detail::None)
    } else {
        Detail::SelfDeadlock
    };
    let mut violation = view.violation(code, detail);
    violation.evidence.same_instances = is_same;
    violation.evidence.declared = true;
    violation.evidence.n_tasks = 1;
    violation.evidence.timed = wanted.acquisition.wait == Wait::Timed && view.config.evidence;
    if violation.evidence.timed {
        violation.level = Level::Note;
    } else if view.is_movable(conflict.class) {
        violation.evidence.movable = true;
        violation.level = Level::Note;
    }
    violation.subject = Some(wanted.acquisition);
    violation.conflict = Some(conflict);
    violation
}

/// Whether nesting is judged by the kernel's rule for this class: by policy, or because its author
/// declared its locks interchangeable and gave them no order.
pub(crate) fn is_kernel_rule(view: &View<'_>) -> bool {
    view.config.same_class == SameClassPolicy::Kernel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_a_lock_again_hangs_where_readers_and_writers_exclude_each_other() {
        use Mode::{Exclusive, Shared, SharedRecursive};
        let plain = AcquireFlags::NONE;
        let upgradable = AcquireFlags::UPGRADABLE;
        let table = [
            (Exclusive, plain, Exclusive, plain, Again::SelfDeadlock),
            (Exclusive, plain, Shared, plain, Again::SelfDeadlock),
            (Exclusive, plain, SharedRecursive, plain, Again::SelfDeadlock),
            (Shared, plain, Exclusive, plain, Again::SelfDeadlock),
            (Shared, plain, Shared, plain, Again::BehindWriter),
            (Shared, plain, SharedRecursive, plain, Again::Fine),
            (SharedRecursive, plain, Shared, plain, Again::BehindWriter),
            (SharedRecursive, plain, SharedRecursive, plain, Again::Fine),
            (Shared, upgradable, Shared, upgradable, Again::SelfDeadlock),
            (Shared, upgradable, Shared, plain, Again::Fine),
            (Shared, plain, Shared, upgradable, Again::BehindWriter),
            (Exclusive, AcquireFlags::REENTRANT, Exclusive, AcquireFlags::REENTRANT, Again::Fine),
        ];
        for (held, held_flags, wanted, wanted_flags, verdict) in table {
            let got = again((held, held_flags), (wanted, wanted_flags), Wait::Blocking);
            assert_eq!(got, verdict, "{held:?} {held_flags:?} then {wanted:?} {wanted_flags:?}");
            let tried = again((held, held_flags), (wanted, wanted_flags), Wait::Try);
            let expected = if verdict == Again::SelfDeadlock { Again::Stale } else { Again::Fine };
            assert_eq!(tried, expected, "a try that succeeded: {held:?} then {wanted:?}");
        }
    }
}
