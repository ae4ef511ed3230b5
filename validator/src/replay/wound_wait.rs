//! The wound/wait ops of a scenario.

use super::ReplayError;
use super::runner::Runner;
use super::scenario::Op;
use crate::base::id::LockId;
use crate::base::site::Site;
use crate::engine::Outcome;

/// The transactions of a case, by name.
#[derive(Debug, Default)]
pub(super) struct Transactions {}

impl Transactions {
    /// The pseudo-lock of a transaction.
    pub(super) fn context(&self, _name: &str) -> Option<LockId> {
        None
    }
}

impl Runner {
    pub(super) fn wound_wait(&mut self, name: &str, _op: &Op, _site: Site) -> Result<Outcome, ReplayError> {
        Err(ReplayError::new(format_args!("unknown op \"{name}\"")))
    }

    pub(super) fn poke(&mut self, _op: &Op) -> Result<(), ReplayError> {
        Ok(())
    }
}
