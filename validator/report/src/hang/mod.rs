//! The hang report: what every thread of a process does at one moment, the thread that the others
//! wait for first.
//!
//! It is no violation. It accuses no code, has no level and is never denied: it answers what a
//! process waits for that was asked because it seemed to hang.

pub mod build;
pub mod text;

mod given_up;
mod graph;

#[cfg(test)]
mod tests;
