//! Events for home-made locks: put a [`LockMap`] into the lock and tell it what happens.
//!
//! Every lock type of this crate is written on this interface; `vmalock` is the largest user
//! outside it.
//!
//! The order of calls is the contract. A *blocking or timed* acquisition is announced **before** it
//! waits, so that a deadlock is reported before the thread hangs; a successful *try* is announced
//! **after** it; a release **before** the lock is really given up. A wrapper looks like this:
//!
//! ```
//! use lockdep::hook::{LockInfo, LockMap, Verdict};
//! use lockdep::{Mode, Wait};
//! # struct Raw; impl Raw { fn lock(&self) {} fn try_lock(&self) -> bool { true } unsafe fn unlock(&self) {} }
//!
//! struct MyLock { map: LockMap, raw: Raw }
//!
//! impl MyLock {
//!     const INFO: LockInfo = LockInfo::of::<()>("MyLock");
//!
//!     #[track_caller]
//!     const fn new() -> Self { Self { map: LockMap::new(), raw: Raw } }
//!
//!     #[track_caller]
//!     fn lock(&self) {
//!         match self.map.acquire(&Self::INFO, Mode::Exclusive, Wait::Blocking) {
//!             // `Measure` is for locks that ask for their contention to be counted.
//!             Verdict::Proceed | Verdict::Measure => self.raw.lock(),
//!             // The held stack says that this thread waits for itself. The real lock knows better.
//!             Verdict::SelfDeadlock if self.raw.try_lock() => self.map.stale_holder(),
//!             Verdict::SelfDeadlock => { self.map.self_deadlock(); self.raw.lock() }
//!         }
//!     }
//!
//!     fn unlock(&self) {
//!         self.map.release();
//!         // SAFETY: the caller holds the lock.
//!         unsafe { self.raw.unlock() }
//!     }
//! }
//! # let lock = MyLock::new(); lock.lock(); lock.unlock();
//! ```
//!
//! Cost: with validation off each call is one relaxed load and a predictable branch. With `--cfg
//! lockdep_disabled` a [`LockMap`] has no size and every call compiles to nothing.

#[cfg_attr(lockdep_disabled, path = "channel_disabled.rs")]
mod channel;
#[cfg_attr(lockdep_disabled, path = "event_map_disabled.rs")]
mod event_map;
pub(crate) mod key;
#[cfg_attr(lockdep_disabled, path = "disabled.rs")]
mod lock_map;
mod owned;
mod pin;
mod tracked;
#[cfg_attr(lockdep_disabled, path = "wait_for_disabled.rs")]
mod wait_for;

pub use crate::lock::{AcquireOptions, CreationSite, Held, LockInfo, LockRef, Verdict};
pub use event_map::EventMap;
#[doc(hidden)]
pub use event_map::{idled, waited, waits_unseen};
pub(crate) use key::ClassKey;
pub use lock_map::LockMap;
#[doc(hidden)]
pub use owned::Initialisation;
pub use owned::OwnedLockMap;
pub use pin::{PinCookie, pin_lock, repin_lock, unpin_lock};
pub use tracked::Tracked;
pub use wait_for::Waiting;

pub(crate) use channel::{Message, ReceiverEnd, SenderEnd, ends};
pub(crate) use event_map::{park, pause, unparked};

/// Returns whether events are looked at, or may be: one relaxed load. For wrappers that must
/// compute something to make an event.
#[inline(always)]
pub fn is_on() -> bool {
    #[cfg(not(lockdep_disabled))]
    let on = crate::runtime::process::state::is_on();
    #[cfg(lockdep_disabled)]
    let on = false;
    on
}
