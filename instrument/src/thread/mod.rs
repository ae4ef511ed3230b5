//! The threads of [`std::thread`] whose order the validator knows: a drop-in for `use std::thread`.
//!
//! What a thread did before it spawned another one, and what it does after it joined one, cannot
//! run at the same time as the other one. The validator says so in a report (`ordered: spawn`,
//! `ordered: join`); it does not make the report any milder, because code that ran in turn in a
//! test may run at once in production.
//!
//! ```
//! use lockdep::thread;
//!
//! let handle = thread::spawn(|| 6 * 7);
//! assert_eq!(handle.join().unwrap(), 42);
//!
//! let mut words = vec!["one", "two"];
//! thread::scope(|scope| {
//!     scope.spawn(|| words.push("three"));
//! });
//! assert_eq!(words.len(), 3);
//! ```
//!
//! A thread that is parked or sleeps says so to other threads. A [`Thread`] notes who unparks it.

mod builder;
mod handle;
mod join_handle;
mod park;
mod scope;
mod spawn;

// The wrappers below are explicit items and shadow what the glob brings under the same names.
pub use std::thread::*;

pub use builder::{Builder, spawn};
pub use handle::{Thread, current};
pub use join_handle::JoinHandle;
#[expect(deprecated, reason = "std still has them")]
pub use park::{park, park_timeout, park_timeout_ms, sleep, sleep_ms, yield_now};
pub use scope::{Scope, ScopedJoinHandle, scope};
