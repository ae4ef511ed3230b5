//! What to do: the advice that can be given without reading the source, most promising first.
//!
//! A gate lock is never advised: serialising two orders behind a third lock is the repair that makes new deadlocks.

use crate::check::violation::{Code, Level};
use crate::state::class_order::ClassOrder;

use super::build::DetailWords;
use super::holder::Holder;
use super::model::{Place, Report, ReportDependency};
use super::places::same_file;
use super::words::needs_writer;

/// Advice for one report.
pub(super) fn help(code: Code, report: &Report, detail: &DetailWords) -> Vec<String> {
    match code {
        Code::Recursion => recursion(report, detail),
        Code::SameClassOrder => same_class(report, detail),
        Code::CircularDependency => circular(report),
        Code::RecursiveFairRead => vec![
            "pass the guard on instead of reading again, or drop it first".to_owned(),
            "if the lock has `read_recursive`, take the inner read with it: it never waits for a queued writer".to_owned(),
        ],
        Code::InconsistentContext | Code::ContextInversion => context(detail),
        Code::WaitType => vec![
            "take the lock that may wait longer first, or do the work after the other one is released".to_owned(),
            "if the wait is bounded and wanted there, give the class the wait type `config`".to_owned(),
        ],
        Code::BadRelease => vec![
            "release a lock once for each acquisition, through the handle that acquired it".to_owned(),
            "if another thread releases it on purpose, say so with the hand-over event of the lock's `LockMap`".to_owned(),
        ],
        Code::HeldLockFreed if report.level == Level::Warning.as_str() => {
            vec!["let the guard go out of scope before the lock: do not `mem::forget` it, and do not keep it in an object that outlives the lock".to_owned()]
        }
        Code::HeldLockFreed => vec!["release the lock before the object that contains it is freed or reused".to_owned()],
        Code::HeldAtExit => vec!["release the lock before its thread ends; a leaked guard (`mem::forget`) never does".to_owned()],
        Code::Assertion => match detail {
            DetailWords::Assertion { remedy, .. } => vec![(*remedy).to_owned()],
            _ => vec!["make the assertion true before this point".to_owned()],
        },
        Code::NestLockNotHeld => vec!["acquire the nest lock first and hold it for as long as the nested locks".to_owned()],
        Code::PinnedLockReleased if matches!(detail, DetailWords::Message(_)) => vec![
            "pin a lock while it is held, and unpin it once, with the cookie that pinned it".to_owned(),
        ],
        Code::PinnedLockReleased => vec![
            "unpin the lock before it is released, and read what it protects again afterwards".to_owned(),
            "or keep what is called from releasing it: pass the guard by reference, and what it needs as arguments".to_owned(),
        ],
        Code::WoundWait => vec![
            "acquire every lock of one transaction with its own acquire context, and back off when told to: release everything, then take the contended lock first".to_owned(),
            "open one context for each transaction, close its acquire phase once, and end it when every lock is released".to_owned(),
        ],
        Code::DeclaredOrder => declared(report),
    }
}

fn recursion(report: &Report, detail: &DetailWords) -> Vec<String> {
    if report.subject.as_ref().is_some_and(|wanted| is_initialisation(report, &wanted.hash)) {
        return vec![
            "keep the initialiser from asking for what it makes: compute it before, or pass what it needs as arguments"
                .to_owned(),
            "if it asks in a roundabout way, the stack below shows the way back".to_owned(),
        ];
    }
    let mut help = Vec::new();
    if let (Some(held), Some(wanted)) = (&report.conflict, &report.subject) {
        let made = Holder::of_locks(held, wanted).places.map(|(made, _)| made);
        let made = through(made.as_ref(), &held.site, held.exact);
        help.push(format!(
            "drop the guard acquired at {made} before this point, or pass it on instead of locking again"
        ));
    }
    help.push("a guard in the head of a `match`, `if let` or `while let` lives to the end of its body: bind the value first".to_owned());
    if matches!(detail, DetailWords::SelfDeadlock) {
        help.push(
            "if re-entry is meant, split the function into one that locks and one that expects the lock held"
                .to_owned(),
        );
    } else {
        help.push("if the two are always ordered, take the inner one with a subclass".to_owned());
    }
    help
}

fn same_class(report: &Report, detail: &DetailWords) -> Vec<String> {
    let class = report.subject.as_ref().map_or("the class", |lock| lock.class.as_str());
    if let DetailWords::ClassOrder { order, held, wanted } = detail {
        return in_order(class, *order, held.zip(*wanted));
    }
    vec![
        format!(
            "give the locks of `{class}` one order, for example by address or by key, and sort before locking"
        ),
        "if one is the parent of the other, take the inner one with a subclass, or under a nest lock"
            .to_owned(),
        "if only one can be waited for, take the second with `try_lock` and start again when it fails"
            .to_owned(),
    ]
}

/// Advice where the class has an order of its own.
fn in_order(class: &str, order: ClassOrder, keys: Option<(u64, u64)>) -> Vec<String> {
    let first = match (order, keys) {
        (ClassOrder::ByKey, Some((held, wanted))) if held == wanted => {
            format!("give each lock of `{class}` a key of its own")
        }
        (ClassOrder::ByKey, Some((_, wanted))) => {
            format!("acquire the lock with key {wanted} first: sort by key before locking")
        }
        (ClassOrder::ByAddress, _) => {
            "acquire the lock at the lower address first: sort by address before locking".to_owned()
        }
        _ => "acquire the two the other way round".to_owned(),
    };
    vec![
        first,
        "if only one can be waited for, take the second with `try_lock` and start again when it fails, as `lock_many` does"
            .to_owned(),
    ]
}

fn circular(report: &Report) -> Vec<String> {
    let mut help = Vec::new();
    if let [only] = report.cycle.as_slice() {
        help.push(format!(
            "take the locks of `{}` in one order everywhere, for example by address",
            only.from
        ));
    } else if let Some(cheapest) = cheapest(&report.cycle) {
        help.push(format!(
            "take `{}` before `{}`, or release `{}` first, at {}",
            cheapest.to,
            cheapest.from,
            cheapest.from,
            where_wanted(cheapest)
        ));
        help.extend(other_side(report, cheapest));
    }
    for reader in needs_writer(&report.cycle) {
        help.push(format!(
            "`read_recursive` on `{reader}`, if the lock has it, never waits for a queued writer"
        ));
    }
    if let Some(closing) = report.closing().filter(|step| !is_initialisation(report, &step.to_hash)) {
        // The place that was named last.
        let is_there = cheapest(&report.cycle).is_some_and(|cheapest| {
            std::ptr::eq(cheapest, closing) && other_side(report, cheapest).is_none()
        });
        let place = if is_there { "there".to_owned() } else { format!("at {}", where_wanted(closing)) };
        help.push(format!(
            "or take `{}` with a try-lock {place}, and release `{}` when it fails",
            closing.to, closing.from
        ));
    }
    if !report.evidence.same_instances && !report.evidence.declared {
        help.push(
            "if these are different locks by design, name them apart with `LockClassKey::named`; where you cannot, \
             `cargo lockdep test --settle` tells them apart, and an exception says why they are"
                .to_owned(),
        );
    }
    help
}

/// The dependency seen on the fewest paths: the one that is least work to turn round. The newest of equals, as it is the
/// one somebody is working on.
fn cheapest(cycle: &[ReportDependency]) -> Option<&ReportDependency> {
    cycle.iter().rev().min_by_key(|step| step.count)
}

/// The other dependency of two, if as many paths take it: which of the orders is meant nobody can tell then but the reader.
fn other_side(report: &Report, cheapest: &ReportDependency) -> Option<String> {
    let [one, two] = report.cycle.as_slice() else { return None };
    let other = if std::ptr::eq(one, cheapest) { two } else { one };
    (other.count == cheapest.count && !is_initialisation(report, &other.from_hash)).then(|| {
        format!(
            "or, if that order is the one that is meant, change the other: release `{}` first, at {}",
            other.from,
            where_wanted(other)
        )
    })
}

/// Whether a class is an initialisation, which can neither be tried nor released before it is done.
fn is_initialisation(report: &Report, hash: &str) -> bool {
    let class = report.classes.iter().find(|class| class.hash == hash);
    class.is_some_and(|class| INITIALISATIONS.contains(&class.kind.as_str()))
}

/// Kinds of locks that are held while something is made once.
const INITIALISATIONS: [&str; 5] = ["Once", "OnceLock", "LazyLock", "OnceCell", "Lazy"];

/// Where the function that holds the one lock of a dependency goes for the other.
fn where_wanted(step: &ReportDependency) -> String {
    let wanted = Holder::of_dependency(step).places.map(|(_, wanted)| wanted);
    through(wanted.as_ref(), &step.acquire_site, step.frames_acquire.exact)
}

/// The place at which a reader can change something, and the place of the acquisition itself if that is another.
///
/// The first is where the holder stands, if that is known; else the caller of what was seen to be a wrapper. A function that
/// another file calls is none for that alone: then both are told, and the reader knows.
fn through(holder: Option<&Place>, site: &Place, is_exact: bool) -> String {
    let outside = site.outside_wrapper();
    let caller = site.caller.as_deref().filter(|_| holder.is_none() && !site.in_wrapper);
    if let Some(caller) = caller {
        let called = if is_exact { "called from" } else { "called, on one path, from" };
        return format!("{site} ({called} {caller})");
    }
    let at = holder.unwrap_or(outside);
    // A wrapper is only worth its place where no other stands between it and the reader.
    match [outside, site].into_iter().find(|place| !same_line(at, place)) {
        _ if same_line(at, site) => site.to_string(),
        Some(way) => format!("{at} (through {way})"),
        None => at.to_string(),
    }
}

fn same_line(a: &Place, b: &Place) -> bool {
    a.line == b.line && same_file(&a.file, &b.file)
}

fn context(detail: &DetailWords) -> Vec<String> {
    let DetailWords::Context { context, used_in, enabled } = detail else {
        return vec!["keep the context out while the lock is held".to_owned()];
    };
    vec![
        format!("mask `{context}` while `{enabled}` is held"),
        format!(
            "or do not take `{used_in}` inside `{context}`: hand the work to a thread, or use a try-lock there"
        ),
    ]
}

fn declared(report: &Report) -> Vec<String> {
    let Some((held, wanted)) = report.conflict.as_ref().zip(report.subject.as_ref()) else {
        return vec!["follow the declared order, or change the lock-order file in review".to_owned()];
    };
    vec![
        format!(
            "acquire `{}` before `{}`, or release `{}` (held since {}) first",
            wanted.class,
            held.class,
            held.class,
            through(
                Holder::of_locks(held, wanted).places.map(|(held, _)| held).as_ref(),
                &held.site,
                held.exact
            )
        ),
        "if the order is meant, change the line in the lock-order file, so that it is reviewed".to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapper_stands_behind_its_caller_and_another_function_before_it() {
        let place = |file: &str, line| Place { file: file.into(), line, column: 5, ..Place::default() };
        let caller = Some(Box::new(place("main.rs", 18)));
        let site = Place { caller, ..place("queue.rs", 55) };
        assert_eq!(through(None, &site, true), "queue.rs:55:5 (called from main.rs:18:5)");
        assert_eq!(through(None, &site, false), "queue.rs:55:5 (called, on one path, from main.rs:18:5)");
        let site = Place { in_wrapper: true, ..site };
        assert_eq!(through(None, &site, true), "main.rs:18:5 (through queue.rs:55:5)");
        let holder = place("task.rs", 7);
        assert_eq!(through(Some(&holder), &site, true), "task.rs:7:5 (through main.rs:18:5)");
    }
}
