//! The one validator of the process, with everything that the process has one of.
//!
//! How it comes to life is in `life/start.rs`; the other rooms hold the rest. None of it exists
//! under `--cfg lockdep_disabled`.
//!
//! Locks of the runtime, none ever held while code of the watched program runs: `Names`,
//! `Classes::known`, `Queued`, `Stacks::table`, `Stacks::symbols`, `Sinks` and `Recorder` are
//! leaves; none is taken while another, or one of the engine, is held.

pub(crate) mod event;
#[cfg_attr(not(hang_report), path = "hang_none.rs")]
pub(crate) mod hang;
pub(crate) mod identity;
pub(crate) mod life;
pub(crate) mod output;
pub(crate) mod process;
pub(crate) mod settings;
pub(crate) mod stat;
pub(crate) mod system;
pub(crate) mod task;
pub(crate) mod wait;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use lockdep_report::model::Counters;
use lockdep_report::place::{Frame, Place};
use lockdep_validator::{ClassId, LockClass, LockId, Site, StackId, TaskId, Validator};
use once_cell::race::OnceBox;
use rustc_hash::FxHashSet;

use identity::callers::Callers;
use identity::classes::Classes;
use identity::site;
use identity::stack::Stacks;
use output::recorder::Recorder;
use output::sink::Sinks;
use settings::config::Config;
use settings::declared_order::DeclaredOrder;
use settings::suspects::Suspects;
use stat::Stats;
use task::awaited::Awaited;
use task::messages::Messages;
use task::names::Names;
use task::queued::Queued;

/// Built by whichever thread comes first. Two may build at once: a thread that waited for another's
/// first steps could hold the lock that those steps need (an allocator's). The loser's is dropped;
/// nothing in it has had an effect yet.
static RUNTIME: OnceBox<Runtime> = OnceBox::new();

/// How many locks are remembered whose raw form was taken and that have not gone away.
const MAX_UNVERIFIED: usize = 1 << 16;

/// Everything the process has one of.
#[derive(Debug)]
pub(crate) struct Runtime {
    pub(crate) config: Config,
    pub(crate) validator: Validator,
    pub(crate) stacks: Stacks,
    pub(crate) callers: Callers,
    pub(crate) classes: Classes,
    pub(crate) names: Names,
    pub(crate) sinks: Sinks,
    pub(crate) recorder: Option<Recorder>,
    /// How many reports were made, and how many of them were denied.
    pub(crate) n_reports: AtomicU64,
    pub(crate) n_denied: AtomicU64,
    /// Locks whose raw form was taken, until they go away: nothing certain can be said of them.
    /// Bounded.
    unverified: Mutex<FxHashSet<LockId>>,
    /// The declared lock order, if there is one.
    pub(crate) order: Option<DeclaredOrder>,
    /// The classes whose locks are distinguished from the start.
    pub(crate) suspects: Suspects,
    /// What is counted under `LOCKDEP_STAT=1`.
    pub(crate) stats: Option<Stats>,
    /// Running `thread::scope`s.
    pub(crate) awaited: Awaited,
    /// What the senders of messages had acquired.
    pub(crate) messages: Messages,
    /// Futures that queue for async locks.
    pub(crate) queued: Queued,
    /// Looks at the running thread's deferred events.
    pub(crate) catch_up: fn(),
    is_live: AtomicBool,
    /// What was not seen by the process that forked this one.
    n_unseen_before: AtomicU64,
}

/// The process is the child of a fork: what was reported and missed so far is the parent's to
/// answer for.
pub(crate) fn forked() {
    let Some(runtime) = RUNTIME.get() else { return };
    // ORDERING: Relaxed: the child has one thread.
    runtime.n_reports.store(0, Ordering::Relaxed);
    // ORDERING: Relaxed, as above.
    runtime.n_denied.store(0, Ordering::Relaxed);
    // ORDERING: Relaxed, as above.
    runtime.n_unseen_before.store(runtime.n_unseen(), Ordering::Relaxed);
}

/// The runtime, if it is up. Never starts it.
pub(crate) fn running() -> Option<&'static Runtime> {
    RUNTIME.get()
}

/// Events that could not be looked at, beside those that the validator counts. The first of them
/// may come before there is a validator.
static N_UNSEEN: AtomicU64 = AtomicU64::new(0);

/// Counts an event that the validator could not look at.
#[cold]
pub(crate) fn count_unseen() {
    count_all_unseen(1);
}

/// Counts events that the validator could not look at.
pub(crate) fn count_all_unseen(n_events: u64) {
    // ORDERING: Relaxed: a statistic.
    N_UNSEEN.fetch_add(n_events, Ordering::Relaxed);
}

/// How many events were counted so.
pub(crate) fn n_unseen() -> u64 {
    // ORDERING: Relaxed: a statistic.
    N_UNSEEN.load(Ordering::Relaxed)
}

impl Runtime {
    /// How much was looked at, and what was not.
    pub(crate) fn counters(&self) -> Counters {
        let mut counters = self.validator.counters();
        // ORDERING: Relaxed: written by the only thread there was; threads that it made later see
        // what it wrote before.
        counters.unseen = self.n_unseen().saturating_sub(self.n_unseen_before.load(Ordering::Relaxed));
        counters
    }

    fn n_unseen(&self) -> u64 {
        self.validator.n_unseen() + n_unseen()
    }

    /// Remembers that the lock's raw form was taken, until the lock goes away.
    pub(crate) fn set_unverified(&self, lock: LockId) {
        let mut unverified = self.unverified.lock().unwrap_or_else(PoisonError::into_inner);
        if unverified.len() < MAX_UNVERIFIED {
            unverified.insert(lock);
            drop(unverified);
            self.validator.mind_freed(lock);
        } else {
            // Locks whose end is never seen. What is said of this class from now on needs no lock
            // that stays where it is.
            drop(unverified);
            self.validator.set_movable(lock.class());
        }
    }

    /// The lock goes away: whether its raw form was taken.
    pub(crate) fn take_unverified(&self, lock: LockId) -> bool {
        self.unverified.lock().unwrap_or_else(PoisonError::into_inner).remove(&lock)
    }

    /// Whether the lock's raw form was taken.
    pub(crate) fn is_unverified(&self, lock: LockId) -> bool {
        self.unverified.lock().unwrap_or_else(PoisonError::into_inner).contains(&lock)
    }
}

impl lockdep_report::build::Resolver for Runtime {
    fn place(&self, site: Site) -> Place {
        let mut place = site::place(site);
        place.file = self.sinks.shown(&place.file);
        place
    }

    fn frames(&self, stack: StackId) -> Vec<Frame> {
        let mut frames = self.stacks.frames(stack);
        frames.iter_mut().for_each(|frame| frame.file = self.sinks.shown(&frame.file));
        frames
    }

    fn task_name(&self, task: TaskId) -> String {
        let Some(number) = task.flow_number() else { return self.names.name(task) };
        let made_at = self.names.flow(task).map(|made_at| {
            let place = self.place(site::site(made_at));
            format!(" (spawned at {}:{})", place.file, place.line)
        });
        format!("task {number}{}", made_at.unwrap_or_default())
    }
}

impl lockdep_report::build::Classes for Runtime {
    fn class(&self, id: ClassId) -> Option<LockClass> {
        self.validator.class(id)
    }
}
