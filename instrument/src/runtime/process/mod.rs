//! What holds for the process and all of its threads: what it was when it started, whether it
//! validates, and what it has said.
//!
//! What the runtime does at its own start, at a fork and at the end is in `life`.

pub(crate) mod ending;
pub(crate) mod internal_error;
#[cfg_attr(not(unix), path = "ledger_none.rs")]
pub(crate) mod ledger;
pub(crate) mod orphan;
pub(crate) mod own_id;
pub(crate) mod own_threads;
pub(crate) mod start;
pub(crate) mod state;
pub(crate) mod stderr;
