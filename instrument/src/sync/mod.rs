//! The locks of [`std::sync`], validated: a drop-in for `use std::sync`.
//!
//! Every name of [`std::sync`] that is stable in the running compiler is here. [`Mutex`],
//! [`RwLock`], [`Condvar`], [`Once`], [`OnceLock`], [`LazyLock`], [`Barrier`] and the channels of
//! [`mpsc`] are wrappers around the real ones that tell the validator what they do; everything else
//! (`Arc`, `atomic`, …) is the real thing. Results, poisoning, panics and `Debug` text are those of
//! std, because the std type does the work.
//!
//! ```
//! use lockdep::sync::{Arc, Mutex};
//!
//! static TOTAL: Mutex<u64> = Mutex::new(0);
//! let shared = Arc::new(Mutex::new(vec![1, 2, 3]));
//! *TOTAL.lock().unwrap() += shared.lock().unwrap().iter().sum::<u64>();
//! assert_eq!(*TOTAL.lock().unwrap(), 6);
//! ```
//!
//! # What is announced to the validator
//!
//! | operation | event |
//! |---|---|
//! | `lock`, `write` | blocking exclusive acquisition, before it waits |
//! | `read` | blocking shared acquisition (a fair reader), before it waits |
//! | `try_*`, and the `Debug` of a lock, which tries | try acquisition, after it succeeded |
//! | drop of a guard | release, before the real unlock |
//! | `Condvar::wait*` | release and blocking acquisition of the mutex, before each wait |
//! | an initialisation that has to run or be waited for | blocking exclusive acquisition of the `Once`, `OnceLock` or `LazyLock` until it is done |
//! | a finished initialisation | none |
//! | a send, a receive, an arrival at a barrier, a notification | none; who did it last, and where, is noted |
//! | a receive, send or arrival that blocks | none; other threads can read of it |
//!
//! # Limits
//!
//! * A lock grows by 16 bytes and its alignment is at least that of a pointer.
//! * A lock needs dropping even where its std twin does not, so it cannot be dropped in a `const`
//!   context.
//! * A `Condvar` grows by 16 bytes and a `Barrier` by 24. Each end of a channel grows by the size
//!   of a pointer, and each message by eight bytes.
//! * The inner locks of `Barrier` and `mpsc` are never held while other code runs, so they close no
//!   order and are not watched.

mod barrier;
mod condvar;
mod held;
mod in_common;
mod lazy_lock;
mod many;
pub mod mpsc;
mod mutex;
mod once;
mod once_lock;
mod rwlock;

// The wrappers below are explicit items and shadow what the glob brings under the same names.
pub use std::sync::*;

pub use barrier::Barrier;
pub use condvar::Condvar;
pub use lazy_lock::LazyLock;
pub use mutex::{Mutex, MutexGuard};
#[expect(
    deprecated,
    reason = "std still exports it, and `static X: Once = ONCE_INIT` has to name one type"
)]
pub use once::ONCE_INIT;
pub use once::Once;
pub use once_lock::OnceLock;
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
