//! The one validator of the process, and how it comes to life.
//!
//! Locks of the runtime, none ever held while code of the watched program runs: `Names`, `Classes::known`, `Stacks::table`,
//! `Stacks::symbols`, `Sinks` and `Recorder` are leaves; none is taken while another, or one of the engine, is held.

pub(crate) mod event;
pub(crate) mod identity;
pub(crate) mod output;
pub(crate) mod process;
pub(crate) mod settings;
pub(crate) mod system;
pub(crate) mod task;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use lockdep_report::model::{Counters, Frame, Place};
use lockdep_validator::base::id::TaskId;
use lockdep_validator::{ClassId, LockClass, LockId, Site, StackId, Validator};
use once_cell::race::OnceBox;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::runtime::identity::callers::Callers;
use crate::runtime::identity::classes::Classes;
use crate::runtime::identity::site;
use crate::runtime::identity::stack::Stacks;
use crate::runtime::output::record::Recorder;
use crate::runtime::output::sink;
use crate::runtime::output::sink::Sinks;
use crate::runtime::output::stat::Stats;
use crate::runtime::process::{exit as process_exit, fork, ledger, others, start as process_start, state};
use crate::runtime::settings::config::Config;
use crate::runtime::settings::declared_order::DeclaredOrder;
use crate::runtime::settings::env;
use crate::runtime::settings::suspects::Suspects;
use crate::runtime::system::exit_key::ExitKey;
use crate::runtime::system::extra_stack;
use crate::runtime::task::spawn::Scopes;

/// Built by whichever thread comes first. Two may build at once: a thread that waited for another's first steps could hold the
/// lock that those steps need (an allocator's). The loser's is dropped; nothing in it has had an effect yet.
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
    pub(crate) exit_key: ExitKey,
    /// How many reports were made, and how many of them were denied.
    pub(crate) n_reports: AtomicU64,
    pub(crate) n_denied: AtomicU64,
    /// Locks whose raw form was taken, until they go away: nothing certain can be said of them. Bounded.
    unverified: Mutex<FxHashSet<LockId>>,
    /// The declared lock order, if there is one.
    pub(crate) order: Option<DeclaredOrder>,
    /// The classes whose locks are told apart from the start.
    pub(crate) suspects: Suspects,
    /// What is counted under `LOCKDEP_STAT=1`.
    pub(crate) stats: Option<Stats>,
    /// Running `thread::scope`s.
    pub(crate) scopes: Scopes,
    is_live: AtomicBool,
    /// What was not seen by the process that forked this one.
    n_unseen_before: AtomicU64,
}

/// The process is the child of a fork: what was reported and missed so far is the parent's to answer for.
pub(crate) fn forked() {
    let Some(runtime) = RUNTIME.get() else { return };
    // ORDERING: Relaxed: the child has one thread.
    runtime.n_reports.store(0, Ordering::Relaxed);
    // ORDERING: Relaxed, as above.
    runtime.n_denied.store(0, Ordering::Relaxed);
    // ORDERING: Relaxed, as above.
    runtime.n_unseen_before.store(runtime.validator.n_unseen(), Ordering::Relaxed);
}

/// The runtime, if it is up. Never starts it.
pub(crate) fn running() -> Option<&'static Runtime> {
    RUNTIME.get()
}

/// Counts an event that nobody could look at.
#[cold]
pub(crate) fn count_unseen() {
    if let Some(runtime) = RUNTIME.get() {
        runtime.validator.count_unseen();
    }
}

/// The runtime, brought up if need be; `None` if validation is off. The running thread must be marked busy.
#[cold]
pub(crate) fn start() -> Option<&'static Runtime> {
    if state::is_off() || fork::is_orphaned() {
        return None;
    }
    let runtime = match RUNTIME.get() {
        Some(runtime) => runtime,
        None => build()?,
    };
    // ORDERING: Relaxed: one thread sees false and does the steps; the others need none of them done.
    if !runtime.is_live.swap(true, Ordering::Relaxed) {
        runtime.go_live();
    }
    Some(runtime)
}

fn build() -> Option<&'static Runtime> {
    if process_start::is_elevated() {
        state::set(false);
        return None;
    }
    process_start::remember();
    let (mut config, warnings) = env::read(std::env::vars_os());
    config.resolve();
    if !config.enabled {
        state::set(false);
        // Without validation the other variables mean nothing yet; a switch that was not understood does.
        static SAID: AtomicBool = AtomicBool::new(false);
        // ORDERING: Relaxed: one thread sees false and speaks.
        if !SAID.swap(true, Ordering::Relaxed) {
            warnings
                .iter()
                .filter(|warning| warning.starts_with("LOCKDEP="))
                .for_each(|warning| sink::notice(warning));
        }
        return None;
    }
    Some(RUNTIME.get_or_init(|| Box::new(Runtime::new(config, warnings))))
}

impl Runtime {
    fn new(config: Config, mut warnings: Vec<String>) -> Self {
        let order = config
            .order_file
            .as_deref()
            .and_then(|path| DeclaredOrder::read(path).map_err(|warning| warnings.push(warning)).ok());
        let suspects =
            config.suspects_file.as_deref().map(Suspects::read).unwrap_or_else(|| Ok(Suspects::default()));
        let suspects = suspects.unwrap_or_else(|warning| {
            warnings.push(warning);
            Suspects::default()
        });
        let mut engine = lockdep_validator::Config::user();
        engine.same_class = config.same_class;
        engine.list_dependencies = config.record_dir.is_some() || order.is_some();
        let source_root = source_root(&config);
        Self {
            validator: Validator::new(engine),
            stacks: Stacks::new(config.backtrace),
            callers: Callers::default(),
            classes: Classes::new(source_root.clone()),
            names: Names::default(),
            sinks: Sinks::new(&config, source_root.as_deref(), warnings),
            recorder: config
                .record_dir
                .clone()
                .map(|dir| Recorder::new(dir, source_root.unwrap_or_default())),
            exit_key: ExitKey::new(task::finish),
            n_reports: AtomicU64::new(0),
            n_denied: AtomicU64::new(0),
            unverified: Mutex::default(),
            suspects,
            scopes: Scopes::default(),
            stats: config.stat.then(Stats::default),
            order,
            is_live: AtomicBool::new(false),
            n_unseen_before: AtomicU64::new(0),
            config,
        }
    }

    /// The first effects that others can see. Runs once, on one thread; others do not wait for it.
    fn go_live(&self) {
        state::set(true);
        ledger::ensure(self.config.record_dir.as_deref());
        extra_stack::reserve();
        self.sinks.open();
        if others::announce() > 0 {
            self.validator.count_unseen();
            sink::notice(
                "this process contains another copy of lockdep, in a shared object that was loaded late; \
                 orders between the locks of the two copies are not seen",
            );
        }
        fork::install();
        process_exit::install();
        if let Some(recorder) = &self.recorder {
            recorder.open(self);
        }
    }

    /// How much was looked at, and what was not.
    pub(crate) fn counters(&self) -> Counters {
        let mut counters = self.validator.counters();
        // ORDERING: Relaxed: written by the only thread there was; threads that it made later see what it wrote before.
        counters.unseen = counters.unseen.saturating_sub(self.n_unseen_before.load(Ordering::Relaxed));
        counters
    }

    /// Remembers that the lock's raw form was taken, until the lock goes away.
    pub(crate) fn set_unverified(&self, lock: LockId) {
        let mut unverified = self.unverified.lock().unwrap_or_else(PoisonError::into_inner);
        if unverified.len() < MAX_UNVERIFIED {
            unverified.insert(lock);
            drop(unverified);
            self.validator.mind_freed(lock);
        } else {
            // Locks whose end is never seen. What is said of this class from now on needs no lock that stays where it is.
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

/// Where relative source paths start: as the user says, or the nearest folder around the package that has a `Cargo.lock`,
/// which is the root of its workspace.
fn source_root(config: &Config) -> Option<String> {
    if let Some(root) = &config.source_root {
        return Some(root.to_string_lossy().replace('\\', "/"));
    }
    // Cargo sets it for `cargo run` and `cargo test`.
    let start = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(
        || process_start::directory().map(|directory| directory.to_path_buf()),
        |folder| Some(PathBuf::from(folder)),
    )?;
    let root = start.ancestors().find(|folder| folder.join("Cargo.lock").is_file()).unwrap_or(&start);
    Some(root.to_string_lossy().replace('\\', "/"))
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
        self.names.name(task)
    }
}

impl lockdep_report::build::Classes for Runtime {
    fn class(&self, id: ClassId) -> Option<LockClass> {
        self.validator.class(id)
    }
}

/// What the threads of the process are called; libtest names them after tests.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<FxHashMap<TaskId, String>>);

impl Names {
    /// Records the name of the running thread.
    pub(crate) fn add(&self, id: TaskId) {
        if let Some(name) = std::thread::current().name() {
            let name = name.to_owned();
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, name);
        }
    }

    /// Records the name of the running thread without asking std for it, as far as it is certain.
    pub(crate) fn add_certain(&self, id: TaskId) {
        #[cfg(target_os = "linux")]
        // SAFETY: both calls only return numbers.
        if unsafe { libc::gettid() == libc::getpid() } {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, "main".to_owned());
        }
        let _ = id;
    }

    /// The name of a thread, or its number.
    pub(crate) fn name(&self, id: TaskId) -> String {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.get(&id).cloned().unwrap_or_else(|| format!("thread {}", id.0))
    }
}
