//! What the runtime asks the operating system for. Nothing here knows of locks, threads' states or
//! reports.

#[cfg(unix)]
pub(crate) mod descriptor;
pub(crate) mod errno;
pub(crate) mod exit_key;
pub(crate) mod extra_stack;
pub(crate) mod handler;
pub(crate) mod input;
pub(crate) mod memory;
pub(crate) mod others;
pub(crate) mod pause;
#[cfg(unix)]
pub(crate) mod quiet_write;
pub(crate) mod rights;
#[cfg(hang_report)]
pub(crate) mod signal_name;
pub(crate) mod stack_bounds;
pub(crate) mod statics;
pub(crate) mod thread_state;
#[cfg(hang_report)]
pub(crate) mod threads;
