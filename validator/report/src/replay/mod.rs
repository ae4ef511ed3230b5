//! Replay: events from a file instead of a live process, through the same engine.
//!
//! Two forms are read: *scenarios* ([`scenario`]), JSON with a verdict expected for each case, and
//! *traces* ([`trace`]), one event a line as RAPID and other trace tools write them. Nothing here
//! does I/O: text or a reader in, results out.

mod class_ops;
mod defaults;
mod flavour;
mod flow;
mod flows;
mod kind;
mod messages;
mod op;
mod runner;
pub mod scenario;
mod sent;
mod threads;
pub mod trace;
mod transactions;
mod wound_wait;

use std::fmt::Display;

pub use kind::scenario_kind;
pub use scenario::{Case, CaseResult, CaseVerdict, Scenario};

/// Why a file, a case or a line could not be replayed. The text names the case and the op, or the
/// line.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ReplayError {
    message: String,
}

impl ReplayError {
    pub(crate) fn new(message: impl Display) -> Self {
        Self { message: message.to_string() }
    }

    /// Says where it happened: `place: what`.
    #[must_use]
    pub(crate) fn at(self, place: impl Display) -> Self {
        Self::new(format_args!("{place}: {}", self.message))
    }
}
