//! How the runtime comes to life: the settings are read, then everything is built, then the first
//! effects happen.
//!
//! What the runtime consists of is in `runtime/mod.rs`. The first event of a thread starts it
//! (`event/enter.rs`).

use std::ffi::c_void;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use lockdep_validator::Validator;

use super::{exit, fork};
use crate::runtime::hang;
use crate::runtime::identity::callers::Callers;
use crate::runtime::identity::classes::Classes;
use crate::runtime::identity::stack::Stacks;
use crate::runtime::output::recorder::Recorder;
use crate::runtime::output::sink::{self, Sinks};
use crate::runtime::process::{ledger, orphan, start as process_start, state};
use crate::runtime::settings::config::Config;
use crate::runtime::settings::declared_order::DeclaredOrder;
use crate::runtime::settings::env;
use crate::runtime::settings::suspects::Suspects;
use crate::runtime::stat::Stats;
use crate::runtime::system::{exit_key, extra_stack, others, rights};
use crate::runtime::task::awaited::Awaited;
use crate::runtime::task::messages::Messages;
use crate::runtime::task::names::Names;
use crate::runtime::task::queued::Queued;
use crate::runtime::{RUNTIME, Runtime};

/// What the runtime calls in the rooms above it.
#[derive(Clone, Copy)]
pub(crate) struct Calls {
    /// Ends the state of a thread.
    pub(crate) finish: unsafe extern "C" fn(*mut c_void),
    /// Looks at the running thread's deferred events.
    pub(crate) catch_up: fn(),
}

/// Returns the runtime, brought up if need be; `None` if validation is off. The running thread must
/// be marked busy.
#[cold]
pub(crate) fn start(calls: Calls) -> Option<&'static Runtime> {
    if state::is_off() || orphan::is_orphaned() {
        return None;
    }
    let runtime = match RUNTIME.get() {
        Some(runtime) => runtime,
        None => build(calls)?,
    };
    // ORDERING: Relaxed: one thread sees false and does the steps; the others need none of them
    // done.
    if !runtime.is_live.swap(true, Ordering::Relaxed) {
        runtime.go_live();
    }
    Some(runtime)
}

fn build(calls: Calls) -> Option<&'static Runtime> {
    if rights::is_elevated() {
        state::set(false);
        return None;
    }
    process_start::remember();
    let (mut config, warnings) = env::read(std::env::vars_os());
    config.resolve();
    if !config.enabled {
        state::set(false);
        // Without validation the other variables mean nothing yet; a switch that was not understood
        // does.
        static SAID: AtomicBool = AtomicBool::new(false);
        // ORDERING: Relaxed: one thread sees false and speaks.
        if !SAID.swap(true, Ordering::Relaxed) {
            warnings
                .iter()
                .filter(|warning| warning.variable == "LOCKDEP")
                .for_each(|warning| sink::notice(&warning.line));
        }
        return None;
    }
    let warnings = warnings.into_iter().map(|warning| warning.line).collect();
    exit_key::make(calls.finish);
    Some(RUNTIME.get_or_init(|| Box::new(Runtime::new(config, warnings, calls))))
}

impl Runtime {
    fn new(config: Config, mut warnings: Vec<String>, calls: Calls) -> Self {
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
            validator: Validator::new(engine).on_epoch(state::begin_epoch),
            stacks: Stacks::new(config.backtrace),
            callers: Callers::default(),
            classes: Classes::new(source_root.clone()),
            names: Names::default(),
            sinks: Sinks::new(&config, source_root.as_deref(), warnings),
            recorder: config
                .record_dir
                .clone()
                .map(|dir| Recorder::new(dir, source_root.unwrap_or_default())),
            n_reports: AtomicU64::new(0),
            n_denied: AtomicU64::new(0),
            unverified: Mutex::default(),
            suspects,
            awaited: Awaited::default(),
            messages: Messages::default(),
            queued: Queued::default(),
            stats: config.stat.then(Stats::default),
            order,
            catch_up: calls.catch_up,
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
        exit::install();
        hang::install(self);
        if let Some(recorder) = &self.recorder {
            recorder.open();
        }
    }
}

/// Where relative source paths start: as the user says, or the nearest folder around the package
/// that has a `Cargo.lock`, which is the root of its workspace.
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
