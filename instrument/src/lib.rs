//! A runtime lock validator.
//!
//! `LOCKDEP=1` turns it on; without that every lock costs one relaxed load more than its plain version.
#![deny(missing_docs)]

// The lock sources shared with the stand-ins for `lock_api`, which have no `std`, name it.
#[cfg(feature = "lock_api")]
extern crate alloc;

pub mod assert;
#[cfg(not(lockdep_disabled))]
mod callers;
pub mod class_order;
#[cfg(not(lockdep_disabled))]
mod classes;
#[cfg(not(lockdep_disabled))]
mod config;
pub mod context;
#[cfg(not(lockdep_disabled))]
mod deferred;
#[cfg(all(unix, not(lockdep_disabled)))]
mod descriptor;
#[cfg(not(lockdep_disabled))]
mod ending;
#[cfg(not(lockdep_disabled))]
mod env;
#[cfg(not(lockdep_disabled))]
mod event;
#[cfg(not(lockdep_disabled))]
mod exit_key;
#[cfg(not(lockdep_disabled))]
mod fault;
#[cfg(not(lockdep_disabled))]
mod fork;
#[cfg(not(lockdep_disabled))]
mod handler;
pub mod hook;
#[cfg(not(lockdep_disabled))]
mod input;
mod inspect;
#[cfg(not(lockdep_disabled))]
#[cfg_attr(not(unix), path = "ledger_none.rs")]
mod ledger;
#[cfg(feature = "lock_api_0_4")]
pub mod lock_api;
#[cfg(feature = "lock_api_0_5")]
#[path = "lock_api/v0_5.rs"]
pub mod lock_api_0_5;
mod many;
#[cfg(not(lockdep_disabled))]
mod memory;
#[cfg(not(lockdep_disabled))]
mod order;
#[cfg(not(lockdep_disabled))]
mod others;
#[cfg(feature = "parking_lot_0_12")]
pub mod parking_lot;
#[cfg(feature = "parking_lot_0_13")]
#[path = "parking_lot/v0_13.rs"]
pub mod parking_lot_0_13;
mod pins;
#[cfg(not(lockdep_disabled))]
mod process_exit;
#[cfg(not(lockdep_disabled))]
mod process_start;
#[cfg(all(unix, not(lockdep_disabled)))]
mod quiet_write;
#[cfg(not(lockdep_disabled))]
mod record;
#[cfg(not(lockdep_disabled))]
mod report;
#[cfg(not(lockdep_disabled))]
mod roomy;
#[cfg(not(lockdep_disabled))]
mod runtime;
#[cfg(not(lockdep_disabled))]
mod sink;
#[cfg(not(lockdep_disabled))]
mod site;
#[cfg(not(lockdep_disabled))]
mod spawn_order;
#[cfg(not(lockdep_disabled))]
mod stack;
#[cfg(not(lockdep_disabled))]
mod stack_bounds;
#[cfg(not(lockdep_disabled))]
mod stat;
#[cfg(not(lockdep_disabled))]
mod state;
#[cfg(not(lockdep_disabled))]
mod suspects;
pub mod sync;
#[cfg(not(lockdep_disabled))]
mod task;
pub mod thread;
pub mod wound_wait;

pub use class_order::{ClassOrder, Ordered, OrderedLock};
pub use hook::{AcquireOptions, ClassKey, Held, LockClassKey, LockInfo, LockMap, Verdict};
pub use inspect::{counters, enabled, flush, set_report_callback};
pub use lockdep_report::model::{Counters, Report};
pub use lockdep_validator::{AcquireFlags, Level, LockId, Mode, Subclass, Wait};
pub use many::{LockList, Lockable, Reading, Writing, lock_all, lock_many, reading, writing};
pub use pins::{Pinned, pin};
