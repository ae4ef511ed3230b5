//! Cargo and rustc: the user's project and toolchain, the runtime that is built for them, and the
//! call of cargo with it.

mod annotate;
pub(crate) mod command;
mod config;
pub(crate) mod metadata;
pub(crate) mod package;
pub(crate) mod program;
pub(crate) mod project;
mod runtime;
pub(crate) mod session;
pub(crate) mod toolchain;
pub(crate) mod wrapper;
