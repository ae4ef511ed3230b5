//! How locks are held and wanted, in words, and where a reader waits only for a writer.

use lockdep_validator::Mode;

use super::model::{ReportDependency, ReportLock};

/// The classes at which the cycle arrives as a fair reader and leaves as a reader: they block only
/// through a writer that queues in between.
pub(super) fn needs_writer(cycle: &[ReportDependency]) -> Vec<&str> {
    let next = cycle.iter().cycle().skip(1);
    let mut names = Vec::new();
    for (arrive, leave) in cycle.iter().zip(next) {
        let waits = arrive.acquire_mode == Mode::Shared && leave.held_mode != Mode::Exclusive;
        // Several locks of one class have one name.
        if waits && !names.contains(&arrive.to.as_str()) {
            names.push(arrive.to.as_str());
        }
    }
    names
}

/// A lock in the words of a label: how it is held or wanted.
pub(super) const fn mode_words(lock: &ReportLock) -> &'static str {
    mode_word(lock.mode)
}

/// A mode in the words of a label.
pub(super) const fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Shared => "for reading",
        Mode::SharedRecursive => "for recursive reading",
        Mode::Exclusive => "exclusively",
    }
}
