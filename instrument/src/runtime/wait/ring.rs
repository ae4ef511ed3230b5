//! The thread whose wait closes a ring looks at it for a while, and reports it (LD0100).

use std::time::{Duration, Instant};

use lockdep_validator::Level;
use lockdep_validator::check::deadlock::Waiting as Tasks;

use super::publish::Waiting;
use super::snapshot::Ring;
use crate::runtime::event::enter;
use crate::runtime::output::report;
use crate::runtime::process::{ending, internal_error};
use crate::runtime::{Runtime, running};

/// Between two looks at a ring.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LAST_PAUSE: Duration = Duration::from_millis(20);

impl Waiting {
    /// Looks whether this wait closes a ring. While it seems to, waits by `try_fn`; `true` if that
    /// got what is waited for. A ring that stays is reported, and then this returns: the caller
    /// goes on waiting.
    #[cold]
    pub(crate) fn look(&self, try_fn: &mut dyn FnMut() -> bool) -> bool {
        if !self.may_close_ring() {
            return false;
        }
        let Some(runtime) = running() else { return false };
        let Some(patience) = runtime.config.deadlock_check else { return false };
        let find = || internal_error::guard(|| Ring::find(&runtime.validator, self.slot)).flatten();
        let Some(mut ring) = find() else { return false };
        if self.is_timed {
            // A note, which needs no second look; the time belongs to the caller.
            report_ring(runtime, &ring);
            return false;
        }
        let mut since = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            std::thread::sleep(pause);
            if try_fn() {
                return true;
            }
            if !ring.is_closed() {
                let Some(other) = find() else { return false };
                (ring, since) = (other, Instant::now());
            } else if since.elapsed() >= patience && ring.sleeps() {
                break;
            }
            pause = LAST_PAUSE.min(pause * 2);
        }
        // For how long each has waited by now.
        let Some(ring) = find() else { return false };
        report_ring(runtime, &ring);
        false
    }
}

/// Reports the ring, unless another of its threads has.
fn report_ring(runtime: &'static Runtime, ring: &Ring) {
    let judged = internal_error::guard(|| runtime.validator.deadlock(Tasks(&ring.tasks), &ring.order));
    let Some(violation) = judged.flatten() else { return };
    let Some(mut entered) = enter() else {
        runtime.validator.count_unseen();
        return;
    };
    let _reporting = ending::Reporting::begin();
    let delivered = report::deliver(entered.task(), &violation);
    if violation.level == Level::Error {
        report::deadlock_happened(runtime, delivered.is_denied);
    }
}
