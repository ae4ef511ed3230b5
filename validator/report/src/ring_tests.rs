//! Waits for the renderers: a deadlock that has happened, and a join with a lock held.

use lockdep_validator::{
    AcquireFlags, Acquisition, Awaited, Code, DependencyKind, Detail, Evidence, Level, LockUse, Mode, Site,
    TaskId, Violation, WaitingTask,
};

use crate::tests::{lock, step, violation};

/// Two threads: the one joins the other, which wants what the one holds.
pub(crate) fn ring(wanted: Acquisition, held: Acquisition) -> Detail {
    let of = |acquisition| LockUse { acquisition, flags: AcquireFlags::NONE };
    let task = |number, awaited, site, held: &[Acquisition]| WaitingTask {
        task: TaskId(number),
        awaited,
        site,
        waited_ms: 1250 - u64::from(number) * 500,
        is_timed: false,
        behind: None,
        held: held.iter().copied().map(of).collect(),
        scope: 0,
    };
    let other = Acquisition { site: held.site, ..wanted };
    Detail::Deadlock(vec![
        task(1, Awaited::Lock(of(wanted)), wanted.site, &[held]),
        task(2, Awaited::End(TaskId(1)), Site(15), &[other]),
    ])
}

/// A join with the lock held that the joined thread acquires.
pub(crate) fn wait(held: Acquisition) -> Violation {
    let awaited = lock(4, 2, Mode::Exclusive, 15);
    let started = Acquisition { site: Site(4), stack: None, ..awaited };
    let wanted = lock(1, 2, Mode::Exclusive, 6);
    let kind = DependencyKind::ExclusiveNonrecursive;
    Violation {
        cycle: vec![step(started, wanted, kind, 1, 1), step(held, awaited, kind, 2, 1)],
        subject: Some(awaited),
        conflict: Some(held),
        evidence: Evidence { same_instances: true, ..Evidence::default() },
        ..violation(Code::WaitHoldingLock, Level::Warning)
    }
}
