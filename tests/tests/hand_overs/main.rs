//! Models of what the runtime and the engine hand over between threads, and between a thread and
//! its signal handlers.
//!
//! The sources that do it are compiled a second time, over stand-ins: `pool.rs` of the deferred
//! rings and the engine's `chains.rs` over the atomics of loom, `access.rs`, `entered.rs`,
//! `newest.rs`, `place.rs` and the rings over memory in which a signal handler may come between any
//! two steps. Each model explores every interleaving within a bound on preemptions. Each is run
//! again with one weakness at a time, and must then fail.

#![expect(clippy::duplicate_mod, reason = "`pool.rs` is compiled over loom and over the memory of the model")]

// `chains.rs` finds the stand-in for `DashMap` here.
extern crate self as dashmap;

mod chain_set;
mod rings;
mod runtime;
mod seed;

/// What the rings know of a lock.
mod lock {
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct AnyKey;
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct LockInfo;
}

/// What the chain set knows of the engine.
mod base {
    pub(crate) mod id {
        pub(crate) use lockdep_validator::{ClassId, StackId, TaskId};
    }

    pub(crate) mod mix {
        pub(crate) const fn mix(state: u64, value: u64) -> u64 {
            state ^ value.rotate_left(17)
        }
    }

    pub(crate) mod site {
        pub(crate) use lockdep_validator::Site;
    }

    pub(crate) mod sync {
        pub(crate) use crate::chain_set::AtomicU64;
        pub(crate) use loom::sync::atomic::Ordering;
    }
}

pub use chain_set::{DashMap, Entry};

/// Every model, by the name of its test.
const MODELS: [&str; 11] = [
    "rings::a_ring_is_empty_for_the_next_thread",
    "chain_set::no_chain_outlives_what_it_was_validated_with",
    "chain_set::a_cache_is_void_before_it_can_be_stale",
    "runtime::interrupted::a_handler_may_come_anywhere",
    "runtime::interrupted::a_handler_may_come_before_the_first_event",
    "runtime::interrupted::a_handler_may_set_the_state_aside_anywhere",
    "runtime::interrupted::a_handler_may_release_what_was_not_seen",
    "runtime::interrupted::a_handler_may_come_while_a_lock_gets_its_id",
    "runtime::interrupted::a_handler_may_set_the_state_aside_while_a_lock_gets_its_id",
    "runtime::interrupted::a_handler_may_come_in_a_step_hand_over_hand",
    "runtime::interrupted::a_handler_may_set_the_state_aside_in_a_step_hand_over_hand",
];

/// Every weakness, with the model that must notice it.
const WEAKNESSES: [(&str, usize); 16] = [
    ("give-back-relaxed", 0),
    ("take-relaxed", 0),
    ("take-in-two-steps", 0),
    ("generation-relaxed", 1),
    ("count-relaxed", 1),
    ("count-missing", 1),
    ("bump-relaxed", 2),
    ("epoch-relaxed", 2),
    ("bump-before-clear", 2),
    ("no-compiler-fence", 3),
    ("busy-not-marked", 3),
    ("drain-not-marked", 3),
    ("key-kept", 5),
    ("number-in-two-steps", 7),
    ("key-kept", 8),
    ("swap-in-two-steps", 4),
];

#[test]
fn every_weakness_is_noticed() {
    for (weakness, model) in WEAKNESSES {
        let output = seed::run_seeded(MODELS[model], weakness);
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("running 1 test"), "{weakness}: there is no model {}", MODELS[model]);
        assert!(!output.status.success(), "{} does not notice `{weakness}`", MODELS[model]);
        let is_broken = said.contains("broken: ") || said.contains("Causality violation");
        assert!(is_broken, "{weakness}: the model failed for another reason: {said}");
    }
}
