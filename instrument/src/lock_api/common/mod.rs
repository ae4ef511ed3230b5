//! The lock types, written once for six users: `lockdep::lock_api` (0.4), `lockdep::lock_api_0_5`,
//! and the four sources that stand in for the crate `lock_api` in a graph without annotations.
//!
//! The module above provides what differs: `raw` (the traits of raw locks), `seam` (how they are
//! called), `hook` (the event interface of the runtime). What only one line has, such as
//! `const_new`, is beside `seam`.
//!
//! Nothing here names `std`, and nothing needs an edition newer than 2018: as a stand-in it is
//! compiled with the flags of the crate it replaces.

#[cfg(all(feature = "arc_lock", feature = "atomic_usize"))]
mod arc_remutex;
pub(super) mod event;
pub(super) mod guard;
pub(super) mod mapped;
mod mutex;
#[cfg(feature = "atomic_usize")]
mod raw_remutex;
#[cfg(feature = "atomic_usize")]
mod remutex;
mod rwlock;
mod rwlock_acquire;
mod rwlock_guard;
#[cfg(feature = "serde")]
mod serde;

#[cfg(all(feature = "arc_lock", feature = "atomic_usize"))]
pub use arc_remutex::ArcReentrantMutexGuard;
pub use mapped::{MappedMutexGuard, MappedRwLockReadGuard, MappedRwLockWriteGuard};
#[cfg(feature = "arc_lock")]
pub use mutex::ArcMutexGuard;
pub use mutex::{Mutex, MutexGuard};
#[cfg(feature = "atomic_usize")]
pub use raw_remutex::RawReentrantMutex;
#[cfg(feature = "atomic_usize")]
pub use remutex::{MappedReentrantMutexGuard, ReentrantMutex, ReentrantMutexGuard};
pub use rwlock::RwLock;
#[cfg(feature = "arc_lock")]
pub use rwlock_guard::{ArcRwLockReadGuard, ArcRwLockUpgradableReadGuard, ArcRwLockWriteGuard};
pub use rwlock_guard::{RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard};
