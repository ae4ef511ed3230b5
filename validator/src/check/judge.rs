//! How sure a cycle is: the level, and the evidence for it.
//!
//! A cycle of classes is an *error* if its locks close it themselves, or if its classes are interchangeable by declaration
//! or have one lock each; else a *warning*. It is at most a warning if it needs a writer that was never seen to queue
//! between two readers, and a *note* if it needs an acquisition with a timeout, or if two of its dependencies were only seen
//! under one lock that keeps them apart. Each reason can only go away, so levels only rise.

use super::cycle::{self, Seen};
use super::knowledge::Knowledge;
use super::view::View;
use super::violation::{Evidence, Level, Violation};
use crate::base::id::{ClassId, LockId};
use crate::graph::{Gate, Graph, PathStep, QueuedWriter, SearchFilter};

/// A level and why.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub(crate) level: Level,
    pub(crate) evidence: Evidence,
}

/// A violation below error that may rise.
#[derive(Clone, Debug)]
pub(crate) enum Lowered {
    /// A cycle of classes; the closing dependency last.
    Cycle(Vec<PathStep>),
    /// A cycle of single locks; the closing order last.
    Instances(Vec<PathStep<LockId>>),
    /// A fair read behind a fair read (LD0014), until a writer of the class is seen.
    FairRead(Box<Violation>, ClassId),
}

/// A cycle that a new dependency closes, and how sure it is.
#[derive(Clone, Debug)]
pub(crate) struct FoundCycle {
    /// The closing dependency last.
    pub(crate) path: Vec<PathStep>,
    pub(crate) judged: Judged,
}

/// The surest cycle that `from -> to` of kind `kind` closes. A cycle that is lowered does not hide a surer one beside it.
pub(crate) fn strongest_cycle(
    view: &View<'_>,
    knowledge: &mut Knowledge,
    closing: PathStep,
) -> Option<FoundCycle> {
    if !view.config.evidence {
        let path = closed_path(&mut knowledge.graph, closing, &SearchFilter::ALL)?;
        let judged = Judged {
            level: Level::Error,
            evidence: Evidence { writer_seen: true, declared: true, ..Evidence::default() },
        };
        return Some(FoundCycle { path, judged });
    }
    let seen_fn = |class| view.writer_seen(class);
    let filters = [
        SearchFilter { timed: false, queued_writer: QueuedWriter::Seen(&seen_fn), escaping: &[] },
        SearchFilter { timed: false, ..SearchFilter::ALL },
        SearchFilter::ALL,
    ];
    let mut best: Option<FoundCycle> = None;
    for filter in filters {
        let Some(found) = ungated_cycle(view, knowledge, closing, &filter) else { continue };
        let is_better = best.as_ref().is_none_or(|best| found.judged.level > best.judged.level);
        if is_better {
            best = Some(found);
        }
        if best.as_ref().is_some_and(|best| best.judged.level >= Level::Warning) {
            break;
        }
    }
    best
}

/// A cycle without two dependencies that exclude each other if there is one, else any.
fn ungated_cycle(
    view: &View<'_>,
    knowledge: &mut Knowledge,
    closing: PathStep,
    filter: &SearchFilter<'_>,
) -> Option<FoundCycle> {
    /// As many gates as a search can tell apart.
    const MAX_GATES: usize = 7;
    let mut escaping: Vec<LockId> = Vec::new();
    let mut gated = None;
    loop {
        let Some(path) =
            closed_path(&mut knowledge.graph, closing, &SearchFilter { escaping: &escaping, ..*filter })
        else {
            return gated;
        };
        let judged = judge(view, knowledge, &path);
        let gates = gates_of(view, &knowledge.graph, &path);
        if gates.is_empty() {
            return Some(FoundCycle { path, judged });
        }
        gated.get_or_insert(FoundCycle { path, judged });
        let n_before = escaping.len();
        escaping.extend(gates.into_iter().take(MAX_GATES - n_before));
        if escaping.len() == n_before {
            return gated;
        }
    }
}

fn closed_path(graph: &mut Graph, closing: PathStep, filter: &SearchFilter<'_>) -> Option<Vec<PathStep>> {
    let mut path = graph.strong_cycle(closing.from, closing.to, closing.kind, filter)?;
    path.push(closing);
    Some(path)
}

/// The locks by which two dependencies of the path exclude each other, as far as they still count.
pub(crate) fn gates_of(view: &View<'_>, graph: &Graph, path: &[PathStep]) -> Vec<LockId> {
    let gates = path.iter().map(|step| {
        let dependency = graph.edge(step.from, step.to);
        let sighting = dependency.and_then(|dependency| dependency.sighting(step.kind));
        sighting.map_or(&[] as &[Gate], |sighting| sighting.gates.all())
    });
    excluding(view, &gates.collect::<Vec<_>>())
}

/// The locks that two of the dependencies were only seen under, at least one of the two exclusively.
fn excluding(view: &View<'_>, steps: &[&[Gate]]) -> Vec<LockId> {
    let mut found = Vec::new();
    for (index, gates) in steps.iter().enumerate() {
        for gate in gates.iter().filter(|gate| view.is_gate(gate.lock)) {
            let others = steps[index + 1..].iter().flat_map(|gates| gates.iter());
            let mut same = others.filter(|other| other.lock == gate.lock);
            if !found.contains(&gate.lock) && same.any(|other| gate.exclusive || other.exclusive) {
                found.push(gate.lock);
            }
        }
    }
    found
}

/// The level of a cycle of classes and the reasons, from all that is known now.
pub(crate) fn judge(view: &View<'_>, knowledge: &mut Knowledge, path: &[PathStep]) -> Judged {
    let seen = cycle::sightings(&knowledge.graph, path);
    let declared = path.iter().all(|step| view.is_exact(step.from));
    let same_instances = closes_by_instance(&seen) || instances_close(view, knowledge, &seen);
    let gate = gates_of(view, &knowledge.graph, path).first().map(|gate| gate.class());
    let timed = path.iter().any(|step| step.kind.timed);
    let writer_seen = waits_for_seen_writers(view, path);
    let mut level = if declared || same_instances { Level::Error } else { Level::Warning };
    if !writer_seen {
        level = level.min(Level::Warning);
    }
    if timed || gate.is_some() {
        level = Level::Note;
    }
    let evidence = Evidence { same_instances, gate, writer_seen, timed, declared, ..Evidence::default() };
    Judged { level, evidence }
}

/// Whether every joint where a fair read meets a reader is in a class of which a blocking writer was seen.
pub(crate) fn waits_for_seen_writers(view: &View<'_>, path: &[PathStep]) -> bool {
    use crate::graph::{Held, Wanted};
    let after = path.iter().cycle().skip(1);
    path.iter().zip(after).all(|(step, next)| {
        let needs_writer = step.kind.wanted == Wanted::FairRead && next.kind.held == Held::Shared;
        !needs_writer || view.writer_seen(step.to)
    })
}

/// Whether the first sightings alone join up lock by lock.
fn closes_by_instance(seen: &[Seen]) -> bool {
    let after = seen.iter().cycle().skip(1);
    !seen.is_empty()
        && seen.iter().zip(after).all(|(step, next)| step.witness.to.lock == next.witness.from.lock)
}

/// Puts the sightings into the instance graph, and asks it whether the closing one closes a cycle there.
fn instances_close(view: &View<'_>, knowledge: &mut Knowledge, seen: &[Seen]) -> bool {
    let Some(closing) = seen.last() else { return false };
    for step in seen {
        knowledge.instances.add(step.witness.from.lock, step.witness.to.lock, step.kind);
    }
    let (from, to) = (closing.witness.from.lock, closing.witness.to.lock);
    let path = instance_cycle(view, knowledge, PathStep { from, to, kind: closing.kind });
    // Locks may close a cycle of other classes through this very order: that one is found, and told, on its own.
    let is_on_cycle = |lock: LockId| seen.iter().any(|seen| seen.witness.from.lock.class() == lock.class());
    path.is_some_and(|path| path.iter().all(|step| is_on_cycle(step.from)))
}

/// A strong cycle of single locks through the given order that hangs for ever, if there is one.
pub(crate) fn instance_cycle(
    view: &View<'_>,
    knowledge: &mut Knowledge,
    closing: PathStep<LockId>,
) -> Option<Vec<PathStep<LockId>>> {
    let seen_fn = |class| view.writer_seen(class);
    let filter = SearchFilter { timed: false, queued_writer: QueuedWriter::Seen(&seen_fn), escaping: &[] };
    closed_instances(knowledge, closing, &filter)
}

/// The surest cycle of single locks through the given order, and its level.
pub(crate) fn strongest_instance_cycle(
    view: &View<'_>,
    knowledge: &mut Knowledge,
    closing: PathStep<LockId>,
) -> Option<(Vec<PathStep<LockId>>, Judged)> {
    let path = instance_cycle(view, knowledge, closing)
        .or_else(|| closed_instances(knowledge, closing, &SearchFilter { timed: false, ..SearchFilter::ALL }))
        .or_else(|| closed_instances(knowledge, closing, &SearchFilter::ALL))?;
    let judged = judge_instances(view, knowledge, &path);
    Some((path, judged))
}

fn closed_instances(
    knowledge: &mut Knowledge,
    closing: PathStep<LockId>,
    filter: &SearchFilter<'_>,
) -> Option<Vec<PathStep<LockId>>> {
    let mut path = knowledge.instances.strong_cycle(closing.from, closing.to, closing.kind, filter)?;
    path.push(closing);
    Some(path)
}

/// The level of a cycle of single locks: they close it, so only a gate, a timeout or a missing writer lowers it.
pub(crate) fn judge_instances(view: &View<'_>, knowledge: &Knowledge, path: &[PathStep<LockId>]) -> Judged {
    let timed = path.iter().any(|step| step.kind.timed);
    let writer_seen = waits_for_seen_writers(view, &classes_of(path));
    let gate = instance_gates(view, knowledge, path).first().map(|gate| gate.class());
    let level = match () {
        () if timed || gate.is_some() => Level::Note,
        () if !writer_seen => Level::Warning,
        () => Level::Error,
    };
    let evidence = Evidence { same_instances: true, gate, writer_seen, timed, ..Evidence::default() };
    Judged { level, evidence }
}

fn instance_gates(view: &View<'_>, knowledge: &Knowledge, path: &[PathStep<LockId>]) -> Vec<LockId> {
    let gates = path.iter().map(|step| knowledge.pair_gates(step.from, step.to));
    excluding(view, &gates.collect::<Vec<_>>())
}

/// The path of classes behind a path of locks.
pub(crate) fn classes_of(path: &[PathStep<LockId>]) -> Vec<PathStep> {
    path.iter()
        .map(|step| PathStep { from: step.from.class(), to: step.to.class(), kind: step.kind })
        .collect()
}
