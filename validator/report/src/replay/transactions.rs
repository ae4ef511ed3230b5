//! The wound/wait transactions of a case.

use rustc_hash::FxHashMap;

use super::ReplayError;
use super::op::{Op, field};
use lockdep_validator::{LockId, WoundWait};

/// The class of wound/wait locks if an op names none.
pub(super) const CLASS: &str = "ww.mutex";

/// The transactions of a case, by name, and who owns which lock.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    pub(super) open: FxHashMap<String, WoundWait>,
    /// By lock: the transaction that its lock object names as owner. An ordinary release leaves the
    /// name in place.
    pub(super) owners: FxHashMap<String, String>,
}

impl Transactions {
    /// The pseudo-lock of a transaction.
    pub(super) fn context(&self, name: &str) -> Option<LockId> {
        self.open.get(name).map(|transaction| transaction.context)
    }

    /// The transaction of an op; the only one of the case if it names none.
    pub(super) fn named(&mut self, op: &Op) -> Result<&mut WoundWait, ReplayError> {
        if op.wwctx.is_none() && self.open.len() == 1 {
            return Ok(self.open.values_mut().next().expect("there is one"));
        }
        let name = field(&op.wwctx, "wwctx", op)?;
        self.open.get_mut(name).ok_or_else(|| unknown(name))
    }
}

/// The error for a transaction that no op opened.
pub(super) fn unknown(name: &str) -> ReplayError {
    ReplayError::new(format_args!("transaction \"{name}\" was never opened"))
}
