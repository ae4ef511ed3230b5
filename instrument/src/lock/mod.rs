//! What the runtime has to know of a lock: its slot, its key and its properties, and what goes with
//! an event.
//!
//! The runtime and the hooks both use these types, and the types use neither. The functions that
//! take an event are in [`hook`](crate::hook), which exports the public ones of these types.

mod any_key;
mod class_key;
mod creation_site;
#[cfg(not(lockdep_disabled))]
mod keyed_slot;
mod lock_info;
mod lock_ref;
mod options;
#[cfg(not(lockdep_disabled))]
mod slot;

#[cfg(not(lockdep_disabled))]
pub(crate) use any_key::AnyKey;
pub(crate) use any_key::KeyKind;
pub use class_key::LockClassKey;
#[cfg(not(lockdep_disabled))]
pub(crate) use creation_site::Caller;
pub use creation_site::CreationSite;
#[cfg(not(lockdep_disabled))]
pub(crate) use keyed_slot::KeyedSlot;
pub use lock_info::LockInfo;
pub use lock_ref::LockRef;
pub use options::{AcquireOptions, Held, Verdict};
#[cfg(not(lockdep_disabled))]
pub(crate) use slot::Slot;
