//! What the user chose, once the environment was read.

use std::path::PathBuf;
use std::time::Duration;

use lockdep_report::policy::Policy;
use lockdep_validator::SameClassPolicy;

use crate::runtime::process::start as process_start;

/// Every choice, with its documented default.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Config {
    /// `LOCKDEP`: whether anything is validated.
    pub(crate) enabled: bool,
    /// `LOCKDEP_ON_VIOLATION`: what a denied report leads to.
    pub(crate) on_violation: OnViolation,
    /// `LOCKDEP_ON_DEADLOCK`: what an acquisition that can never return leads to.
    pub(crate) on_deadlock: OnDeadlock,
    /// `LOCKDEP_FORMAT`: how reports are written.
    pub(crate) format: OutputFormat,
    /// `LOCKDEP_OUTPUT`: where reports are written.
    pub(crate) output: Output,
    /// `LOCKDEP_DIR`: where run records are written.
    pub(crate) record_dir: Option<PathBuf>,
    /// `LOCKDEP_BACKTRACE`: whether stacks are captured.
    pub(crate) backtrace: bool,
    /// `LOCKDEP_DENY` and `LOCKDEP_ALLOW`: which reports are denied.
    pub(crate) policy: Policy,
    /// `LOCKDEP_ORDER`: the declared lock order.
    pub(crate) order_file: Option<PathBuf>,
    /// `LOCKDEP_SUSPECTS`: the classes whose locks are distinguished from the start.
    pub(crate) suspects_file: Option<PathBuf>,
    /// `LOCKDEP_STAT`: whether contention is counted.
    pub(crate) stat: bool,
    /// `LOCKDEP_SAME_CLASS`: how nesting two locks of one class is judged.
    pub(crate) same_class: SameClassPolicy,
    /// `LOCKDEP_DEADLOCK_CHECK_MS`: how long a ring of waiting threads is looked at before it is
    /// reported; `None` looks for no ring.
    pub(crate) deadlock_check: Option<Duration>,
    /// `LOCKDEP_HANG_SIGNAL`: the number of the signal that asks for a hang report.
    pub(crate) hang_signal: Option<i32>,
    /// `LOCKDEP_HANG_AFTER`: how long no thread must have moved before a hang report is made.
    pub(crate) hang_after: Option<Duration>,
    /// `LOCKDEP_EXITCODE`: the exit status after a denied report.
    pub(crate) exit_code: Option<i32>,
    /// `LOCKDEP_SOURCE_ROOT`: where relative source paths start; `cargo lockdep` sets it to the
    /// workspace.
    pub(crate) source_root: Option<PathBuf>,
}

impl Config {
    /// Makes every path one from the root: relative ones start where the process did, wherever the
    /// program goes later.
    pub(crate) fn resolve(&mut self) {
        let output = match &mut self.output {
            Output::Stderr => None,
            Output::File(path) => Some(path),
        };
        let named =
            [&mut self.record_dir, &mut self.order_file, &mut self.suspects_file, &mut self.source_root];
        for path in named.into_iter().flatten().chain(output) {
            *path = process_start::absolute(path);
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: false,
            on_violation: OnViolation::Report,
            on_deadlock: OnDeadlock::Panic,
            format: OutputFormat::Text,
            output: Output::Stderr,
            record_dir: None,
            backtrace: true,
            policy: Policy::default(),
            order_file: None,
            suspects_file: None,
            stat: false,
            same_class: SameClassPolicy::Instance,
            deadlock_check: Some(Duration::from_millis(250)),
            hang_signal: None,
            hang_after: None,
            exit_code: None,
            source_root: None,
        }
    }
}

/// What a denied report leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OnViolation {
    /// Nothing more.
    Report,
    /// The thread panics, at this acquisition or, where a panic is not possible, at its next one.
    Panic,
    /// The process aborts.
    Abort,
}

/// What an acquisition that can never return leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OnDeadlock {
    /// The thread panics; std's contract for `Mutex::lock` allows it.
    Panic,
    /// The process aborts.
    Abort,
    /// The thread hangs, as it would have.
    Hang,
}

/// How reports are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OutputFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Where reports are written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Output {
    /// The standard error stream.
    Stderr,
    /// A file; `%p` in its path stands for the process id.
    File(PathBuf),
}
