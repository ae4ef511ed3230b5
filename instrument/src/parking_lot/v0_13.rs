//! The locks of `parking_lot` 0.13, validated.
//!
//! Write `use lockdep::parking_lot_0_13 as parking_lot;` where the crate `parking_lot` was meant:
//! every item is here, under the same name and with the same methods. The raw locks are
//! `parking_lot`'s own.
//!
//! ```
//! use lockdep::parking_lot_0_13 as parking_lot;
//!
//! static TABLE: parking_lot::RecursiveRwLock<u32> = parking_lot::RecursiveRwLock::new(1);
//!
//! let (one, again) = (TABLE.read(), TABLE.read());
//! assert_eq!(*one, *again);
//! ```
//!
//! `read()` of an [`RwLock`] is a fair read: a thread that reads twice hangs if a writer queues in
//! between, and is warned of. That of a [`RecursiveRwLock`] is a recursive one, and legal.

#[cfg_attr(
    feature = "parking_lot_0_12",
    expect(clippy::duplicate_mod, reason = "one source for both lines is the point")
)]
#[path = "once.rs"]
mod once;
#[path = "only_v0_13.rs"]
mod only_v0_13;

use parking_lot_0_13 as real;

#[doc(no_inline)]
pub use crate::lock_api_0_5 as lock_api;

pub use parking_lot_0_13::{
    OnceState, RawCondvar, RawFairMutex, RawMutex, RawRwLock, RawRwLockRecursive, RawThreadId,
};

#[cfg(feature = "deadlock_detection")]
pub use parking_lot_0_13::deadlock;

/// ```
/// use lockdep::parking_lot_0_13::{Once, OnceState};
///
/// static START: Once = Once::new();
/// START.call_once(|| {});
/// assert_eq!(START.state(), OnceState::Done);
/// ```
pub use self::once::Once;
pub use crate::lock_api_0_5::{
    ArcMutexGuard, ArcReentrantMutexGuard, ArcRwLockReadGuard, ArcRwLockUpgradableReadGuard,
    ArcRwLockWriteGuard, WaitTimeoutResult,
};

/// A condition variable for a [`Mutex`].
pub type Condvar = lock_api::Condvar<RawCondvar>;

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

/// A reader-writer lock whose readers queue behind a waiting writer.
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

/// A reader-writer lock whose readers never wait for one another, not even through a waiting
/// writer.
pub type RecursiveRwLock<T> = lock_api::RwLock<RawRwLockRecursive, T>;
/// Read access to the data of a [`RecursiveRwLock`].
pub type RecursiveRwLockReadGuard<'a, T> = lock_api::RwLockReadGuard<'a, RawRwLockRecursive, T>;
/// Write access to the data of a [`RecursiveRwLock`].
pub type RecursiveRwLockWriteGuard<'a, T> = lock_api::RwLockWriteGuard<'a, RawRwLockRecursive, T>;
/// Read access to the data of a [`RecursiveRwLock`], with the right to become its writer.
pub type RecursiveRwLockUpgradableReadGuard<'a, T> =
    lock_api::RwLockUpgradableReadGuard<'a, RawRwLockRecursive, T>;
/// Read access to a part of the data of a [`RecursiveRwLock`].
pub type MappedRecursiveRwLockReadGuard<'a, T> = lock_api::MappedRwLockReadGuard<'a, RawRwLockRecursive, T>;
/// Write access to a part of the data of a [`RecursiveRwLock`].
pub type MappedRecursiveRwLockWriteGuard<'a, T> = lock_api::MappedRwLockWriteGuard<'a, RawRwLockRecursive, T>;
