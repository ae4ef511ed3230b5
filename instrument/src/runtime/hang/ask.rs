//! What is asked for, and whether a report is being made.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use lockdep_report::hang_report::HangReason;

use super::stop;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub(super) reason: HangReason,
    pub(super) signal: libc::c_int,
}

impl Ask {
    pub(super) const fn new(reason: HangReason, signal: libc::c_int) -> Self {
        Self { reason, signal }
    }

    /// The request as a number that is not zero.
    pub(super) const fn to_word(self) -> u32 {
        let reason = match self.reason {
            HangReason::Timeout => 1,
            HangReason::Terminated => 2,
            HangReason::Signal => 3,
            HangReason::Still => 4,
            _ => 5,
        };
        reason << 8 | self.signal.unsigned_abs()
    }

    pub(super) const fn from_word(word: u32) -> Self {
        let reason = match word >> 8 {
            1 => HangReason::Timeout,
            2 => HangReason::Terminated,
            3 => HangReason::Signal,
            4 => HangReason::Still,
            _ => HangReason::Newer,
        };
        Self { reason, signal: (word & 0xff).cast_signed() }
    }
}

/// When it was asked for, and how often it was put off.
pub(super) static SINCE: AtomicU64 = AtomicU64::new(0);
pub(super) static N_PUT_OFF: AtomicU32 = AtomicU32::new(0);
/// How many copies of the process were made for it.
pub(super) static N_COPIES: AtomicU32 = AtomicU32::new(0);
/// Whether a report is being made or offered.
pub(super) static IS_AT_WORK: AtomicBool = AtomicBool::new(false);
/// What a thread may take over; zero if there is nothing.
pub(super) static OFFERED: AtomicU32 = AtomicU32::new(0);
/// The process that the handlers are for: a child made without fork handlers has them too.
pub(super) static PROCESS: AtomicU32 = AtomicU32::new(0);
/// Whether SIGTERM was seen: the second one does not wait for the report.
pub(super) static IS_ENDING: AtomicBool = AtomicBool::new(false);

/// The process is the child of a fork: another thread's report is not made here.
pub(crate) fn forked() {
    // ORDERING: Relaxed, in this function: the child has one thread.
    if PROCESS.load(Ordering::Relaxed) != 0 {
        PROCESS.store(std::process::id(), Ordering::Relaxed); // ORDERING: as above
    }
    IS_ENDING.store(false, Ordering::Relaxed); // ORDERING: as above
    IS_AT_WORK.store(false, Ordering::Relaxed); // ORDERING: as above
    OFFERED.store(0, Ordering::Relaxed); // ORDERING: as above
    stop::forked();
}
