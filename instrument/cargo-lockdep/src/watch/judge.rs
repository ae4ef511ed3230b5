//! Which reports are denied, by `LOCKDEP_DENY` and `LOCKDEP_ALLOW`.

use lockdep_validator::report::model::Report;

use crate::error::Result;

/// Decides what makes the run fail.
#[derive(Debug)]
pub(super) struct Judge;

impl Judge {
    pub(super) fn from_environment() -> Result<Self> {
        Ok(Self)
    }

    pub(super) fn is_denied(&self, report: &Report) -> bool {
        report.level != "note"
    }
}
