//! Which advice a report gives without reading the source, most promising first.
//!
//! A gate lock is never advised: serialising two orders behind a third lock is the repair that
//! makes new deadlocks.

use lockdep_validator::{ClassOrder, Code, Demand, HeldQuery, Level};

use super::advice::{Advice, General, Spot};
use super::detail::DetailWords;
use super::holder::Holder;
use super::model::{Report, ReportDependency, WaitKind};
use super::modes::needs_writer;

/// The longest cycle of which each order is named as one to change.
const MAX_ORDERS: usize = 3;

/// Advice for one report.
pub(super) fn help(code: Code, report: &Report, detail: &DetailWords) -> Vec<Advice> {
    use General as G;
    match code {
        Code::Recursion => recursion(report, detail),
        Code::SameClassOrder => same_class(report, detail),
        Code::CircularDependency => circular(report),
        Code::RecursiveFairRead => fair_read(report),
        Code::InconsistentContext | Code::ContextInversion => context(detail),
        Code::WaitType => general(&[G::LongerWaitFirst, G::ConfigWaitType]),
        Code::BadRelease => general(&[G::ReleaseOnce, G::HandOver]),
        Code::HeldLockFreed if report.level == Level::Warning => general(&[G::GuardBeforeLock]),
        Code::HeldLockFreed => general(&[G::ReleaseBeforeFree]),
        Code::HeldAtExit => general(&[G::ReleaseBeforeExit]),
        Code::Assertion => vec![assertion(detail)],
        Code::NestLockNotHeld => general(&[G::NestFirst]),
        Code::PinnedLockReleased if matches!(detail, DetailWords::Misuse(_)) => general(&[G::PinWhileHeld]),
        Code::PinnedLockReleased => general(&[G::UnpinFirst, G::KeepCalleeFromReleasing]),
        Code::WoundWait => general(&[G::OwnContext, G::OneContextEach]),
        Code::DeclaredOrder => declared(report),
        Code::Deadlock => deadlock(report),
        Code::WaitHoldingLock => wait(report),
        Code::Futurelock => general(&[G::SpawnFuture, G::DropFuture, G::NoAwaitInHandler]),
        Code::HeldAcrossAwait => general(&[G::ReleaseBeforeAwait, G::AwaitLock]),
    }
}

/// A lock that is released before the wait is on no cycle.
fn wait(report: &Report) -> Vec<Advice> {
    let advice = |step: &ReportDependency| {
        let at = Spot::new(None, &step.acquire_site, step.frames_acquire.exact);
        Advice::ReleaseBeforeWait { class: step.from.clone(), at }
    };
    report.closing().map_or_else(|| general(&[General::ReleaseBefore]), |step| vec![advice(step)])
}

/// Of two reads by one reader: the second can be left out, or be recursive where the lock has that.
fn fair_read(report: &Report) -> Vec<Advice> {
    let has_recursive = report.subject.as_ref().is_some_and(|read| {
        report.classes.iter().any(|class| class.hash == read.hash && class.recursive_reads)
    });
    let recursive = has_recursive.then_some(General::ReadRecursively);
    std::iter::once(General::PassGuardOn).chain(recursive).map(Advice::from).collect()
}

fn general(rules: &[General]) -> Vec<Advice> {
    rules.iter().copied().map(Advice::from).collect()
}

fn assertion(detail: &DetailWords) -> Advice {
    let DetailWords::Assertion(demand) = detail else { return General::MakeTrue.into() };
    match demand {
        Demand::Lock { query: HeldQuery::Held, .. } => General::AcquireBefore.into(),
        Demand::Lock { query: HeldQuery::HeldExclusive, .. } => General::AcquireExclusively.into(),
        Demand::Lock { query: HeldQuery::HeldShared, .. } => General::AcquireForReading.into(),
        Demand::Lock { query: HeldQuery::NotHeld, .. } => General::ReleaseBefore.into(),
        Demand::NoneHeld => General::ReleaseAll.into(),
        Demand::MayBlock { .. } => General::AllowSleeping.into(),
        Demand::Own { remedy, .. } => Advice::Remedy { sentence: (*remedy).to_owned() },
    }
}

fn recursion(report: &Report, detail: &DetailWords) -> Vec<Advice> {
    if report.subject.as_ref().is_some_and(|wanted| report.is_initialisation(&wanted.hash)) {
        return general(&[General::InitialiserAsks, General::InitialiserPath]);
    }
    let mut help = Vec::new();
    if let (Some(held), Some(wanted)) = (&report.conflict, &report.subject) {
        let made = Holder::of_locks(held, wanted).places.map(|(made, _)| made);
        help.push(Advice::DropGuard { made: Spot::new(made.as_ref(), &held.site, held.exact) });
    }
    let is_itself = matches!(detail, DetailWords::SelfDeadlock);
    let last = if is_itself { General::SplitFunction } else { General::Subclass };
    help.push(last.into());
    help
}

fn same_class(report: &Report, detail: &DetailWords) -> Vec<Advice> {
    let class = report.subject.as_ref().map_or("the class", |lock| lock.class.as_str());
    if let DetailWords::ClassOrder { order, held, wanted } = detail {
        return in_order(class, *order, held.zip(*wanted));
    }
    let mut help = vec![Advice::OneOrder { class: class.to_owned() }];
    help.extend(general(&[General::ParentAndChild, General::TryAndRestart]));
    help
}

/// Advice where the class has an order of its own.
fn in_order(class: &str, order: ClassOrder, keys: Option<(u64, u64)>) -> Vec<Advice> {
    let first = match (order, keys) {
        (ClassOrder::ByKey, Some((held, wanted))) if held == wanted => {
            Advice::OwnKey { class: class.to_owned() }
        }
        (ClassOrder::ByKey, Some((_, key))) => Advice::KeyFirst { key },
        (ClassOrder::ByAddress, _) => General::SortByAddress.into(),
        _ => General::OppositeOrder.into(),
    };
    vec![first, General::TryAsLockMany.into()]
}

fn circular(report: &Report) -> Vec<Advice> {
    let mut help = Vec::new();
    if let [only] = report.cycle.as_slice() {
        help.push(Advice::SortEverywhere { class: only.from.clone() });
    } else if let Some(cheapest) = cheapest(&report.cycle) {
        let (first, second) = (cheapest.to.clone(), cheapest.from.clone());
        help.push(Advice::TakeBefore { first, second, at: where_wanted(cheapest) });
        help.extend(other_sides(report, cheapest));
    }
    let has_recursive =
        |name: &&str| report.classes.iter().any(|class| class.name == *name && class.recursive_reads);
    for reader in needs_writer(&report.cycle).into_iter().filter(has_recursive) {
        help.push(Advice::ReadRecursively { class: reader.to_owned() });
    }
    if let Some(closing) = report.closing().filter(|step| !report.is_initialisation(&step.to_hash)) {
        // The place that was named last.
        let is_there = cheapest(&report.cycle).is_some_and(|cheapest| {
            std::ptr::eq(cheapest, closing) && other_sides(report, cheapest).next().is_none()
        });
        let at = (!is_there).then(|| where_wanted(closing));
        help.push(Advice::TryLock { class: closing.to.clone(), release: closing.from.clone(), at });
    }
    if !report.evidence.same_instances && !report.evidence.declared {
        help.push(General::NameApart.into());
    }
    help
}

/// The dependency seen on the fewest paths: the one that is least work to turn round. The newest of
/// equals, as it is the one that is being worked on.
fn cheapest(cycle: &[ReportDependency]) -> Option<&ReportDependency> {
    cycle.iter().rev().min_by_key(|step| step.count)
}

/// The other dependencies of a short cycle: only the reader knows which of the orders is meant.
fn other_sides<'a>(report: &'a Report, cheapest: &'a ReportDependency) -> impl Iterator<Item = Advice> + 'a {
    let others = report.cycle.iter().filter(move |step| !std::ptr::eq(*step, cheapest));
    let can_release =
        others.filter(|step| report.cycle.len() <= MAX_ORDERS && !report.is_initialisation(&step.from_hash));
    can_release.map(|step| Advice::ChangeOther { release: step.from.clone(), at: where_wanted(step) })
}

/// Where the function that holds the one lock of a dependency goes for the other.
fn where_wanted(step: &ReportDependency) -> Spot {
    let wanted = Holder::of_dependency(step).places.map(|(_, wanted)| wanted);
    Spot::new(wanted.as_ref(), &step.acquire_site, step.frames_acquire.exact)
}

/// A ring of locks is opened by one order, any other by a release before the wait.
fn deadlock(report: &Report) -> Vec<Advice> {
    let is_locks = report.threads.iter().all(|thread| thread.wait.kind == WaitKind::Lock);
    let release = report.threads.iter().find(|thread| thread.wait.kind != WaitKind::Lock);
    match release.or(report.threads.first()) {
        Some(thread) if !is_locks => thread
            .holds
            .iter()
            .map(|held| Advice::ReleaseBeforeWait {
                class: held.class.clone(),
                at: Spot::new(None, &thread.wait.site, true),
            })
            .take(1)
            .collect(),
        _ => general(&[General::OneOrderOfRing]),
    }
}

fn context(detail: &DetailWords) -> Vec<Advice> {
    let DetailWords::Context { context, used_in, enabled } = detail else {
        return general(&[General::KeepContextOut]);
    };
    vec![
        Advice::MaskContext { context: context.clone(), class: enabled.clone() },
        Advice::AvoidInContext { context: context.clone(), class: used_in.clone() },
    ]
}

fn declared(report: &Report) -> Vec<Advice> {
    let Some((held, wanted)) = report.conflict.as_ref().zip(report.subject.as_ref()) else {
        return general(&[General::FollowDeclared]);
    };
    let holder = Holder::of_locks(held, wanted).places.map(|(held, _)| held);
    let since = Spot::new(holder.as_ref(), &held.site, held.exact);
    let (wanted, held) = (wanted.class.clone(), held.class.clone());
    vec![Advice::FollowDeclared { wanted, held, since }, General::ChangeOrderFile.into()]
}
