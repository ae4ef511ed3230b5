//! What leaves the runtime: reports, the run record, and what was counted under `LOCKDEP_STAT=1`.

mod record;
pub(crate) mod recorder;
pub(crate) mod report;
pub(crate) mod sink;
pub(crate) mod stat;
