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

mod base;
mod check;
mod config;
mod engine;
mod graph;
pub mod mutant;
mod state;

pub use base::acquisition::Acquisition;
pub use base::counters::Counters;
pub use base::dependency::{DependencyKind, NewDependency};
pub use base::event::{Acquire, AcquireFlags, OwnStack};
pub use base::held_record::{HeldRecord, N_WORDS};
pub use base::id::{ChainKey, ClassHash, ClassId, LockId, StackId, Subclass, TaskId};
pub use base::mode::{Mode, Wait};
pub use base::query::HeldQuery;
pub use base::site::Site;
pub use check::deadlock::Waiting;
pub use check::misuse::{Demand, Misuse};
pub use check::violation::{Code, CycleStep, Detail, Evidence, Level, Violation};
pub use check::waiting::{Awaited, EventKind, EventUse, LockUse, Provision, WaitingTask};
pub use config::{Config, SameClassPolicy};
pub use engine::{
    BoundedSend, EndedTask, EventFindings, Held, Manner, NoStacks, Outcome, PinCookie, QuickHeld,
    StackSource, Validator, WoundWait,
};
pub use graph::{
    Added, Dependency, DependencyKinds, Gate, Gates, Graph, HeldMode, Instances, Kind, PathStep,
    QueuedWriter, Removed, SearchFilter, Sighting, WantedMode, Witness,
};
pub use state::acquired::{Noted, When};
pub use state::class::{ClassAttributes, LockClass, LockClassKey, LockType, Validation, WaitType};
pub use state::class_order::{ClassOrder, OrderFn, OrderedLock};
pub use state::context::{Context, ContextAttributes, ContextId, ContextSet};
pub use state::flow::Flow;
pub use state::segment::{Ordered, Segment};
pub use state::task::TaskContext;

/// Runs the examples of the package's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
