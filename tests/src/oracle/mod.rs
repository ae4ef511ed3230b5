//! An oracle for the engine: random histories, judged by trying everything.
//!
//! [`history`] makes histories, [`truth`] decides by enumeration whether one contains a deadlock,
//! [`compare`] runs the engine beside it. Nothing in `truth` knows how the engine works: it keeps
//! the full relation (every holder, not the nearest one), searches simple cycles depth first
//! without marks, and has its own reading of the blocking table. [`schedule`] checks the other
//! policy: for small traces it enumerates interleavings. [`waits`] does so for programs whose
//! threads wait for each other.

pub mod compare;
pub mod history;
pub mod schedule;
pub mod truth;
mod wait_program;
mod wait_run;
mod wait_world;
pub mod waits;
