//! One op of a scenario, as its file has it.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::ReplayError;

/// One op, as the file has it. What an op does not need is not looked at.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Op {
    pub(super) op: String,
    pub(super) ctx: Option<String>,
    pub(super) lock: Option<String>,
    pub(super) class: Option<String>,
    pub(super) flavour: Option<String>,
    pub(super) mode: Option<String>,
    pub(super) subclass: Option<u8>,
    #[serde(default, deserialize_with = "flag")]
    pub(super) trylock: bool,
    #[serde(default, deserialize_with = "flag")]
    pub(super) timed: bool,
    #[serde(default, deserialize_with = "flag")]
    pub(super) upgradable: bool,
    /// The lock object lies on the stack of the task that acquires it.
    #[serde(default, deserialize_with = "flag")]
    pub(super) on_stack: bool,
    pub(super) nest: Option<String>,
    pub(super) which: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    pub(super) threaded: bool,
    pub(super) wwctx: Option<String>,
    pub(super) result: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    pub(super) slow: bool,
    pub(super) what: Option<String>,
    #[serde(default)]
    pub(super) value: Value,
    pub(super) source: Option<String>,
    pub(super) task: Option<String>,
    /// A channel with a bound, and how many messages it holds.
    pub(super) channel: Option<String>,
    #[serde(default)]
    pub(super) room: u64,
    /// Other tasks may send into the channel as well.
    #[serde(default)]
    pub(super) several: bool,
}

/// A flag that is `null` is off.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// The error for an op without a field that it needs.
pub(super) fn missing(name: &str, op: &Op) -> ReplayError {
    ReplayError::new(format_args!("op \"{}\" needs \"{name}\"", op.op))
}

/// A field that the op must have.
pub(super) fn field<'a>(field: &'a Option<String>, name: &str, op: &Op) -> Result<&'a str, ReplayError> {
    field.as_deref().ok_or_else(|| missing(name, op))
}
