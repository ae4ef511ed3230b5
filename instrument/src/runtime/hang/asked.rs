//! The signals that ask for a hang report, and their handlers.
//!
//! | signal | handled if | afterwards |
//! |---|---|---|
//! | SIGTERM | the program has no handler when the first lock is acquired, and does not ignore it | the process ends by it, as it would have |
//! | that of `LOCKDEP_HANG_SIGNAL` | likewise | the process goes on |
//! | SIGSTKFLT, which no program gets otherwise | likewise | the process goes on |
//! | a real-time signal of ours, the highest that is free | always | the process goes on |
//!
//! By SIGSTKFLT the command asks when the time of a run is over. The last one is for the threads of
//! the process among themselves.
//!
//! A handler that the program installs later replaces ours. Some libraries remember ours and call
//! it from theirs. So a handler of ours first asks the system whether it is still the one that is
//! installed, and does nothing if it is not.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::Ordering;

use lockdep_report::hang_report::HangReason;

use super::ask::{Ask, IS_ENDING, PROCESS};
use super::conduct::{self, Asked};
use super::stop;
use crate::runtime::Runtime;
use crate::runtime::output::sink::notice;
use crate::runtime::process::{orphan, own_threads, state};
use crate::runtime::system::errno;

type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut c_void);

/// Installs the handlers. Runs once, when validation begins.
pub(crate) fn install(runtime: &Runtime) {
    // ORDERING: Relaxed: read by handlers that are installed below.
    PROCESS.store(std::process::id(), Ordering::Relaxed);
    let highest = libc::SIGRTMAX();
    let is_free = |signal: &libc::c_int| installed(*signal) == libc::SIG_DFL;
    let wanted = runtime.config.hang_signal;
    // A thread that makes a report cannot do so while a handler on its own stack waits for it.
    let asking = [libc::SIGTERM, libc::SIGSTKFLT, wanted.unwrap_or(libc::SIGTERM)];
    let free = (libc::SIGRTMIN()..=highest).rev().find(|signal| Some(*signal) != wanted && is_free(signal));
    if let Some(signal) = free {
        stop::set_signal(signal);
        handle(signal, on_own, None);
    }
    if is_free(&libc::SIGSTKFLT) {
        handle(libc::SIGSTKFLT, on_asking, Some(&asking));
        own_threads::set_asking_signal(libc::SIGSTKFLT);
    }
    if is_free(&libc::SIGTERM) {
        handle(libc::SIGTERM, on_term, Some(&asking));
    }
    match wanted {
        Some(signal) if is_free(&signal) => handle(signal, on_chosen, Some(&asking)),
        Some(_) => {
            notice("the program handles or ignores the signal of LOCKDEP_HANG_SIGNAL, so no report will come")
        }
        None => {}
    }
}

/// What the system says is done with the signal.
fn installed(signal: libc::c_int) -> libc::sighandler_t {
    // SAFETY: all zero is a valid value; the call asks only.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(signal, ptr::null(), &raw mut action) != 0 {
            return libc::SIG_IGN;
        }
        action.sa_sigaction
    }
}

/// Installs a handler that these signals do not interrupt; `None`: none at all does.
fn handle(signal: libc::c_int, handler: Handler, blocked: Option<&[libc::c_int]>) {
    // SAFETY: all zero is a valid value; the handler has the form that SA_SIGINFO asks for, and
    // lives as long as the process.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as libc::sighandler_t;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        match blocked {
            None => _ = libc::sigfillset(&raw mut action.sa_mask),
            Some(some) => {
                some.iter().for_each(|signal| _ = libc::sigaddset(&raw mut action.sa_mask, *signal));
            }
        }
        libc::sigaction(signal, &raw const action, ptr::null_mut());
    }
}

/// Whether the handler is still the one of the signal, in a process that is ours.
fn is_ours(signal: libc::c_int, handler: Handler) -> bool {
    installed(signal) == handler as libc::sighandler_t
}

/// Whether this process validates.
fn is_watched() -> bool {
    // ORDERING: Relaxed: see `install`; a child of a fork stores its own.
    PROCESS.load(Ordering::Relaxed) == std::process::id() && state::is_on() && !orphan::is_silent()
}

extern "C" fn on_own(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let _errno = errno::Kept::now();
    if !is_ours(signal, on_own) {
        return;
    }
    // SAFETY: the kernel passes a description of the signal. These fields are there for a signal
    // that a process sent, with a value or without.
    let (code, sender, value) =
        unsafe { ((*info).si_code, (*info).si_pid(), (*info).si_value().sival_ptr.addr()) };
    let is_from_here = code == libc::SI_QUEUE && u32::try_from(sender) == Ok(std::process::id());
    if code == libc::SI_TIMER || is_from_here && !stop::answer_in_handler(value as u64, context) {
        conduct::take_over(context.addr());
    }
}

extern "C" fn on_asking(signal: libc::c_int, _info: *mut libc::siginfo_t, context: *mut c_void) {
    let _errno = errno::Kept::now();
    if is_ours(signal, on_asking) && is_watched() {
        conduct::ask(Ask::new(HangReason::Timeout, 0), context.addr());
    }
}

extern "C" fn on_chosen(signal: libc::c_int, _info: *mut libc::siginfo_t, context: *mut c_void) {
    let _errno = errno::Kept::now();
    if is_ours(signal, on_chosen) && is_watched() {
        conduct::ask(Ask::new(HangReason::Signal, signal), context.addr());
    }
}

extern "C" fn on_term(signal: libc::c_int, _info: *mut libc::siginfo_t, context: *mut c_void) {
    let _errno = errno::Kept::now();
    if !is_ours(signal, on_term) {
        return;
    }
    // The command has just got its report, and ends the process.
    let is_told = conduct::was_asked_by_command();
    // ORDERING: Relaxed: a flag.
    if is_watched() && !is_told && !IS_ENDING.swap(true, Ordering::Relaxed) {
        let ask = Ask::new(HangReason::Terminated, signal);
        let mut asked = conduct::ask(ask, context.addr());
        if asked == Asked::Refused {
            conduct::wait_until_done();
            asked = conduct::ask(ask, context.addr());
        }
        if asked == Asked::PutOff {
            return;
        }
        conduct::wait_until_done();
    }
    conduct::end_by(signal);
}
