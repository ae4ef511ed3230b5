//! A task that the threads of a scenario run by turns.

use lockdep_validator::Flow;

/// A flow of a scenario, and the thread that runs it.
#[derive(Debug)]
pub(super) struct ScenarioFlow {
    /// While a thread runs the flow, what that thread held before.
    pub(super) flow: Flow,
    pub(super) run_by: Option<String>,
}
