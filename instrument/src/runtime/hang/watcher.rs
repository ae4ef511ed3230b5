//! `LOCKDEP_HANG_AFTER`: a report when no watched thread has moved for so long, while one waits.
//!
//! A thread of ours looks. It is there only under that variable, and starts with the first wait
//! that is published: a process in which no thread has ever had to wait has no such thread. It
//! blocks all signals and holds no lock, and the child of a fork does without it until a thread
//! waits there.
//!
//! A thread has moved if it has begun or ended a wait, if it runs, or if the system has run it
//! since the last look. So a program that computes is never said to hang, and neither is one with a
//! thread that wakes up now and then.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lockdep_report::hang_report::HangReason;

use super::ask::Ask;
use super::conduct;
use crate::runtime::process::own_threads;
use crate::runtime::running;
use crate::runtime::system::{thread_state, threads};
use crate::runtime::wait::{slots, waiting_threads};

/// Between two looks, in milliseconds: a part of the time that is waited for, within these limits.
const LEAST_PAUSE: u64 = 20;
const MOST_PAUSE: u64 = 1000;
/// The stack of our thread. A copy of the process has its own.
const STACK: usize = 256 << 10;

/// Whether a thread is just being started.
static IS_STARTING: AtomicBool = AtomicBool::new(false);

/// A wait was published, outside of signal handlers.
pub(crate) fn wait_began() {
    let Some(after) = running().and_then(|runtime| runtime.config.hang_after) else { return };
    // ORDERING: Relaxed: one thread sees false and starts it.
    if own_threads::watcher() != 0 || IS_STARTING.swap(true, Ordering::Relaxed) {
        return;
    }
    if !start(after) {
        crate::runtime::output::sink::notice(
            "LOCKDEP_HANG_AFTER: the thread that looks could not be started",
        );
        return;
    }
    // Set by the thread itself as well: a fork that comes first counts it.
    IS_STARTING.store(false, Ordering::Relaxed); // ORDERING: as above
}

/// Starts the thread. By the C library's function: what Rust's allocates for a thread comes from
/// the program's allocator, which may be what is waited for.
fn start(after: Duration) -> bool {
    let milliseconds = usize::try_from(after.as_millis()).unwrap_or(usize::MAX);
    // SAFETY: the attributes are made, used and destroyed; the function has the form that is asked
    // for and gets a number. The new thread has the mask of this one, which is put back.
    unsafe {
        let (mut all, mut before): (libc::sigset_t, libc::sigset_t) =
            (std::mem::zeroed(), std::mem::zeroed());
        libc::sigfillset(&raw mut all);
        let mut attributes: libc::pthread_attr_t = std::mem::zeroed();
        if libc::pthread_attr_init(&raw mut attributes) != 0 {
            return false;
        }
        libc::pthread_attr_setdetachstate(&raw mut attributes, libc::PTHREAD_CREATE_DETACHED);
        libc::pthread_attr_setstacksize(&raw mut attributes, STACK);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        let mut thread = 0;
        let argument = ptr::without_provenance_mut(milliseconds);
        let status = libc::pthread_create(&raw mut thread, &raw const attributes, look_on, argument);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut());
        libc::pthread_attr_destroy(&raw mut attributes);
        // A fork from here on finds it counted.
        while status == 0 && own_threads::watcher() == 0 {
            threads::pause(1);
        }
        status == 0
    }
}

extern "C" fn look_on(milliseconds: *mut c_void) -> *mut c_void {
    own_threads::set_watcher(threads::own_id());
    let after = milliseconds.addr() as u64;
    let pause = (after / 8).clamp(LEAST_PAUSE, MOST_PAUSE);
    let mut seen = Seen::now();
    let mut since = threads::now_ms();
    let mut reported = None;
    loop {
        threads::pause(u32::try_from(pause).unwrap_or(1000));
        let now = Seen::now();
        if now != seen || now.runs {
            since = threads::now_ms();
        }
        seen = now;
        if reported.is_some_and(|waits| waits != seen.waits) {
            reported = None;
        }
        let is_over = threads::now_ms().saturating_sub(since) >= after;
        if is_over && reported.is_none() && waiting_threads().next().is_some() {
            conduct::make_unasked(Ask::new(HangReason::Still, 0));
            reported = Some(seen.waits);
            since = threads::now_ms();
        }
    }
}

/// What tells one look from another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Seen {
    /// The waits that were published, mixed.
    waits: u64,
    /// How often the threads were run, mixed.
    switches: u64,
    runs: bool,
}

impl Seen {
    fn now() -> Self {
        let mut seen = Self { waits: 0, switches: 0, runs: false };
        for slot in slots() {
            let mix =
                |sum: u64, number: u64| (sum.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let Some(state) = slot.is_owned().then(|| thread_state::look(slot.os_id(), 0)) else { continue };
            seen.waits = mix(mix(seen.waits, u64::from(slot.os_id())), slot.look_again());
            seen.switches = mix(seen.switches, state.n_switches);
            seen.runs |= state.is_running == Some(true);
        }
        seen
    }
}
