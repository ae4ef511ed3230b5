//! What the protocol is made of: the platform, tasks and how they wait, the words that are counted
//! and stepped, the announcements to the validator, and what is said about a broken rule.
//!
//! Nothing here knows an address space or a VMA; those are in `object/`.

pub(crate) mod dep;
pub(crate) mod events;
pub(crate) mod rcu;
pub(crate) mod rcuwait;
pub(crate) mod refcnt;
pub(crate) mod rwsem;
pub(crate) mod seq;
pub(crate) mod sleeper;
pub(crate) mod static_ref;
pub(crate) mod sync;
pub(crate) mod task;
pub mod trace;
pub mod warn;
