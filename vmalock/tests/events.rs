//! What the validator receives from each public function of the locks: class, mode, kind of wait,
//! level, and the place of the caller. The goldens of `groups.rs` compare the order of the steps;
//! here nothing stands between the crate and the log.

extern crate lockdep as real;
// `dep.rs` says `lockdep::…`, and gets this crate.
extern crate self as lockdep;

pub use hook::LockClassKey;
pub use real::{Mode, Subclass, Wait};

#[path = "support/std_build.rs"]
#[expect(
    unreachable_pub,
    dead_code,
    unused_imports,
    reason = "the crate's sources, of which the tests use a part"
)]
mod build;
#[path = "support/events_of_locks.rs"]
mod events_of_locks;
#[path = "support/hook_log.rs"]
#[expect(missing_docs, reason = "it stands for a public module, with its names")]
pub mod hook;
#[path = "support/mutant_rows.rs"]
#[expect(dead_code, reason = "shared with mutants.rs")]
mod mutant_rows;

/// Whether the validator is on: it is.
#[must_use]
pub fn enabled() -> bool {
    true
}

/// `lockdep::assert_held!` of `dep.rs`.
#[macro_export]
macro_rules! assert_held {
    ($map:expr) => {
        ($map).asserted("held")
    };
}

/// `lockdep::assert_held_exclusive!` of `dep.rs`.
#[macro_export]
macro_rules! assert_held_exclusive {
    ($map:expr) => {
        ($map).asserted("held exclusively")
    };
}
