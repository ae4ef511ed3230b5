//! A runtime lock validator.
//!
//! `LOCKDEP=1` turns it on; without that every lock costs one relaxed load more than its plain version.
#![deny(missing_docs)]

pub mod assert;
#[cfg(not(lockdep_disabled))]
mod event;
pub mod hook;
#[cfg(not(lockdep_disabled))]
mod state;
pub mod sync;
pub mod thread;

pub use hook::{AcquireOptions, ClassKey, Held, LockClassKey, LockInfo, LockMap, Verdict};
pub use lockdep_validator::{AcquireFlags, LockId, Mode, Subclass, Wait};
