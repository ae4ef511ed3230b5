//! Where the threads of a process cannot be stopped and read, there is no hang report.

use super::Runtime;

/// Says that the variables that ask for a report have no effect here.
pub(crate) fn install(runtime: &Runtime) {
    if runtime.config.hang_signal.is_some() || runtime.config.hang_after.is_some() {
        super::output::sink::notice("there is no hang report on this system");
    }
}

/// Does nothing.
pub(crate) fn forked() {}

/// Does nothing.
pub(crate) fn wait_began() {}
