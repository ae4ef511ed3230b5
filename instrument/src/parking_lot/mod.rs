//! The locks of `parking_lot` 0.12, validated.
//!
//! Write `use lockdep::parking_lot;` where the crate `parking_lot` was meant: every item is here,
//! under the same name and with the same methods. The raw locks are `parking_lot`'s own, so that a
//! lock behaves, and costs while validation is off, as it does there.
//!
//! ```
//! use lockdep::parking_lot;
//!
//! static TABLE: parking_lot::RwLock<Vec<u32>> = parking_lot::RwLock::new(Vec::new());
//!
//! let table = TABLE.upgradable_read();
//! if table.is_empty() {
//!     parking_lot::RwLockUpgradableReadGuard::upgrade(table).push(1);
//! }
//! assert_eq!(*TABLE.read(), [1]);
//! ```
//!
//! `read()` is a fair read: a thread that reads twice hangs if a writer queues in between, and is
//! warned of. Use `read_recursive()` where that is meant to be legal.
//!
//! A [`Once`] counts only while it runs, and a wait at a [`Condvar`] is a release and an
//! acquisition of its mutex.

mod condvar;
mod once;

use parking_lot_0_12 as real;

#[doc(no_inline)]
pub use crate::lock_api;

pub use parking_lot_0_12::{OnceState, RawFairMutex, RawMutex, RawRwLock, RawThreadId};

#[cfg(feature = "deadlock_detection")]
pub use parking_lot_0_12::deadlock;

pub use self::condvar::{Condvar, WaitTimeoutResult};
/// ```
/// use lockdep::parking_lot::{Once, OnceState};
///
/// static START: Once = Once::new();
/// START.call_once(|| {});
/// assert_eq!(START.state(), OnceState::Done);
/// ```
pub use self::once::Once;

pub use crate::lock_api::{
    ArcMutexGuard, ArcReentrantMutexGuard, ArcRwLockReadGuard, ArcRwLockUpgradableReadGuard,
    ArcRwLockWriteGuard,
};

/// A mutex.
pub type Mutex<T> = lock_api::Mutex<RawMutex, T>;
/// Access to the data of a [`Mutex`].
pub type MutexGuard<'a, T> = lock_api::MutexGuard<'a, RawMutex, T>;
/// Access to a part of the data of a [`Mutex`].
pub type MappedMutexGuard<'a, T> = lock_api::MappedMutexGuard<'a, RawMutex, T>;

/// A mutex that goes to the thread that has waited longest.
pub type FairMutex<T> = lock_api::Mutex<RawFairMutex, T>;
/// Access to the data of a [`FairMutex`].
pub type FairMutexGuard<'a, T> = lock_api::MutexGuard<'a, RawFairMutex, T>;
/// Access to a part of the data of a [`FairMutex`].
pub type MappedFairMutexGuard<'a, T> = lock_api::MappedMutexGuard<'a, RawFairMutex, T>;

/// A mutex that its holder may take again.
pub type ReentrantMutex<T> = lock_api::ReentrantMutex<RawMutex, RawThreadId, T>;
/// Access to the data of a [`ReentrantMutex`].
pub type ReentrantMutexGuard<'a, T> = lock_api::ReentrantMutexGuard<'a, RawMutex, RawThreadId, T>;
/// Access to a part of the data of a [`ReentrantMutex`].
pub type MappedReentrantMutexGuard<'a, T> = lock_api::MappedReentrantMutexGuard<'a, RawMutex, RawThreadId, T>;

/// A reader-writer lock.
pub type RwLock<T> = lock_api::RwLock<RawRwLock, T>;
/// Read access to the data of a [`RwLock`].
pub type RwLockReadGuard<'a, T> = lock_api::RwLockReadGuard<'a, RawRwLock, T>;
/// Write access to the data of a [`RwLock`].
pub type RwLockWriteGuard<'a, T> = lock_api::RwLockWriteGuard<'a, RawRwLock, T>;
/// Read access to the data of a [`RwLock`], with the right to become its writer.
pub type RwLockUpgradableReadGuard<'a, T> = lock_api::RwLockUpgradableReadGuard<'a, RawRwLock, T>;
/// Read access to a part of the data of a [`RwLock`].
pub type MappedRwLockReadGuard<'a, T> = lock_api::MappedRwLockReadGuard<'a, RawRwLock, T>;
/// Write access to a part of the data of a [`RwLock`].
pub type MappedRwLockWriteGuard<'a, T> = lock_api::MappedRwLockWriteGuard<'a, RawRwLock, T>;

/// Does what [`Mutex::new`] does, as a function, from before that was `const`.
#[track_caller]
#[inline]
pub const fn const_mutex<T>(val: T) -> Mutex<T> {
    Mutex::new(val)
}

/// Does what [`FairMutex::new`] does, as a function, from before that was `const`.
#[track_caller]
#[inline]
pub const fn const_fair_mutex<T>(val: T) -> FairMutex<T> {
    FairMutex::new(val)
}

/// Does what [`ReentrantMutex::new`] does, as a function, from before that was `const`.
#[track_caller]
#[inline]
pub const fn const_reentrant_mutex<T>(val: T) -> ReentrantMutex<T> {
    ReentrantMutex::new(val)
}

/// Does what [`RwLock::new`] does, as a function, from before that was `const`.
#[track_caller]
#[inline]
pub const fn const_rwlock<T>(val: T) -> RwLock<T> {
    RwLock::new(val)
}
