//! The life of the process: its start, its forks, its end, and what holds for all of its threads.

pub(crate) mod ending;
pub(crate) mod exit;
pub(crate) mod fork;
pub(crate) mod internal_error;
#[cfg_attr(not(unix), path = "ledger_none.rs")]
pub(crate) mod ledger;
pub(crate) mod own_id;
pub(crate) mod own_threads;
pub(crate) mod start;
pub(crate) mod state;
