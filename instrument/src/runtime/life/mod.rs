//! How the runtime comes to life, what a fork does to it, and what it says at the end.
//!
//! What holds for the process meanwhile is in `process`.

pub(crate) mod exit;
pub(crate) mod fork;
pub(crate) mod start;
