//! A deadlock that has happened, for the renderers.

use lockdep_validator::check::violation::{Acquisition, Awaited, Detail, LockUse, WaitingTask};
use lockdep_validator::{AcquireFlags, Site, TaskId};

/// Two threads: the one joins the other, which wants what the one holds.
pub(crate) fn ring(wanted: Acquisition, held: Acquisition) -> Detail {
    let of = |acquisition| LockUse { acquisition, flags: AcquireFlags::NONE };
    let task = |number, awaited, site, held: &[Acquisition]| WaitingTask {
        task: TaskId(number),
        awaited,
        site,
        waited_ms: 1250 - u64::from(number) * 500,
        is_timed: false,
        held: held.iter().copied().map(of).collect(),
        scope: 0,
    };
    let other = Acquisition { site: held.site, ..wanted };
    Detail::Deadlock(vec![
        task(1, Awaited::Lock(of(wanted)), wanted.site, &[held]),
        task(2, Awaited::End(TaskId(1)), Site(15), &[other]),
    ])
}
