//! What leaves the runtime: reports, the run record, and what was counted under `LOCKDEP_STAT=1`.

pub(crate) mod flow_level;
#[cfg_attr(not(hang_report), path = "raw_record_none.rs")]
pub(crate) mod raw_record;
mod record;
pub(crate) mod recorder;
pub(crate) mod report;
pub(crate) mod sink;
pub(crate) mod stat;
