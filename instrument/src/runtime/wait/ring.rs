//! The thread whose wait closes a ring looks at it for a while, and reports it (LD0100).

use std::time::{Duration, Instant};

use lockdep_validator::{Level, Waiting as Tasks};

use super::publish::Waiting;
use super::snapshot::Ring;
use crate::runtime::event::enter;
use crate::runtime::output::report;
use crate::runtime::process::{ending, internal_error};
use crate::runtime::{Runtime, running};

/// What came of a look.
#[derive(Debug)]
pub(crate) enum Looked {
    /// The try got what is waited for.
    Taken,
    /// The caller has to wait.
    GoOn,
    /// So does it, unless it can give up with a panic of this message: an error was reported.
    Reported(String),
}

/// Between two looks at a ring.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LAST_PAUSE: Duration = Duration::from_millis(20);

impl Waiting {
    /// Looks whether this wait closes a ring. While it seems to, waits by `try_fn`. A ring that
    /// stays is reported, and then this returns.
    #[cold]
    pub(crate) fn look(&self, try_fn: &mut dyn FnMut() -> bool) -> Looked {
        if !self.may_close_ring() {
            return Looked::GoOn;
        }
        let Some(runtime) = running() else { return Looked::GoOn };
        let Some(patience) = runtime.config.deadlock_check else { return Looked::GoOn };
        let find = || internal_error::guard(|| Ring::find(&runtime.validator, self.slot)).flatten();
        let Some(mut ring) = find() else { return Looked::GoOn };
        if self.is_timed {
            // A note, which needs no second look; the time belongs to the caller.
            report_ring(runtime, &ring);
            return Looked::GoOn;
        }
        let mut since = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            std::thread::sleep(pause);
            if try_fn() {
                return Looked::Taken;
            }
            if !ring.is_closed() {
                let Some(other) = find() else { return Looked::GoOn };
                (ring, since) = (other, Instant::now());
            } else if since.elapsed() >= patience && ring.sleeps() {
                break;
            }
            pause = LAST_PAUSE.min(pause * 2);
        }
        // For how long each has waited by now.
        let Some(ring) = find() else { return Looked::GoOn };
        report_ring(runtime, &ring).map_or(Looked::GoOn, Looked::Reported)
    }
}

/// Reports the ring, unless another of its threads has. Returns the message of a panic, if the
/// process wants one.
fn report_ring(runtime: &'static Runtime, ring: &Ring) -> Option<String> {
    let judged = internal_error::guard(|| runtime.validator.deadlock(Tasks(&ring.tasks), &ring.order));
    let violation = judged.flatten()?;
    let Some(mut entered) = enter() else {
        runtime.validator.count_unseen();
        return None;
    };
    let _reporting = ending::Reporting::begin();
    let delivered = report::deliver(entered.task(), &violation);
    if violation.level != Level::Error {
        return None;
    }
    report::deadlock_happened(runtime, &delivered)
}
