//! How much an engine has looked at.

/// How much was looked at, and what was not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Counters {
    /// Registered classes.
    pub classes: u64,
    /// Dependencies in the graph.
    pub dependencies: u64,
    /// Validated chains.
    pub chains: u64,
    /// Reports, classes or events that did not fit and are only counted.
    pub dropped: u64,
    /// Events that could not be looked at (re-entered, held stack unknown, stale holders).
    pub unseen: u64,
}
