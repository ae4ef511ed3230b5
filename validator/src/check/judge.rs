//! How sure a cycle is: the level, and the evidence for it.
//!
//! A cycle of classes is an *error* if its locks close it themselves, or if its classes are
//! interchangeable by declaration or have one lock each; else a *warning*. It is at most a warning
//! if it needs a writer that was never seen to queue between two readers, and a *note* if it needs
//! an acquisition with a timeout, or if two of its dependencies were only seen under one lock, a
//! gate, that keeps them apart. A writer that has to queue is one more that waits: a gate keeps it
//! apart as well. It is at most a warning, too, if one of its dependencies was seen only where no
//! other thread could have the inner lock. Each reason can only go away, so levels only rise.
//!
//! A gate whose class has several locks is only half a reason: a known chain is not looked at again
//! when it runs under another of them. Locks that were seen in both orders under it do not close
//! the cycle, so it is no error, and still a warning. The orders of single locks of one class are
//! looked at each time, so there any gate counts fully.
//!
//! An order under a lock whose guard can be with another task is a note, until a task that took the
//! outer lock has released it itself: only then is it known that it held it meanwhile.

use super::cycle::{self, StepSighting};
use super::knowledge::Knowledge;
use super::lowered::{Assessment, FairRead};
use super::unpublished::Standing;
use super::view::View;
use super::violation::{Evidence, Level};
use crate::base::id::{ClassId, LockId};
use crate::graph::{Gate, Gates, Graph, PathStep, QueuedWriter, SearchFilter};
use crate::state::held::Order;
use crate::state::registry::fact;

impl FairRead {
    /// Gives it the level, and the evidence, that the writers of the class make of it.
    pub(crate) fn judge(&mut self, view: &View<'_>, knowledge: &Knowledge) {
        let gates = excluding(&[self.gates.all(), writers_of(view, knowledge, self.class)]);
        let trusted = gates.iter().copied().find(|gate| view.is_gate(*gate));
        let evidence = &mut self.violation.evidence;
        evidence.writer_seen = view.writer_seen(self.class);
        evidence.writer = knowledge.writer(self.class);
        evidence.gate = trusted.or_else(|| gates.first().copied()).map(LockId::class);
        evidence.movable = view.is_movable(self.class) && !knowledge.is_sure(Order::Again(self.class));
        self.violation.level = match () {
            () if trusted.is_some() || evidence.movable => Level::Note,
            () if !evidence.writer_seen || evidence.gate.is_some() => Level::Warning,
            () => Level::Error,
        };
    }
}

/// A cycle that a new dependency closes, and how sure it is.
#[derive(Clone, Debug)]
pub(crate) struct FoundCycle {
    /// The closing dependency last.
    pub(crate) path: Vec<PathStep>,
    pub(crate) assessment: Assessment,
}

/// The surest cycle that `from -> to` of kind `kind` closes. A cycle that is lowered does not hide
/// a surer one beside it.
pub(crate) fn strongest_cycle(
    view: &View<'_>,
    knowledge: &mut Knowledge,
    closing: PathStep,
) -> Option<FoundCycle> {
    if !view.config.evidence {
        let path = closed_path(&mut knowledge.graph, closing, &SearchFilter::ALL)?;
        let assessment = Assessment {
            level: Level::Error,
            evidence: Evidence { writer_seen: true, declared: true, ..Evidence::default() },
        };
        return Some(FoundCycle { path, assessment });
    }
    let gated = knowledge.classes_with_gated_writers();
    let free_fn = |class| view.writer_seen(class) && !gated.contains(&class);
    let seen_fn = |class| view.writer_seen(class);
    let untimed = SearchFilter { timed: false, ..SearchFilter::ALL };
    let of_writers = [
        SearchFilter { queued_writer: QueuedWriter::Seen(&free_fn), ..untimed },
        SearchFilter { queued_writer: QueuedWriter::Seen(&seen_fn), ..untimed },
        untimed,
    ];
    // Without an unpublished object both halves are the same.
    let n_halves = if knowledge.unpublished.is_used() { 2 } else { 1 };
    let published = of_writers.map(|filter| SearchFilter { published: true, ..filter });
    let halves = [published, of_writers];
    let filters = halves.into_iter().take(n_halves).flatten().chain([SearchFilter::ALL]);
    let mut best: Option<FoundCycle> = None;
    for filter in filters {
        let Some(found) = ungated_cycle(view, knowledge, closing, &filter) else { continue };
        let is_better = best.as_ref().is_none_or(|best| found.assessment.level > best.assessment.level);
        if is_better {
            best = Some(found);
        }
        if best.as_ref().is_some_and(|best| best.assessment.level >= Level::Warning) {
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
    /// As many gates as a search can distinguish.
    const MAX_GATES: usize = 7;
    let mut escaping: Vec<LockId> = Vec::new();
    let mut gated = None;
    loop {
        let Some(path) =
            closed_path(&mut knowledge.graph, closing, &SearchFilter { escaping: &escaping, ..*filter })
        else {
            return gated;
        };
        let assessment = judge(view, knowledge, &path);
        let gates = gates_of(view, knowledge, &path);
        // Of two that are as sure, one that nothing keeps apart says more.
        let is_surer = |best: &FoundCycle| {
            assessment.level > best.assessment.level
                || assessment.level == best.assessment.level && gates.is_empty()
        };
        if gated.as_ref().is_none_or(is_surer) {
            gated = Some(FoundCycle { path, assessment });
        }
        if gates.is_empty() {
            return gated;
        }
        let n_before = escaping.len();
        // One that is shared with a writer no search escapes.
        let gates = gates.into_iter().filter(|gate| !escaping.contains(gate));
        let gates: Vec<LockId> = gates.take(MAX_GATES - n_before).collect();
        escaping.extend(gates);
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

/// The locks by which two dependencies of the path, or one and a writer that it needs, exclude each
/// other, whenever they were looked at.
fn gates_of(view: &View<'_>, knowledge: &Knowledge, path: &[PathStep]) -> Vec<LockId> {
    let gates = path.iter().map(|step| {
        let dependency = knowledge.graph.edge(step.from, step.to);
        let sighting = dependency.and_then(|dependency| dependency.sighting(step.kind));
        sighting.map_or(&[] as &[Gate], |sighting| sighting.gates.all())
    });
    excluding(&gates.chain(writers(view, knowledge, path)).collect::<Vec<_>>())
}

/// What the writers hold that have to queue if the path is to hang: each is one more that waits.
fn writers<'k>(
    view: &View<'_>,
    knowledge: &'k Knowledge,
    path: &[PathStep],
) -> impl Iterator<Item = &'k [Gate]> {
    queues(path).map(|class| writers_of(view, knowledge, class))
}

/// What every writer of the class holds. From now on it matters if one comes that does not.
fn writers_of<'k>(view: &View<'_>, knowledge: &'k Knowledge, class: ClassId) -> &'k [Gate] {
    let gates = knowledge.writer_gates(class);
    if !gates.is_empty()
        && let Some(record) = view.record(class)
    {
        record.note(fact::GATED_WRITERS);
        for gate in gates.iter().filter_map(|gate| view.record(gate.lock.class())) {
            gate.note(fact::GATE);
        }
    }
    gates
}

/// Whether two dependencies of the path exclude each other, for all that can be known.
pub(crate) fn is_gated(view: &View<'_>, knowledge: &Knowledge, path: &[PathStep]) -> bool {
    gates_of(view, knowledge, path).into_iter().any(|gate| view.is_gate(gate))
}

/// The locks that two of the dependencies were only seen under, at least one of the two
/// exclusively.
fn excluding(steps: &[&[Gate]]) -> Vec<LockId> {
    let mut found = Vec::new();
    for (index, gates) in steps.iter().enumerate() {
        for gate in gates.iter() {
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
pub(crate) fn judge(view: &View<'_>, knowledge: &mut Knowledge, path: &[PathStep]) -> Assessment {
    let by_instance = instances_close(view, knowledge, path);
    let same_instances = by_instance.is_some();
    let declared = path.iter().all(|step| view.is_exact(step.from));
    let is_by_name = path.iter().all(|step| view.is_declared(step.from));
    let gates = gates_of(view, knowledge, path);
    let trusted = gates.iter().copied().find(|gate| view.is_gate(*gate));
    let closes = is_by_name || by_instance == Some(Closed::Free) || declared && gates.is_empty();
    let timed = path.iter().any(|step| step.kind.timed);
    let writer_seen = waits_for_seen_writers(view, path);
    let sure_fn = |step: &PathStep| knowledge.is_sure(Order::Classes(step.from, step.to));
    let movable = path.iter().any(|step| view.is_movable(step.from) && !sure_fn(step));
    let unpublished = path.iter().any(|step| !knowledge.graph.is_published(step));
    let level = match () {
        () if timed || trusted.is_some() || movable => Level::Note,
        () if !closes || !writer_seen || unpublished => Level::Warning,
        () => Level::Error,
    };
    let gate = trusted.or_else(|| gates.first().copied().filter(|_| !closes)).map(LockId::class);
    let evidence = Evidence {
        same_instances,
        gate,
        writer_seen,
        timed,
        declared,
        movable,
        unpublished,
        ..Evidence::default()
    };
    Assessment { level, evidence }
}

/// Whether every joint where a fair read meets a reader is in a class of which a blocking writer
/// was seen.
fn waits_for_seen_writers(view: &View<'_>, path: &[PathStep]) -> bool {
    queues(path).all(|class| view.writer_seen(class))
}

/// The classes at which a fair read meets a reader, so that a writer has to queue there.
fn queues(path: &[PathStep]) -> impl Iterator<Item = ClassId> {
    use crate::graph::{HeldMode, WantedMode};
    let joints = path.iter().zip(path.iter().cycle().skip(1));
    let needs_writer = |step: &PathStep, next: &PathStep| {
        step.kind.wanted == WantedMode::FairRead && next.kind.held == HeldMode::Shared
    };
    joints.filter(move |(step, next)| needs_writer(step, next)).map(|(step, _)| step.to)
}

/// Whether the first sightings alone join up lock by lock.
fn closes_by_instance(seen: &[StepSighting]) -> bool {
    let after = seen.iter().cycle().skip(1);
    !seen.is_empty()
        && seen.iter().zip(after).all(|(step, next)| step.witness.to.lock == next.witness.from.lock)
}

/// How the locks themselves close a cycle of classes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Closed {
    /// Only under a gate that keeps two of their orders apart.
    Gated,
    /// Nothing keeps them apart.
    Free,
}

/// Puts the first sightings of the path into the instance graph, and asks whether they, or what is
/// known there, close the cycle.
fn instances_close(view: &View<'_>, knowledge: &mut Knowledge, path: &[PathStep]) -> Option<Closed> {
    let seen = cycle::sightings(&knowledge.graph, path);
    let gates = cycle::witness_gates(&knowledge.graph, path);
    for (step, gates) in seen.iter().zip(&gates) {
        let pair = (step.witness.from.lock, step.witness.to.lock);
        let path_step =
            PathStep { from: step.witness.from.class, to: step.witness.to.class, kind: step.kind };
        let is_published = knowledge.graph.is_published(&path_step);
        let standing = if is_published { Standing::Published } else { Standing::Unpublished };
        knowledge.instances.add_seen(pair.0, pair.1, step.kind, is_published);
        // What a lost gate raises is being judged.
        let _ = knowledge.note_pair(pair, gates.all(), standing, || step.witness);
    }
    let gates = gates.iter().map(Gates::all).chain(writers(view, knowledge, path));
    let gates: Vec<&[Gate]> = gates.collect();
    let joined = closes_by_instance(&seen).then(|| excluding(&gates).is_empty());
    if joined == Some(true) {
        return Some(Closed::Free);
    }
    let closing = seen.last()?;
    let (from, to) = (closing.witness.from.lock, closing.witness.to.lock);
    // Locks may close a cycle of other classes through this very order: that one is found, and
    // told, on its own.
    let is_on_cycle = |lock: LockId| seen.iter().any(|seen| seen.witness.from.lock.class() == lock.class());
    let path = instance_cycle(view, knowledge, PathStep { from, to, kind: closing.kind });
    let path = path.filter(|path| path.iter().all(|step| is_on_cycle(step.from)));
    match path {
        Some(path) if instance_gates(view, knowledge, &path).is_empty() => Some(Closed::Free),
        Some(_) => Some(Closed::Gated),
        None => joined.map(|_| Closed::Gated),
    }
}

/// The sightings of a cycle of classes: those of the locks that close it themselves where they are
/// remembered, else the first ones.
pub(crate) fn sightings(
    view: &View<'_>,
    knowledge: &mut Knowledge,
    path: &[PathStep],
    assessment: &Assessment,
) -> Vec<StepSighting> {
    let first = cycle::sightings(&knowledge.graph, path);
    let Some(closing) =
        first.last().filter(|_| assessment.evidence.same_instances && !closes_by_instance(&first))
    else {
        return first;
    };
    let (from, to) = (closing.witness.from.lock, closing.witness.to.lock);
    let locks = instance_cycle(view, knowledge, PathStep { from, to, kind: closing.kind });
    let is_of_path = |locks: &Vec<PathStep<LockId>>| {
        let is_same = |(step, seen): (&PathStep<LockId>, &StepSighting)| {
            step.from.class() == seen.witness.from.lock.class()
        };
        locks.len() == first.len() && locks.iter().zip(&first).all(is_same)
    };
    let Some(locks) = locks.filter(is_of_path) else {
        return first.into_iter().map(|seen| StepSighting { is_of_others: true, ..seen }).collect();
    };
    let own = |step: &PathStep<LockId>| knowledge.pair(step.from, step.to).map(|pair| pair.witness);
    let sighting = |(step, seen): (&PathStep<LockId>, &StepSighting)| match own(step) {
        Some(witness) => StepSighting { witness, shared: cycle::shared_sighting(knowledge, step), ..*seen },
        None => StepSighting { is_of_others: true, ..*seen },
    };
    locks.iter().zip(&first).map(sighting).collect()
}

/// A strong cycle of single locks through the given order that hangs forever, if there is one.
pub(crate) fn instance_cycle(
    view: &View<'_>,
    knowledge: &mut Knowledge,
    closing: PathStep<LockId>,
) -> Option<Vec<PathStep<LockId>>> {
    let seen_fn = |class| view.writer_seen(class);
    let queued_writer = QueuedWriter::Seen(&seen_fn);
    let filter = SearchFilter { timed: false, published: true, queued_writer, escaping: &[] };
    closed_instances(knowledge, closing, &filter)
}

/// The surest cycle of single locks through the given order, and its level.
pub(crate) fn strongest_instance_cycle(
    view: &View<'_>,
    knowledge: &mut Knowledge,
    closing: PathStep<LockId>,
) -> Option<(Vec<PathStep<LockId>>, Assessment)> {
    let untimed = SearchFilter { timed: false, ..SearchFilter::ALL };
    let path = instance_cycle(view, knowledge, closing)
        .or_else(|| closed_instances(knowledge, closing, &SearchFilter { published: true, ..untimed }))
        .or_else(|| closed_instances(knowledge, closing, &untimed))
        .or_else(|| closed_instances(knowledge, closing, &SearchFilter::ALL))?;
    let assessment = judge_instances(view, knowledge, &path);
    Some((path, assessment))
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

/// The level of a cycle of single locks: they close it, so only a gate, a timeout or a missing
/// writer lowers it.
pub(crate) fn judge_instances(
    view: &View<'_>,
    knowledge: &Knowledge,
    path: &[PathStep<LockId>],
) -> Assessment {
    let timed = path.iter().any(|step| step.kind.timed);
    let writer_seen = waits_for_seen_writers(view, &classes_of(path));
    // Each order of two locks of one class is looked at; a writer alone is not.
    let between_orders = excluding(&pair_gates(knowledge, path));
    let are_exact = is_of_one_class(path) && !between_orders.is_empty();
    let gates = if are_exact { between_orders } else { instance_gates(view, knowledge, path) };
    let trusted = gates.iter().copied().find(|gate| are_exact || view.is_gate(*gate));
    let sure_fn = |step: &PathStep<LockId>| knowledge.is_sure(Order::Locks(step.from, step.to));
    let movable = path.iter().any(|step| view.is_movable(step.from.class()) && !sure_fn(step));
    let unpublished = path.iter().any(|step| !knowledge.instances.is_published(step));
    let level = match () {
        () if timed || trusted.is_some() || movable => Level::Note,
        () if !gates.is_empty() || !writer_seen || unpublished => Level::Warning,
        () => Level::Error,
    };
    let gate = trusted.or(gates.first().copied()).map(LockId::class);
    let evidence = Evidence {
        same_instances: true,
        gate,
        writer_seen,
        timed,
        movable,
        unpublished,
        ..Evidence::default()
    };
    Assessment { level, evidence }
}

/// Whether all locks of the path are of one class.
pub(crate) fn is_of_one_class(path: &[PathStep<LockId>]) -> bool {
    path.iter().all(|step| step.from.class() == path[0].from.class())
}

/// The locks by which two orders of the path, or one and a writer that it needs, exclude each
/// other, whenever they were looked at.
fn instance_gates(view: &View<'_>, knowledge: &Knowledge, path: &[PathStep<LockId>]) -> Vec<LockId> {
    let mut gates = pair_gates(knowledge, path);
    gates.extend(writers(view, knowledge, &classes_of(path)));
    excluding(&gates)
}

/// What was held around every order of the path.
fn pair_gates<'k>(knowledge: &'k Knowledge, path: &[PathStep<LockId>]) -> Vec<&'k [Gate]> {
    path.iter().map(|step| knowledge.pair_gates(step.from, step.to)).collect()
}

/// The path of classes behind a path of locks.
pub(crate) fn classes_of(path: &[PathStep<LockId>]) -> Vec<PathStep> {
    path.iter()
        .map(|step| PathStep { from: step.from.class(), to: step.to.class(), kind: step.kind })
        .collect()
}
