//! From what the engine found to what happens: report, record, panic, abort.

use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use lockdep_report::await_path::Futures;
use lockdep_report::build::build;
use lockdep_report::exceptions::Day;
use lockdep_report::render;
use lockdep_report::short_name;
use lockdep_validator::{ClassId, Code, NewDependency, Outcome, StackSource as _, Violation};

use crate::runtime::Runtime;
use crate::runtime::output::{flow_level, sink};
use crate::runtime::process::{ending, internal_error, ledger};
use crate::runtime::settings::config::{OnDeadlock, OnViolation};
use crate::runtime::system::{errno, extra_stack, handler};
use crate::runtime::task::Task;

/// What the program must still suffer for what was found: nothing, or a panic with this message.
#[derive(Debug)]
#[must_use = "a panic that is neither raised nor deferred is lost"]
pub(crate) struct Aftermath(Option<String>);

impl Aftermath {
    /// The message to panic with, now.
    pub(crate) fn into_message(self) -> Option<String> {
        self.0
    }

    /// Leaves the panic to the thread's next blocking acquisition.
    pub(crate) fn defer(self, task: &mut Task) {
        if let Some(message) = self.0 {
            task.owe_panic(message);
            task.context.look_again();
        }
    }

    /// Drops the panic: the thread has no place left for it.
    pub(crate) fn forget(self) {}
}

/// Panics with the message of an [`Aftermath`], after the command has printed the report: its text
/// stands before the panic's own and before the backtrace. Call it as a thread that has left the
/// runtime.
#[cold]
#[track_caller]
pub(crate) fn raise(message: &str) -> ! {
    ledger::wait_until_printed();
    panic!("{message}");
}

/// Reports what was held back, if anything was. A panic that follows is left to the thread's next
/// blocking acquisition.
pub(crate) fn handle_held_back(task: &mut Task) {
    let outcome = task.take_held_back();
    handle(task, outcome).defer(task);
}

/// Reports everything in `outcome`.
///
/// # Panics
///
/// Never. Aborts the process if a violation is denied and `LOCKDEP_ON_VIOLATION=abort`.
#[cold]
#[inline(never)]
pub(crate) fn handle(task: &mut Task, outcome: Outcome) -> Aftermath {
    let Some(findings) = outcome.into_findings() else { return Aftermath(None) };
    if handler::is_inside(task.stack) {
        // A broken assertion in a signal handler. Nothing can be written here.
        findings.violations.iter().for_each(|_| task.runtime.validator.count_unseen());
        return Aftermath(None);
    }
    let _errno = errno::Kept::now();
    let _reporting = ending::Reporting::begin();
    let runtime = task.runtime;
    let mut declared = Vec::new();
    if !findings.dependencies.is_empty() {
        extra_stack::run(task.stack, || declared = recorded(runtime, &findings.dependencies));
    }
    if !findings.repeated.is_empty() {
        extra_stack::run(task.stack, || repeat(runtime, &findings.repeated));
    }
    let mut message = None;
    for violation in findings.violations.iter().chain(&declared) {
        if is_doubtful(runtime, violation) {
            runtime.validator.count_unseen();
            continue;
        }
        let mut judged = None;
        if violation.rests_on_flow() {
            extra_stack::run(task.stack, || judged = flow_level::judged(runtime, violation));
            if judged.is_none() {
                continue;
            }
        }
        let Delivered { is_denied, headline } = deliver(task, judged.as_ref().unwrap_or(violation));
        match runtime.config.on_violation {
            OnViolation::Abort if is_denied => abort(ASKED),
            OnViolation::Panic if is_denied && message.is_none() => {
                message = Some(format!(
                    "lockdep: {} was reported, and LOCKDEP_ON_VIOLATION=panic{headline}",
                    violation.code.as_str()
                ));
            }
            OnViolation::Abort | OnViolation::Panic | OnViolation::Report => {}
        }
    }
    Aftermath(message)
}

/// Writes reports that were made before to the record alone: there they say more now.
fn repeat(runtime: &Runtime, violations: &[Violation]) {
    let Some(recorder) = &runtime.recorder else { return };
    for violation in violations.iter().filter(|violation| !violation.rests_on_flow()) {
        let write = || recorder.report(&build(violation, runtime, runtime, runtime.counters()));
        let _ = internal_error::guard(write);
    }
}

/// Records new dependencies; returns those that the declared order forbids.
fn recorded(runtime: &Runtime, dependencies: &[NewDependency]) -> Vec<Violation> {
    // What records say is joined without a look at stacks.
    let is_sure = |new: &&NewDependency| {
        !new.task.is_flow() || flow_level::futures(runtime, &new.from, &new.to) == Futures::One
    };
    let dependencies: Vec<&NewDependency> = dependencies.iter().filter(is_sure).collect();
    if let Some(recorder) = &runtime.recorder {
        for dependency in &dependencies {
            internal_error::guard(|| recorder.dependency(runtime, dependency));
        }
    }
    runtime.order.as_ref().map_or_else(Vec::new, |order| {
        let judge = |new| internal_error::guard(|| order.judge(&runtime.validator, new)).flatten();
        dependencies.into_iter().filter_map(judge).collect()
    })
}

/// Whether the violation rests on a lock whose raw form was taken.
fn is_doubtful(runtime: &Runtime, violation: &Violation) -> bool {
    matches!(violation.code, Code::Recursion | Code::BadRelease | Code::HeldAtExit)
        && violation.subject.is_some_and(|subject| runtime.is_unverified(subject.lock))
}

/// Whether the violation is denied today.
fn is_denied(runtime: &Runtime, violation: &Violation) -> bool {
    let today = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (code, level, fingerprint) = (violation.code, violation.level, violation.fingerprint);
    runtime.config.policy.is_denied(code, level, fingerprint, Day::of_unix_seconds(today), || {
        let cycle = violation.cycle.iter().map(|step| step.from.class);
        let alone = [&violation.conflict, &violation.subject].into_iter().flatten().map(|lock| lock.class);
        let ids: Vec<ClassId> = if violation.cycle.is_empty() { alone.collect() } else { cycle.collect() };
        let classes = ids.into_iter().filter_map(|id| runtime.validator.class(id));
        classes.map(|class| (short_name(&class.key), class.key.file)).collect()
    })
}

/// What became of a violation.
#[derive(Debug)]
pub(crate) struct Delivered {
    pub(crate) is_denied: bool,
    /// The first two lines of the report, each after a line break, for a panic's message: who reads
    /// records may be slower than the panic, whose message must say what was found. Empty if the
    /// report could not be built.
    pub(crate) headline: String,
}

/// Writes the report of one violation.
pub(crate) fn deliver(task: &Task, violation: &Violation) -> Delivered {
    let runtime = task.runtime;
    let mut violation = std::borrow::Cow::Borrowed(violation);
    // These are about what the thread does now. An acquisition has its stack from the engine, and
    // if not, it is another one's or an earlier one's: this stack would be a wrong lead.
    let is_here = matches!(
        violation.code,
        Code::BadRelease | Code::Assertion | Code::PinnedLockReleased | Code::WoundWait
    );
    if is_here && violation.subject.is_some_and(|subject| subject.stack.is_none()) {
        let stack = internal_error::guard(|| runtime.stacks.capture()).flatten();
        if let Some(subject) = &mut violation.to_mut().subject {
            subject.stack = stack;
        }
    }
    let is_denied = is_denied(runtime, &violation);
    // ORDERING: Relaxed: counters, read at the end of the process.
    runtime.n_reports.fetch_add(1, Ordering::Relaxed);
    if is_denied {
        // ORDERING: Relaxed, as above.
        runtime.n_denied.fetch_add(1, Ordering::Relaxed);
    }
    let mut headline = String::new();
    let write = || {
        let report = build(&violation, runtime, runtime, runtime.counters());
        if let Some(recorder) = &runtime.recorder {
            recorder.report(&report);
        }
        runtime.sinks.submit(&report, is_denied);
        format!("\n{}", render::headline(&report))
    };
    extra_stack::run(task.stack, || {
        headline = internal_error::guard(write).unwrap_or_default();
    });
    Delivered { is_denied, headline }
}

/// What a confirmed self-deadlock leads to: a panic with this message, the end of the process, or
/// nothing (the thread hangs).
pub(crate) fn deadlock_ends(runtime: &Runtime, violation: &Violation, headline: &str) -> Option<String> {
    match runtime.config.on_deadlock {
        OnDeadlock::Hang => None,
        OnDeadlock::Abort => abort(ASKED),
        // A second panic would end the process with less to say.
        OnDeadlock::Panic if std::thread::panicking() => abort(
            "aborting: this thread would wait for itself forever, and it cannot panic, because it is unwinding already",
        ),
        OnDeadlock::Panic => Some(format!(
            "lockdep: this acquisition waits for a lock that its own thread holds ({}); \
             LOCKDEP_ON_DEADLOCK=hang lets it wait{headline}",
            violation.code.as_str()
        )),
    }
}

/// What a deadlock that has happened leads to: the end of the process, or the message of a panic,
/// for a wait that can be given up.
pub(crate) fn deadlock_happened(runtime: &Runtime, delivered: &Delivered) -> Option<String> {
    let is_asked = delivered.is_denied && runtime.config.on_violation == OnViolation::Abort;
    if is_asked || runtime.config.on_deadlock == OnDeadlock::Abort {
        abort(ASKED);
    }
    // An exempted report changes nothing, and a second panic would end the process.
    let panics = delivered.is_denied && runtime.config.on_deadlock == OnDeadlock::Panic;
    (panics && !std::thread::panicking()).then(|| {
        format!(
            "lockdep: this acquisition is part of a deadlock (LD0100); \
             LOCKDEP_ON_DEADLOCK=hang lets it wait{}",
            delivered.headline
        )
    })
}

const ASKED: &str = "aborting, as LOCKDEP_ON_VIOLATION or LOCKDEP_ON_DEADLOCK asks";

fn abort(why: &str) -> ! {
    ledger::wait_until_printed();
    sink::notice(why);
    std::process::abort()
}
