//! The way of a hang report, from who is asked to what is written.

use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use lockdep_report::hang_report::HangReason;

use super::ask::{Ask, IS_AT_WORK, N_COPIES, N_PUT_OFF, OFFERED, SINCE};
use super::copy::{self, Failure};
use super::{minimal, stop};
use crate::runtime::process::own_threads;
use crate::runtime::system::{thread_state, threads};
use crate::runtime::task;
use crate::runtime::wait::{WaitSlot, waiting_threads};

/// How long a thread that is passed the task has to accept it.
const ACCEPT_MS: u64 = 300;
/// After so long the report is given up.
const TOTAL_MS: u64 = 8000;
/// How long one copy may take.
const COPY_MS: u64 = 5000;
/// How often threads that are inside the validator are given time to leave it.
const N_TRIES: usize = 20;
/// How often the report is put off, until the running thread has left what it is inside of.
const MAX_PUT_OFF: u32 = 50;
const PUT_OFF_MS: u32 = 10;
/// How many copies of the process are made for one report.
const MAX_COPIES: u32 = 3;

/// When the command got a report last, and for how long it needs no other one.
static TOLD: AtomicU64 = AtomicU64::new(0);
const TOLD_MS: u64 = 15_000;

/// What has become of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    /// The report was made, or another thread makes it.
    Accepted,
    /// It is made later, and what it leads to happens then.
    PutOff,
    /// Another report is being made.
    Refused,
}

/// Makes the report, or has a thread make it that is certainly not inside the allocator.
/// `context`: the registers of the running thread, which is in a handler.
pub(super) fn ask(ask: Ask, context: usize) -> Asked {
    // ORDERING: Acquire pairs with the Release in `over`: the last report is over.
    if IS_AT_WORK.swap(true, Ordering::Acquire) {
        return Asked::Refused;
    }
    stop::set_asked(context);
    SINCE.store(threads::now_ms(), Ordering::Relaxed); // ORDERING: the Release below publishes
    N_PUT_OFF.store(0, Ordering::Relaxed); // ORDERING: as above
    N_COPIES.store(0, Ordering::Relaxed); // ORDERING: as above
    // ORDERING: Release pairs with the Acquire in `take_over`.
    OFFERED.store(ask.to_word(), Ordering::Release);
    if let Some(other) = better_thread()
        && threads::send(other, stop::signal(), 0)
    {
        let start = threads::now_ms();
        // ORDERING: Relaxed: only asked whether it was taken.
        while OFFERED.load(Ordering::Relaxed) != 0 && threads::now_ms().saturating_sub(start) < ACCEPT_MS {
            threads::pause(1);
        }
    }
    let asked = take_over(context);
    // Another thread may make the report, and this one may go on meanwhile.
    stop::withdraw_asked();
    asked
}

/// Makes the report that is offered, if one is.
pub(super) fn take_over(context: usize) -> Asked {
    // ORDERING: Acquire pairs with the Release in `ask`.
    match OFFERED.swap(0, Ordering::Acquire) {
        0 => Asked::Accepted,
        // What the running thread is inside of is half done in every copy.
        word if task::is_busy() && put_off(word) => Asked::PutOff,
        word => make(Ask::from_word(word), context),
    }
}

/// Offers the report again a moment later, to a handler that a timer calls. Returns false if that
/// was done too often or cannot be done.
fn put_off(word: u32) -> bool {
    /// What the kernel reads: the value, the signal, how it notifies, and room for others.
    #[repr(C)]
    struct Event {
        value: u64,
        signal: libc::c_int,
        notify: libc::c_int,
        rest: [u64; 6],
    }
    // ORDERING: Relaxed: only who has taken the offer comes here.
    if stop::signal() == 0 || N_PUT_OFF.fetch_add(1, Ordering::Relaxed) >= MAX_PUT_OFF {
        return false;
    }
    let event = Event { value: 0, signal: stop::signal(), notify: libc::SIGEV_SIGNAL, rest: [0; 6] };
    let mut timer: libc::c_int = 0;
    let never = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let soon = libc::timespec { tv_sec: 0, tv_nsec: libc::c_long::from(PUT_OFF_MS) * 1_000_000 };
    let time = libc::itimerspec { it_interval: never, it_value: soon };
    // ORDERING: Release, as in `ask`; before the timer can call the handler.
    OFFERED.store(word, Ordering::Release);
    // SAFETY: the descriptions have the form that the kernel wants. A timer lives until its process
    // ends or executes another program; there are a few of them at most.
    let is_set = unsafe {
        libc::syscall(libc::SYS_timer_create, libc::CLOCK_MONOTONIC, &raw const event, &raw mut timer) == 0
            && libc::syscall(libc::SYS_timer_settime, timer, 0, &raw const time, ptr::null_mut::<()>()) == 0
    };
    // ORDERING: Acquire, as in `take_over`.
    is_set || OFFERED.swap(0, Ordering::Acquire) == 0
}

/// Makes a report that the thread of ours asks for.
pub(super) fn make_unasked(ask: Ask) {
    // ORDERING: Acquire, as in `ask`.
    if !IS_AT_WORK.swap(true, Ordering::Acquire) {
        stop::set_asked(0);
        N_COPIES.store(0, Ordering::Relaxed); // ORDERING: read by this thread
        SINCE.store(threads::now_ms(), Ordering::Relaxed); // ORDERING: read by this thread
        make(ask, 0);
    }
}

/// Waits until no report is being made, or for as long as one may take.
pub(super) fn wait_until_done() {
    let start = threads::now_ms();
    // ORDERING: Acquire: what was written is before what this thread does next.
    while IS_AT_WORK.load(Ordering::Acquire) && threads::now_ms().saturating_sub(start) < TOTAL_MS {
        threads::pause(2);
    }
}

/// Another thread that waits in a lock of ours, if the running one does not.
fn better_thread() -> Option<u32> {
    let own = threads::own_id();
    if stop::signal() == 0 || waiting_threads().any(|slot| slot.os_id() == own) {
        return None;
    }
    let sleeps = |slot: &&WaitSlot| {
        let look = thread_state::look(slot.os_id(), stop::signal());
        look.is_running == Some(false) && !look.is_deaf
    };
    waiting_threads().take(16).find(sleeps).map(WaitSlot::os_id)
}

fn make(ask: Ask, context: usize) -> Asked {
    let start = SINCE.load(Ordering::Relaxed); // ORDERING: published by the offer
    let is_late = || threads::now_ms().saturating_sub(start) > TOTAL_MS;
    // Where no copy is made any more, those before have hung.
    let mut made = Err(Failure::Hung);
    // ORDERING: Relaxed: only who has taken the offer counts.
    while N_COPIES.fetch_add(1, Ordering::Relaxed) < MAX_COPIES && !is_late() {
        made = by_copy(ask, context, start);
        match made {
            Ok(()) | Err(Failure::Refused(_)) => break,
            // The running thread may be inside the allocator, and leaves it if it may go on.
            Err(Failure::Hung) if context != 0 && put_off(ask.to_word()) => return Asked::PutOff,
            Err(_) => {}
        }
    }
    if let Err(failure) = made {
        minimal::write(ask, failure);
    }
    over(ask);
    Asked::Accepted
}

/// The report was made. A process that was asked to end does so.
fn over(ask: Ask) {
    // ORDERING: Release pairs with the Acquire in `ask` and `wait_until_done`.
    IS_AT_WORK.store(false, Ordering::Release);
    if ask.reason == HangReason::Timeout {
        TOLD.store(threads::now_ms(), Ordering::Relaxed); // ORDERING: a time that is compared
    }
    if ask.reason == HangReason::Terminated {
        end_by(ask.signal);
    }
}

/// Whether the command has got a report lately.
pub(super) fn was_asked_by_command() -> bool {
    // ORDERING: Relaxed, as in `over`.
    let told = TOLD.load(Ordering::Relaxed);
    told != 0 && threads::now_ms().saturating_sub(told) < TOLD_MS
}

/// Ends the process by the signal, as if it had no handler.
pub(super) fn end_by(signal: libc::c_int) {
    // SAFETY: all zero is the default action. The signal is sent to the process, and this thread
    // lets it in.
    unsafe {
        let action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, &raw const action, ptr::null_mut());
        let mut only: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut only);
        libc::sigaddset(&raw mut only, signal);
        libc::kill(libc::getpid(), signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const only, ptr::null_mut());
    }
    // The first process of a container is not ended by it.
    threads::pause(1);
}

/// Has a copy of the process make the report.
fn by_copy(ask: Ask, context: usize, start: u64) -> Result<(), Failure> {
    let is_late = || threads::now_ms().saturating_sub(start) > TOTAL_MS;
    for attempt in 1..=N_TRIES {
        stop::stop_all(context, own_threads::watcher());
        // SAFETY: those that have answered stand still.
        let is_busy = |cell: &stop::Cell| cell.answer().is_some() && unsafe { cell.held().is_busy() };
        // What they are about to change would be half done in the copy.
        if attempt == N_TRIES || is_late() || !stop::cells().iter().any(is_busy) {
            break;
        }
        stop::release();
        threads::pause(10);
    }
    let copied = copy::begin(ask, start);
    stop::release();
    let deadline = (start + TOTAL_MS).min(threads::now_ms() + COPY_MS);
    copied?.wait(deadline)
}
