//! Titles and notes: what happened and how sure it is, in sentences.

use crate::check::violation::{Code, Level};
use crate::state::class_order::ClassOrder;

use super::build::DetailWords;
use super::model::{Report, ReportDependency, ReportLock};

/// One sentence that says what can happen.
pub(super) fn title(code: Code, report: &Report, detail: &DetailWords) -> String {
    let subject = report.subject.as_ref().map_or("a lock", |lock| lock.class.as_str());
    let message = match detail {
        DetailWords::Assertion { message, .. } => Some(message.clone()),
        DetailWords::Message(message) => Some(named(report, message.clone())),
        _ => None,
    };
    match code {
        Code::Recursion => match detail {
            DetailWords::SelfDeadlock => {
                format!("this thread already holds `{subject}` and would wait for itself for ever")
            }
            _ => message
                .unwrap_or_else(|| format!("`{subject}` is acquired while a lock of the same class is held")),
        },
        Code::SameClassOrder => match detail {
            DetailWords::ClassOrder { order, held, wanted } => {
                against_order(subject, *order, held.zip(*wanted))
            }
            _ => message
                .unwrap_or_else(|| format!("two locks of class `{subject}` are acquired in no fixed order")),
        },
        Code::CircularDependency => circular(report),
        Code::InconsistentContext | Code::ContextInversion => context(code, subject, detail),
        Code::WaitType => match detail {
            DetailWords::WaitType { wanted, limit, limited_by: Some(limited_by) } => {
                format!(
                    "`{subject}` waits as `{wanted}`, but while `{limited_by}` is held nothing above `{limit}` may"
                )
            }
            DetailWords::WaitType { wanted, limit, limited_by: None } => {
                format!("`{subject}` waits as `{wanted}`, but here nothing above `{limit}` may")
            }
            _ => format!("`{subject}` may wait longer than this place allows"),
        },
        Code::BadRelease => {
            message.unwrap_or_else(|| format!("`{subject}` is released, but nobody holds it"))
        }
        Code::HeldLockFreed => message.unwrap_or_else(|| freed(report, subject)),
        Code::HeldAtExit => message.unwrap_or_else(|| format!("the thread ended while it held `{subject}`")),
        Code::Assertion => message.map_or_else(
            || format!("an assertion about `{subject}` does not hold"),
            |message| named(report, message),
        ),
        Code::NestLockNotHeld => message.unwrap_or_else(|| {
            format!("`{subject}` is acquired under a nest lock that this thread does not hold")
        }),
        Code::PinnedLockReleased => {
            message.unwrap_or_else(|| format!("`{subject}` is released while it is pinned"))
        }
        Code::WoundWait => {
            message.unwrap_or_else(|| format!("the wound/wait protocol of `{subject}` is broken"))
        }
        Code::RecursiveFairRead => message.unwrap_or_else(|| {
            format!("`{subject}` is read again by a reader: a writer that queues in between stops both")
        }),
        Code::DeclaredOrder => message.unwrap_or_else(|| declared(report)),
    }
}

/// The engine's sentence with the name of the lock in it: the engine has no names.
fn named(report: &Report, message: String) -> String {
    match (&report.subject, message.strip_prefix("the lock ")) {
        (Some(subject), Some(rest)) if !subject.hash.is_empty() => {
            format!("`{}` {}", subject.class, rest.replace("held shared", "held for reading"))
        }
        _ => message,
    }
}

fn context(code: Code, subject: &str, detail: &DetailWords) -> String {
    match (code, detail) {
        (Code::InconsistentContext, DetailWords::Context { context, used_in, .. }) => {
            format!("`{used_in}` is used inside `{context}` and held where `{context}` may interrupt")
        }
        (Code::InconsistentContext, _) => {
            format!("`{subject}` is used inside a context and held where that context may interrupt")
        }
        (_, DetailWords::Context { context, used_in, enabled }) => format!(
            "`{enabled}`, held where `{context}` may interrupt, is acquired while `{used_in}` is held, which is used inside `{context}`"
        ),
        _ => {
            "a lock order joins a lock used inside a context with one held where it may interrupt".to_owned()
        }
    }
}

fn against_order(class: &str, order: ClassOrder, keys: Option<(u64, u64)>) -> String {
    match (order, keys) {
        (ClassOrder::ByKey, Some((held, wanted))) if held == wanted => format!(
            "two locks of class `{class}` with one key, {held}, are acquired one under the other: the order of the class does not tell them apart"
        ),
        (ClassOrder::ByKey, Some((held, wanted))) => format!(
            "a lock of class `{class}` with key {wanted} is acquired while one with key {held} is held, against the order of the class"
        ),
        (ClassOrder::ByAddress, _) => format!(
            "a lock of class `{class}` is acquired while one at a higher address is held, against the order of the class"
        ),
        _ => format!("two locks of class `{class}` are acquired against the order of the class"),
    }
}

fn declared(report: &Report) -> String {
    match (&report.conflict, &report.subject) {
        (Some(held), Some(wanted)) => {
            format!(
                "`{}` is acquired while `{}` is held, against the declared order",
                wanted.class, held.class
            )
        }
        _ => "an acquisition contradicts the declared lock order".to_owned(),
    }
}

fn freed(report: &Report, subject: &str) -> String {
    if report.level == Level::Warning.as_str() {
        format!("`{subject}` is dropped while held: its guard was leaked")
    } else {
        format!("`{subject}` is freed or initialised again while held")
    }
}

fn circular(report: &Report) -> String {
    let names: Vec<&str> = report.cycle.iter().map(|step| step.from.as_str()).collect();
    match names.as_slice() {
        [] => "a lock order closes a cycle".to_owned(),
        [one] => format!("two locks of class `{one}` are acquired in opposite orders"),
        [a, b] => format!("`{a}` and `{b}` are acquired in opposite orders"),
        [first @ .., last] if names.len() <= 4 => {
            format!("`{}` and `{last}` are acquired in orders that form a cycle", first.join("`, `"))
        }
        [first, ..] => format!(
            "`{first}` and {} other classes are acquired in orders that form a cycle",
            names.len() - 1
        ),
    }
}

/// Sentences that explain the level and the rule, most important first.
pub(super) fn notes(code: Code, report: &Report, detail: &DetailWords) -> Vec<String> {
    let mut notes = Vec::new();
    match code {
        Code::SameClassOrder if matches!(detail, DetailWords::ClassOrder { .. }) => {
            notes.push("no opposite order had to be seen: the class has an order of its own".to_owned());
            if report.evidence.timed {
                notes.push("the wait has a timeout: it does not hang for ever".to_owned());
            }
        }
        Code::CircularDependency | Code::SameClassOrder => cycle_notes(report, &mut notes),
        Code::RecursiveFairRead => fair_read_notes(report, &mut notes),
        Code::HeldLockFreed if report.level == Level::Warning.as_str() => notes.push(
            "its owner drops it, so nobody is left who could wait for it; before, whoever wanted it would have waited for ever"
                .to_owned(),
        ),
        Code::ContextInversion if !report.cycle.is_empty() => notes.push(
            "the context may interrupt the holder at the end of the path below; then it waits for a lock at its start".to_owned(),
        ),
        Code::DeclaredOrder => {
            notes.push("no opposite order had to be seen: the lock-order file decides".to_owned());
        }
        _ => {}
    }
    // A title says only what the rule is about; a rule that speaks for itself has been quoted there already.
    if let (Code::CircularDependency, DetailWords::Message(message)) = (code, detail) {
        notes.push(message.clone());
    }
    notes
}

const NOTHING_HANGS: &str = ": nothing can hang as long as that is so";
/// What is said of a gate of whose class there are several locks.
const HALF_A_GATE: &str = ", so these locks do not hang; but there are several locks of its class, and not all that runs under another is looked at";

fn fair_read_notes(report: &Report, notes: &mut Vec<String>) {
    let evidence = &report.evidence;
    notes.push(match &evidence.gate {
        _ if !evidence.writer_seen => {
            "no writer of this class was seen yet; the first one makes this an error, unless a lock that both hold keeps them apart"
                .to_owned()
        }
        None => "a writer of this class was seen: a reader queues behind it, and it waits for the first read".to_owned(),
        Some(gate) => {
            let rest = if report.level == Level::Note.as_str() { NOTHING_HANGS } else { HALF_A_GATE };
            format!("every writer of this class held `{gate}`, which is held around these reads and keeps them apart{rest}")
        }
    });
}

fn cycle_notes(report: &Report, notes: &mut Vec<String>) {
    let evidence = &report.evidence;
    if !report.cycle.is_empty() {
        if evidence.same_instances {
            notes.push("the very lock objects seen here close the cycle".to_owned());
        } else if evidence.declared {
            notes.push(
                "the locks of each class are interchangeable: declared so by name, or there was only one of them".to_owned(),
            );
        } else {
            notes.push(
                "the lock objects seen so far do not close the cycle; other objects of the same classes could".to_owned(),
            );
        }
    }
    if evidence.sibling {
        notes.push(
            "in both orders the locks lie at the same distance in memory, as fields of one struct do"
                .to_owned(),
        );
    }
    if let Some(gate) = &evidence.gate {
        let sides = if needs_writer(&report.cycle).is_empty() {
            "two of the dependencies"
        } else {
            "two of those that wait (dependencies, and writers that queue)"
        };
        let seen = format!("`{gate}` was held around every sighting of {sides} and keeps them apart");
        let rest = match (report.level == Level::Note.as_str(), evidence.timed) {
            (true, false) => NOTHING_HANGS,
            // The timeout is reason enough for a note; whether the gate is one too is not told.
            (true, true) => "",
            (false, _) => HALF_A_GATE,
        };
        notes.push(format!("{seen}{rest}"));
    }
    if evidence.timed {
        notes.push(
            "the cycle needs an acquisition with a timeout: the threads hang until it ends, not for ever"
                .to_owned(),
        );
    }
    let waits_for_readers = needs_writer(&report.cycle);
    if !waits_for_readers.is_empty() && !evidence.writer_seen {
        notes.push(format!(
            "only readers of `{}` were seen: it hangs once a writer queues between them",
            waits_for_readers.join("`, `")
        ));
    }
    match evidence.ordered.as_deref() {
        Some("program") => notes.push(
            "one thread ran all of this in turn; that does not lower the level, because code that ran in turn can run at once"
                .to_owned(),
        ),
        Some("spawn") => notes.push(
            "one side ran before the other's thread was spawned; that does not lower the level, because the next run may differ"
                .to_owned(),
        ),
        Some("join") => notes.push(
            "one side's thread was joined before the other ran; that does not lower the level, because the next run may differ"
                .to_owned(),
        ),
        _ => {}
    }
}

/// The classes at which the cycle arrives as a fair reader and leaves as a reader: they block only through a writer that
/// queues in between.
pub(super) fn needs_writer(cycle: &[ReportDependency]) -> Vec<&str> {
    let next = cycle.iter().cycle().skip(1);
    let mut names = Vec::new();
    for (arrive, leave) in cycle.iter().zip(next) {
        let waits = arrive.acquire_mode == "shared" && leave.held_mode != "exclusive";
        // Several locks of one class have one name.
        if waits && !names.contains(&arrive.to.as_str()) {
            names.push(arrive.to.as_str());
        }
    }
    names
}

/// A lock in the words of a label: how it is held or wanted.
pub(super) fn mode_words(lock: &ReportLock) -> &'static str {
    mode_word(&lock.mode)
}

/// A mode in the words of a label.
pub(super) fn mode_word(mode: &str) -> &'static str {
    match mode {
        "shared" => "for reading",
        "shared-recursive" => "for recursive reading",
        _ => "exclusively",
    }
}
