//! `lockdep::sync` and `lockdep::thread` against `std::sync` and `std::thread`: the same test
//! bodies, compiled against both, so that a difference in behaviour is a failure of one half.
//!
//! Each case file says `use super::{sync, thread}` and is included twice. `surface.rs` adds the
//! other direction: what std documents as stable in this toolchain and the bodies do not name.

mod layout;
mod surface;

#[expect(clippy::duplicate_mod, reason = "the same bodies against both libraries is the point")]
#[cfg_attr(
    std_rwlock_downgrade,
    expect(clippy::incompatible_msrv, reason = "compiled only where std has it")
)]
#[expect(unused_qualifications, reason = "the bodies name the std twin in full")]
#[path = "."]
mod with_std {
    pub(crate) use std::{sync, thread};

    mod barrier;
    mod condvar;
    mod lazy_lock;
    mod mpsc;
    mod mutex;
    pub(crate) mod names;
    mod once;
    mod once_lock;
    mod rwlock;
    mod threads;
    pub(crate) mod traits;
}

#[expect(clippy::duplicate_mod, reason = "the same bodies against both libraries is the point")]
#[path = "."]
mod with_lockdep {
    pub(crate) use lockdep::{sync, thread};

    mod barrier;
    mod condvar;
    mod lazy_lock;
    mod mpsc;
    mod mutex;
    pub(crate) mod names;
    mod once;
    mod once_lock;
    mod rwlock;
    mod threads;
    pub(crate) mod traits;
}

mod validated;

/// Runs `f`, which panics, without the message on stderr being of interest; gives the payload as
/// text.
fn panic_text<R>(f: impl FnOnce() -> R) -> String {
    let Err(payload) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)) else {
        panic!("expected a panic")
    };
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}
