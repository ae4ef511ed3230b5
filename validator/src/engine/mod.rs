//! The validator itself: which rule runs when.
//!
//! Locks of the engine, in the order in which they may be taken; none is ever held while the
//! embedder's or the program's code runs (stack capture, order functions, sinks):
//!
//! 1. `Validator::knowledge`: the graph, instances and what was reported; or `Validator::rooms`,
//!    the channels with a bound;
//! 2. `Registry::registering` and `Segments::tasks`, each a leaf, as are the shards of the
//!    concurrent maps.

mod acquire;
mod again;
mod assertions;
mod chain;
mod classes;
mod contexts;
mod deadlock;
mod flows;
mod found;
mod hand_over;
mod held_modes;
mod order;
mod outcome;
mod overflow;
mod quick;
mod rare;
mod release;
mod rooms;
mod rules;
mod tasks;
#[cfg(test)]
mod tests;
mod waits;
mod wound_wait;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashMap;

use crate::base::counters::Counters;
use crate::base::id::{ClassId, StackId};
use crate::check::knowledge::Knowledge;
use crate::check::signature;
use crate::check::view::View;
use crate::check::violation::{Code, Level, Violation};
use crate::config::Config;
use crate::graph::Graph;
use crate::state::chains::Chains;
use crate::state::class::LockClass;
use crate::state::context::Contexts;
use crate::state::elsewhere::ReleasedElsewhere;
use crate::state::recent::Recent;
use crate::state::registry::Registry;
use crate::state::room::Room;
use crate::state::segment::Segments;

pub(crate) use crate::base::dependency::NewDependency;
pub(crate) use crate::base::query::HeldQuery;
pub(crate) use crate::state::class_order::ClassOrder;
pub(crate) use crate::state::task::TaskContext;
pub use outcome::{EventFindings, Held, Outcome, PinCookie};
pub use quick::{Manner, QuickHeld};
pub use rooms::BoundedSend;
pub use waits::EndedTask;
pub use wound_wait::WoundWait;

/// Captures the current stack for the engine; called with no lock of the engine held, when
/// something is seen for the first time or a violation was found.
pub trait StackSource {
    /// Captures the stack of the running task, or `None` if stacks are off.
    fn capture(&self) -> Option<StackId>;
}

/// No stacks.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoStacks;

impl StackSource for NoStacks {
    fn capture(&self) -> Option<StackId> {
        None
    }
}

/// Everything known about a program.
#[derive(Debug)]
pub struct Validator {
    config: Config,
    registry: Registry,
    chains: Chains,
    recent: Recent,
    released_elsewhere: ReleasedElsewhere,
    segments: Segments,
    contexts: Contexts,
    rooms: Mutex<FxHashMap<u64, Room>>,
    knowledge: Mutex<Knowledge>,
    /// Whether `Knowledge::pending` holds anything.
    has_pending: AtomicBool,
    /// How many times classes became suspect.
    n_suspects: AtomicU32,
    /// Grows when what was validated before must be looked at again; per-task caches of older
    /// epochs are void.
    epoch: AtomicU64,
    /// Called after each new epoch.
    on_epoch: Option<fn()>,
    next_instance: AtomicU64,
    n_dropped: AtomicU64,
    n_unseen: AtomicU64,
}

impl Validator {
    /// Makes an empty validator.
    pub fn new(config: Config) -> Self {
        Self {
            knowledge: Mutex::new(Knowledge::new(config.max_reports)),
            contexts: Contexts::default(),
            has_pending: AtomicBool::new(false),
            n_suspects: AtomicU32::new(0),
            config,
            registry: Registry::new(),
            chains: Chains::default(),
            recent: Recent::new(),
            released_elsewhere: ReleasedElsewhere::new(),
            segments: Segments::default(),
            rooms: Mutex::default(),
            epoch: AtomicU64::new(1),
            on_epoch: None,
            next_instance: AtomicU64::new(1),
            n_dropped: AtomicU64::new(0),
            n_unseen: AtomicU64::new(0),
        }
    }

    /// Has `on_epoch` called after each new epoch: what an embedder keeps of what was validated
    /// before is void then.
    #[must_use]
    pub fn on_epoch(self, on_epoch: fn()) -> Self {
        Self { on_epoch: Some(on_epoch), ..self }
    }

    /// Returns its configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns a registered class, removed ones included.
    pub fn class(&self, id: ClassId) -> Option<LockClass> {
        self.registry.record(id).map(|record| record.class.clone())
    }

    /// Marks a self-deadlock as reported, once the embedder is sure that the acquisition cannot
    /// return: it tried the real lock and failed. The same for what [rests on a
    /// flow](Violation::rests_on_flow), at the level that the embedder gave it. `true` the first
    /// time at that level. Other violations are marked when they are found: always `true`.
    pub fn confirm(&self, violation: &Violation) -> bool {
        let is_open = violation.is_self_deadlock()
            || violation.rests_on_flow()
            // Found by `wanted_across_await`, which marks nothing.
            || violation.code == Code::HeldAcrossAwait && violation.level == Level::Error;
        if !is_open || !self.config.evidence {
            return true;
        }
        let mut knowledge = self.knowledge.lock().unwrap_or_else(PoisonError::into_inner);
        knowledge.admit(signature::signature(violation), violation.level)
    }

    /// Returns how much was looked at, and what was not.
    pub fn counters(&self) -> Counters {
        // ORDERING: Relaxed: statistics.
        let [dropped, unseen] = [&self.n_dropped, &self.n_unseen].map(|count| count.load(Ordering::Relaxed));
        let (dependencies, not_kept) = {
            let knowledge = self.knowledge.lock().unwrap_or_else(PoisonError::into_inner);
            let not_kept = knowledge.n_dropped
                + knowledge.unpublished.n_dropped()
                + knowledge.instances.n_dropped()
                + knowledge.graph.n_abandoned_searches();
            (knowledge.graph.n_dependencies() as u64, not_kept)
        };
        Counters {
            classes: self.registry.n_classes() as u64,
            dependencies,
            chains: self.chains.n_chains(),
            dropped: dropped.saturating_add(not_kept),
            unseen,
        }
    }

    /// Calls `look_fn` with the dependency graph; no event is processed meanwhile. For exports.
    pub fn with_graph<R>(&self, look_fn: impl FnOnce(&Graph) -> R) -> R {
        look_fn(&self.knowledge.lock().unwrap_or_else(PoisonError::into_inner).graph)
    }

    fn view<'a>(&'a self, task: &'a TaskContext) -> View<'a> {
        View { config: &self.config, registry: &self.registry, chains: &self.chains, task }
    }

    fn has_pending(&self) -> bool {
        // ORDERING: Relaxed: a hint; who misses it now sees it at the next slow path.
        self.has_pending.load(Ordering::Relaxed)
    }

    /// Makes every per-task cache void.
    fn bump_epoch(&self) {
        // ORDERING: Release pairs with the Acquire on the fast path: the facts noted before are
        // seen with the new epoch.
        self.epoch.fetch_add(1, Ordering::Release);
        if let Some(on_epoch) = self.on_epoch {
            on_epoch();
        }
    }

    /// Counts an event that the embedder could not show to the engine (re-entered, thread state
    /// gone).
    pub fn count_unseen(&self) {
        // ORDERING: Relaxed: a statistic.
        self.n_unseen.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how many events could not be shown to the engine so far. Safe between fork and exec.
    pub fn n_unseen(&self) -> u64 {
        // ORDERING: Relaxed: a statistic.
        self.n_unseen.load(Ordering::Relaxed)
    }

    fn count_dropped(&self) {
        // ORDERING: Relaxed: a statistic.
        self.n_dropped.fetch_add(1, Ordering::Relaxed);
    }
}
