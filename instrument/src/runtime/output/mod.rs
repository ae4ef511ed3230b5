//! What leaves the runtime: reports and the run record.

pub(crate) mod flow_level;
#[cfg_attr(not(hang_report), path = "raw_record_none.rs")]
pub(crate) mod raw_record;
mod record;
pub(crate) mod recorder;
pub(crate) mod report;
pub(crate) mod sink;
