//! From a path that a search found to a violation that a report can show.

use super::knowledge::Knowledge;
use super::lowered::Assessment;
use super::view::View;
use super::violation::{Code, CycleStep, Detail, Evidence, Ordered, Violation};
use crate::base::id::LockId;
use crate::graph::{Gates, Graph, Kind, PathStep, Witness};
use crate::state::segment::{Segment, Segments};

/// One dependency of a found cycle, with its sighting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepSighting {
    pub(crate) kind: Kind,
    pub(crate) witness: Witness,
    /// The sighting of the same locks by a task of several that have them, if it is remembered.
    pub(crate) shared: Option<Witness>,
    pub(crate) count: u64,
    /// Whether the locks of the sighting are others than those of the cycle.
    pub(crate) is_of_others: bool,
}

/// The first sightings of the steps of a path, as far as the graph knows them.
pub(crate) fn sightings(graph: &Graph, path: &[PathStep]) -> Vec<StepSighting> {
    path.iter()
        .filter_map(|step| {
            let dependency = graph.edge(step.from, step.to)?;
            let sighting = dependency.sighting(step.kind).unwrap_or_else(|| dependency.first());
            Some(StepSighting {
                kind: step.kind,
                witness: sighting.witness,
                shared: sighting.shared_of(sighting.witness.from.lock, sighting.witness.to.lock).copied(),
                count: dependency.count(),
                is_of_others: false,
            })
        })
        .collect()
}

/// What protected the first sighting of each step of a path, as far as the graph knows them.
pub(crate) fn witness_gates(graph: &Graph, path: &[PathStep]) -> Vec<Gates> {
    path.iter()
        .filter_map(|step| {
            let dependency = graph.edge(step.from, step.to)?;
            let sighting = dependency.sighting(step.kind).unwrap_or_else(|| dependency.first());
            Some(sighting.witness_gates.clone())
        })
        .collect()
}

/// The steps of a report; the closing one, if there is one, is last.
pub(crate) fn steps(seen: &[StepSighting], closing: bool) -> Vec<CycleStep> {
    let last = seen.len().saturating_sub(1);
    seen.iter()
        .enumerate()
        .map(|(index, seen)| CycleStep {
            from: seen.witness.from,
            to: seen.witness.to,
            kind: seen.kind.named(),
            task: seen.witness.task,
            segment: seen.witness.segment,
            count: seen.count,
            closing: closing && index == last,
            shared: seen.shared.map(Box::new),
        })
        .collect()
}

/// The violation for a closed cycle whose last step closed it.
pub(crate) fn violation(
    view: &View<'_>,
    segments: &Segments,
    code: Code,
    seen: &[StepSighting],
    assessment: &Assessment,
) -> Violation {
    let mut violation = view.violation(code, Detail::None);
    violation.level = assessment.level;
    violation.cycle = steps(seen, true);
    if let Some(closing) = seen.last() {
        violation.subject = Some(closing.witness.to);
        violation.conflict = Some(closing.witness.from);
        violation.task = closing.witness.task;
    }
    violation.evidence = Evidence {
        sibling: is_sibling(seen),
        n_tasks: n_tasks(seen),
        ordered: ordered(segments, seen),
        other_objects: seen.iter().any(|seen| seen.is_of_others),
        ..assessment.evidence.clone()
    };
    violation
}

fn n_tasks(seen: &[StepSighting]) -> usize {
    let mut tasks: Vec<u32> = seen.iter().map(|seen| seen.witness.task.0).collect();
    tasks.sort_unstable();
    tasks.dedup();
    tasks.len()
}

/// How the closing side was ordered against the others in the observed run, if all of them were.
fn ordered(segments: &Segments, seen: &[StepSighting]) -> Option<Ordered> {
    let (closing, others) = seen.split_last()?;
    let at = |seen: &StepSighting| Segment { task: seen.witness.task, number: seen.witness.segment };
    let mut strongest = None;
    for other in others {
        let order = segments.order(at(other), at(closing))?;
        strongest = match (strongest, order) {
            (None | Some(Ordered::Program), order) => Some(order),
            (known, _) => known,
        };
    }
    strongest
}

/// Whether both orders of a cycle of two were seen between locks at the same distance in memory, as
/// fields of one struct are. Of the same two locks that says nothing: any two keep their distance.
fn is_sibling(seen: &[StepSighting]) -> bool {
    /// Fields of one struct are rarely farther apart.
    const MAX_DISTANCE: usize = 1 << 16;
    let [one, other] = seen else { return false };
    let [from, to] = [one.witness.from.address, one.witness.to.address];
    let [back_from, back_to] = [other.witness.from.address, other.witness.to.address];
    let is_known = [from, to, back_from, back_to].iter().all(|address| *address != 0);
    let is_same_pair = (from, to) == (back_to, back_from);
    is_known
        && !is_same_pair
        && to.wrapping_sub(from) == back_from.wrapping_sub(back_to)
        && to.abs_diff(from) <= MAX_DISTANCE
}

/// The sighting of an order between two single locks by a task of several that have them.
pub(crate) fn shared_sighting(knowledge: &Knowledge, step: &PathStep<LockId>) -> Option<Witness> {
    let known = knowledge.graph.edge(step.from.class(), step.to.class())?;
    known.sighting(step.kind)?.shared_of(step.from, step.to).copied()
}

/// The sighting of an order between two single locks: what is remembered of it, else what is known
/// of their classes.
pub(crate) fn instance_sighting(knowledge: &Knowledge, step: &PathStep<LockId>) -> Option<StepSighting> {
    let shared = shared_sighting(knowledge, step);
    if let Some(pair) = knowledge.pair(step.from, step.to) {
        let (witness, shared) = (pair.witness, shared.or(pair.shared));
        return Some(StepSighting { kind: step.kind, witness, shared, count: 1, is_of_others: false });
    }
    let (mut witness, count) = if step.from.class() == step.to.class() {
        (*knowledge.nesting(step.from.class())?, 1)
    } else {
        let dependency = knowledge.graph.edge(step.from.class(), step.to.class())?;
        (dependency.sighting(step.kind).unwrap_or_else(|| dependency.first()).witness, dependency.count())
    };
    let mut is_of_others = false;
    for (end, lock) in [(&mut witness.from, step.from), (&mut witness.to, step.to)] {
        is_of_others |= end.lock != lock;
        end.stack_exact &= end.lock == lock;
        end.lock = lock;
    }
    Some(StepSighting { kind: step.kind, witness, shared, count, is_of_others })
}
