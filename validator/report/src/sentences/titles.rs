//! The title of a report: what can happen, in one sentence.

use crate::detail::DetailWords;
use crate::model::{Awaited, Report};
use crate::names::is_task;
use lockdep_validator::{ClassOrder, Code, Demand, HeldQuery, Level, Misuse, Mode};

/// One sentence that says what can happen.
pub(crate) fn title(code: Code, report: &Report, detail: &DetailWords) -> String {
    let subject = report.subject.as_ref().map_or("a lock", |lock| lock.class.as_str());
    match (code, detail) {
        (_, DetailWords::Assertion(demand)) => assertion(subject, demand),
        (_, DetailWords::Misuse(what)) => misuse(subject, *what),
        (Code::Recursion, DetailWords::SelfDeadlock) if report.evidence.movable => {
            format!("this thread acquired `{subject}` before, and may wait for itself now")
        }
        (Code::Recursion, DetailWords::SelfDeadlock) => {
            let this = if is_task(&report.thread) { "task" } else { "thread" };
            format!("this {this} already holds `{subject}` and would wait for itself forever")
        }
        (Code::Recursion, _) => format!("`{subject}` is acquired while a lock of the same class is held"),
        (Code::SameClassOrder, DetailWords::ClassOrder { order, held, wanted }) => {
            against_order(subject, *order, held.zip(*wanted))
        }
        (Code::SameClassOrder, _) => format!("two locks of class `{subject}` are acquired in no fixed order"),
        (Code::CircularDependency, _) => circular(report),
        (Code::InconsistentContext | Code::ContextInversion, _) => context(code, subject, detail),
        (Code::WaitType, _) => wait_type(subject, detail),
        (Code::BadRelease, _) => format!("`{subject}` is released, but it is not held"),
        (Code::HeldLockFreed, _) => freed(report, subject),
        (Code::HeldAtExit, _) => format!("the thread ended while it held `{subject}`"),
        (Code::Assertion, _) => format!("an assertion about `{subject}` does not hold"),
        (Code::NestLockNotHeld, _) => {
            format!("`{subject}` is acquired under a nest lock that this thread does not hold")
        }
        (Code::PinnedLockReleased, _) => format!("`{subject}` is released while it is pinned"),
        (Code::WoundWait, _) => format!("the wound/wait protocol of `{subject}` is broken"),
        (Code::RecursiveFairRead, _) => format!(
            "`{subject}` is read again by a reader: a writer that queues in between blocks both forever"
        ),
        (Code::DeclaredOrder, _) => declared(report),
        (Code::Deadlock, _) => deadlock(report),
        (Code::WaitHoldingLock, _) => wait(report),
        (Code::Futurelock, _) => format!(
            "`{subject}` is awaited by a task that does not poll a future of its own, which is ahead in the queue"
        ),
        (Code::HeldAcrossAwait, _) if report.level == Level::Error => format!(
            "`{subject}` is held by a suspended task of this thread, which would wait for itself forever"
        ),
        (Code::HeldAcrossAwait, _) => {
            format!("`{subject}` is held across an `.await`, while its thread runs other tasks")
        }
    }
}

fn wait_type(subject: &str, detail: &DetailWords) -> String {
    match detail {
        DetailWords::WaitType { wanted, limit, limited_by: Some(limited_by) } => format!(
            "`{subject}` waits as `{wanted}`, but nothing above `{limit}` is allowed while `{limited_by}` is held"
        ),
        DetailWords::WaitType { wanted, limit, limited_by: None } => {
            format!("`{subject}` waits as `{wanted}`, but nothing above `{limit}` is allowed here")
        }
        _ => format!("`{subject}` may wait longer than this place allows"),
    }
}

fn assertion(subject: &str, demand: &Demand) -> String {
    match demand {
        Demand::Lock { query, found } => {
            let demand = match query {
                HeldQuery::Held => "must be held here",
                HeldQuery::HeldExclusive => "must be held exclusively here",
                HeldQuery::HeldShared => "must be held for reading here",
                HeldQuery::NotHeld => "must not be held here",
            };
            let found = match found {
                None => "it is not held",
                Some(Mode::Exclusive) => "it is held exclusively",
                Some(_) => "it is held for reading",
            };
            format!("`{subject}` {demand}, but {found}")
        }
        Demand::NoneHeld => format!("no lock may be held here, but `{subject}` is"),
        Demand::MayBlock { limit } => {
            format!("this code must be allowed to sleep, but nothing above `{limit}` is allowed here")
        }
        Demand::Own { message, .. } => message.clone(),
    }
}

fn misuse(subject: &str, what: Misuse) -> String {
    let predicate = match what {
        Misuse::DowngradeNotHeld => "is downgraded, but this thread does not hold it",
        Misuse::DowngradeNotExclusive => "is downgraded, but this thread does not hold it exclusively",
        Misuse::UpgradeNotUpgradable => "is upgraded, but this thread does not hold it as upgradable",
        Misuse::ClassOfNotHeld => "is given another class, but this thread does not hold it",
        Misuse::ClassOutsideContext => "is given another class, but it is held outside this context",
        Misuse::PinNotHeld => "is pinned, but this thread does not hold it",
        Misuse::UnpinWithoutPin => "is unpinned with a cookie that pins nothing",
        Misuse::UnpinNotHeld => "is unpinned, but this thread does not hold it",
        Misuse::RepinNotHeld => "is pinned again, but this thread does not hold it",
        Misuse::ContextInsideContext => "is opened inside another acquire context of its class",
        Misuse::OutsideContext => "is acquired without the acquire context of its class that is open",
        Misuse::SlowWithoutBackOff => {
            "is acquired by the slow path, but its acquire context did not back off"
        }
        Misuse::OtherClass => "is not of the class of its acquire context",
        Misuse::AfterDone => "is acquired after the acquire phase of its context was closed",
        Misuse::NotContendedFirst => {
            "is acquired, but its context must first acquire the lock from which it backed off"
        }
        Misuse::BackOffIncomplete => "is acquired again after a back-off, but its context still holds others",
        Misuse::StaleOwner => "still names another acquire context as its owner",
        Misuse::BackOffTwice => "is backed off from while another back-off is pending",
        Misuse::OwnsNothing => "is released in an acquire context that owns nothing",
        Misuse::DoneTwice => "has its acquire phase closed twice",
        Misuse::EndsOwning => "ends while it owns locks",
    };
    format!("`{subject}` {predicate}")
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
            "two locks of class `{class}` with the same key, {held}, are acquired one under the other: the order of the class does not distinguish them"
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

fn wait(report: &Report) -> String {
    let held = report.conflict.as_ref().map_or("a lock", |held| held.class.as_str());
    let what = match report.awaited_kind() {
        Some(Awaited::Scope) => "the threads of a scope, one of which",
        Some(Awaited::Message) => "a message of a thread that",
        Some(Awaited::Room) => "room in a channel whose receiver",
        _ => "a thread that",
    };
    format!("`{held}` is held while this thread waits for {what} acquires it")
}

fn deadlock(report: &Report) -> String {
    let names: Vec<String> = report.threads.iter().map(|thread| format!("`{}`", thread.thread)).collect();
    let until = if report.evidence.timed { "until a timeout ends" } else { "forever" };
    match names.as_slice() {
        [a, b] => format!("threads {a} and {b} wait for each other {until}"),
        [first @ .., last] if names.len() <= 4 => {
            format!("threads {} and {last} wait for each other in a ring {until}", first.join(", "))
        }
        _ => format!("{} threads wait for each other in a ring {until}", names.len()),
    }
}

fn freed(report: &Report, subject: &str) -> String {
    if report.level == Level::Warning {
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
