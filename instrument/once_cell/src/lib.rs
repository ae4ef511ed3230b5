//! Stand-in for the crate `once_cell`: the same items, and an initialisation that runs reports to
//! the validator.
//!
//! When rustc is asked to compile `once_cell` for a graph under validation, it compiles the real
//! crate under the name `real_once_cell` first, and then this file. The real cells do the work;
//! those of [`sync`] are wrapped, the rest is theirs.

#![no_std]

pub use real_once_cell::*;

#[cfg(feature = "std")]
pub mod sync;
