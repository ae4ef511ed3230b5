//! The engine of lockdep: lock events in, violations out.
//!
//! This crate is pure. It has no globals, reads no environment, does no I/O, owns no clock and
//! contains no `unsafe`. [`Validator`] holds what is known about a whole program, [`TaskContext`]
//! what one thread holds; both are values, so that a live process, a replayed trace and a test run
//! the same code.
//!
//! Rooms, lowest first; an arrow between them points down only: `base` (ids, modes, sites, events)
//! ← `state` (classes, held stack, chains, usage) ← `graph` (dependencies, order, search) ← `check`
//! (one rule a file) ← `engine`. What a person or a tool reads is made by `lockdep-report`, a
//! package above.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod base;
pub mod check;
pub mod config;
pub mod engine;
pub mod graph;
pub mod mutant;
pub mod state;

pub use base::event::{Acquire, AcquireFlags, OwnStack};
pub use base::id::{ChainKey, ClassHash, ClassId, LockId, StackId, Subclass, TaskId};
pub use base::mode::{Mode, Wait};
pub use base::site::Site;
pub use check::violation::{Code, Level, Violation};
pub use config::{Config, SameClassPolicy};
pub use engine::{
    ClassOrder, EndedTask, EventFindings, Held, HeldQuery, Manner, NewDependency, NoStacks, OrderFn,
    OrderedLock, Outcome, PinCookie, QuickHeld, StackSource, TaskContext, Validator, WoundWait,
};
pub use state::acquired::Noted;
pub use state::class::{LockClass, LockClassKey};
pub use state::context::{ContextAttributes, ContextId, ContextSet};
pub use state::flow::Flow;
pub use state::segment::Segment;

/// Runs the examples of the package's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
