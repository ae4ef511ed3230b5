//! A runtime lock validator.
//!
//! `LOCKDEP=1` turns it on; without that every lock costs one relaxed load more than its plain
//! version.
#![deny(missing_docs)]

// The lock sources shared with the stand-ins for `lock_api`, which have no `std`, name it.
#[cfg(feature = "lock_api")]
extern crate alloc;

pub mod assert;
pub mod class_order;
pub mod context;
pub mod flow;
pub mod hook;
mod inspect;
mod lock;
#[cfg(feature = "lock_api_0_4")]
pub mod lock_api;
#[cfg(feature = "lock_api_0_5")]
#[path = "lock_api/v0_5.rs"]
pub mod lock_api_0_5;
mod many;
#[cfg(feature = "parking_lot_0_12")]
pub mod parking_lot;
#[cfg(feature = "parking_lot_0_13")]
#[path = "parking_lot/v0_13.rs"]
pub mod parking_lot_0_13;
mod pins;
#[cfg(not(lockdep_disabled))]
mod runtime;
pub mod sync;
pub mod thread;
#[cfg(feature = "tokio_1")]
pub mod tokio;
pub mod wound_wait;

pub use hook::key::ClassKey;
pub use inspect::{counters, enabled, set_report_callback};
pub use lock::LockClassKey;
pub use lockdep_report::model::{Counters, Report};
pub use lockdep_validator::{AcquireFlags, Level, LockId, Mode, Subclass, Wait};
pub use many::{LockList, Lockable, Reading, Writing, lock_all, lock_many, reading, writing};
pub use pins::{Pinned, pin};

/// Runs the examples of the package's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
