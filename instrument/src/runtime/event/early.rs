//! Threads that locked in signal handlers only, and so never got a state: their end, and the end of
//! a process that has no other, must still say what was not looked at.
//!
//! What a thread needs for its end is not available in a handler. The loader has it made before
//! main, if the environment asks for validation.

use super::enter::{CALLS, enter};
use crate::runtime;
use crate::runtime::process::{orphan, start, state};
use crate::runtime::system::exit_key;
use crate::runtime::task::{deferred, names};

/// Has the loader call us before main.
#[used]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
#[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
static AT_START: extern "C" fn() = at_start;

extern "C" fn at_start() {
    if start::is_wanted() {
        exit_key::make(CALLS.finish);
        // SAFETY: the handler is a function of the whole program's life.
        unsafe {
            libc::atexit(at_exit);
        }
    }
}

/// Runs at the end of the process, after what a started runtime has registered.
extern "C" fn at_exit() {
    let is_seen = runtime::n_unseen() == 0 && deferred::n_waiting() == 0;
    if is_seen || state::is_off() || orphan::is_silent() || runtime::running().is_some() {
        return;
    }
    // The thread-local destructors are over: std is not asked for the thread's name.
    names::over();
    // Starts the runtime, and has the end of the process call it next.
    drop(enter());
}
