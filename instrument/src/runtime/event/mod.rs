//! What happens when an event arrives and validation is not off: one file for each kind of event.
//!
//! `fast.rs` is what nearly every event takes; `enter.rs` is how the others get at the thread's
//! state, `found.rs` what they share.
//!
//! Nothing here is generic over types of the watched program, so that the code is compiled once,
//! with this crate's optimisation level, however the program itself is built.

mod acquire;
mod claims;
mod classes;
mod contexts;
mod deferred;
#[cfg(unix)]
mod early;
mod enter;
mod fast;
pub(crate) mod flows;
mod found;
mod held;
mod lifetime;
pub(crate) mod messages;
mod modes;
mod orders;
mod pins;
mod release;
pub(crate) mod rooms;
mod self_deadlock;
pub(crate) mod spawn;
mod stat;
mod unseen;
mod wound_wait;

pub(crate) use acquire::{acquire, acquire_failed, sync, try_acquired};
pub(crate) use claims::{assert_held, assert_may_block, assert_none_held, assertion_broken, is_held};
pub(crate) use contexts::{context_enter, context_exit, context_mask, context_unmask};
pub(crate) use enter::{enter, enter_anywhere, leave_deferred};
pub(crate) use fast::{
    TriedExclusive, TriedShared, WantedExclusive, WantedShared, acquire_plain, dropped, release,
    release_another, release_by_any_thread, release_of_guard,
};
pub(crate) use lifetime::{creation_site, lock_id, reinitialised, unverified};
pub(crate) use modes::{downgrade, downgrade_to_upgradable, upgrade, upgrade_failed, upgraded};
pub(crate) use orders::{order_class, set_order_key};
pub(crate) use pins::{pin, repin, unpin};
pub(crate) use release::handed_over;
pub(crate) use self_deadlock::{self_deadlock, stale_holder};
pub(crate) use stat::{acquired, contended};
pub(crate) use wound_wait::{
    ww_acquire, ww_acquired, ww_backed_off, ww_begin, ww_done, ww_end, ww_release, ww_try_acquired,
};
