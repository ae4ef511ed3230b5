//! Threads that are at their end when the process is, and reports that are just being made: the end
//! of the process waits for both, a moment.
//!
//! What a thread still holds is known when its thread-local destructors have run. By then no thread
//! waits for it any more: a scope, and a join on some systems, return when its function has.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::runtime::system::pause;

/// Threads whose function is over and whose state is not.
static N_ENDING: AtomicUsize = AtomicUsize::new(0);
/// Threads that are delivering what was found.
static N_REPORTING: AtomicUsize = AtomicUsize::new(0);

/// How long the end of the process waits at most for a thread that is ending: a destructor that
/// hangs must not hang the process.
const PATIENCE: Duration = Duration::from_secs(1);
/// The same for a report that is being made: naming the frames of a large program takes its time on
/// a busy machine.
const REPORT_PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(1);

/// The running thread begins to end.
pub(crate) fn begin() {
    // ORDERING: SeqCst, with the load in `wait`: a thread that waited for the thread's function,
    // and then ends the process, sees it. Release would do where the waiting itself orders the two,
    // which a detached thread's does not.
    N_ENDING.fetch_add(1, Ordering::SeqCst);
}

/// It has ended, and said what it had to say.
pub(crate) fn end() {
    // ORDERING: Release pairs with the Acquire part of the load in `wait`: the report was written
    // before.
    N_ENDING.fetch_sub(1, Ordering::Release);
}

/// Lives while reports are being delivered.
#[derive(Debug)]
pub(crate) struct Reporting;

impl Reporting {
    pub(crate) fn begin() -> Self {
        // ORDERING: SeqCst, as in `begin`.
        N_REPORTING.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Reporting {
    fn drop(&mut self) {
        // ORDERING: Release, as in `end`.
        N_REPORTING.fetch_sub(1, Ordering::Release);
    }
}

/// Waits for them. `own`: the caller is delivering a report itself, from whose callback the process
/// ends.
pub(crate) fn wait(own: bool) {
    let start = Instant::now();
    loop {
        // ORDERING: SeqCst: see `begin` and `end`.
        let n_reporting = N_REPORTING.load(Ordering::SeqCst);
        // ORDERING: SeqCst, as above.
        let n_ending = N_ENDING.load(Ordering::SeqCst);
        let patience = match (n_reporting > usize::from(own), n_ending > 0) {
            (true, _) => REPORT_PATIENCE,
            (false, true) => PATIENCE,
            (false, false) => return,
        };
        if start.elapsed() >= patience {
            return;
        }
        pause::pause(PAUSE);
    }
}

/// Forgets other threads: in the child of a fork there are none.
pub(crate) fn reset() {
    // ORDERING: Relaxed: the child has one thread.
    N_ENDING.store(0, Ordering::Relaxed);
    // ORDERING: Relaxed, as above.
    N_REPORTING.store(0, Ordering::Relaxed);
}
