//! What the runtime keeps for each thread.
//!
//! `thread.rs` has all of it, and `pointer.rs` the thread-local pointer that leads to it.
//! `quick.rs` and `place.rs` have what the fast path sees of it, and `access.rs` says who may use
//! it when. How it is made, entered and ended is in `event/enter.rs`.

pub(crate) mod access;
pub(crate) mod again;
pub(crate) mod awaited;
pub(crate) mod deferred;
pub(crate) mod entered;
mod mark;
pub(crate) mod messages;
pub(crate) mod names;
pub(crate) mod newest;
pub(crate) mod number;
pub(crate) mod parked;
pub(crate) mod place;
mod places;
pub(crate) mod pointer;
pub(crate) mod progress;
pub(crate) mod queued;
pub(crate) mod quick;
#[cfg(hang_report)]
pub(crate) mod stopped;
pub(crate) mod sync;
mod thread;

pub(crate) use access::{
    Interrupted, abandon, deferred_state, enter_deferred, is_announced, is_busy, put_back,
};
pub(crate) use mark::Mark;
pub(crate) use names::{allocator_locks, is_allocators, is_tried};
pub(crate) use number::{count_ended, count_started, has_flows, n_tasks, new_flow, new_id};
pub(crate) use places::QuickStack;
pub(crate) use progress::{is_not_started, mark, segment, word_address};
pub(crate) use thread::{ExtraWork, FlowPlace, Pending, Task};
