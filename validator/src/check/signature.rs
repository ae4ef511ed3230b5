//! What makes two violations the same: in this process by classes, across runs by what the classes
//! are called.

use super::violation::{Acquisition, Awaited, Code, Detail, Violation, WaitingTask};
use crate::base::id::ClassId;
use crate::base::mix::mix;
use crate::state::registry::Registry;

/// The identity of a violation in this process: rule, classes, kinds. Each is reported once at each
/// level.
///
/// Each deadlock that has happened is one of its own: other lock objects are other threads that
/// hang.
pub(crate) fn signature(violation: &Violation) -> u64 {
    let classes = fold(violation, |class| u64::from(class.raw()));
    match &violation.detail {
        Detail::Deadlock(tasks) => mix(classes, rotated(&waits(tasks, |wanted| wanted.lock.raw()))),
        _ => classes,
    }
}

/// The identity of a violation across runs and machines: rule, rotated cycle of (file, type, name,
/// kind); no line numbers, so that an unrelated edit of the file does not make it another one.
pub(crate) fn fingerprint(registry: &Registry, violation: &Violation) -> u64 {
    fold(violation, |class| registry.record(class).map_or(0, |record| record.identity))
}

fn fold(violation: &Violation, class_fn: impl Fn(ClassId) -> u64) -> u64 {
    let mut hash = mix(0, violation.code as u64);
    if violation.code == Code::SameClassOrder {
        // One class and one rule: how many locks the cycle runs through does not make it another
        // defect.
        hash = violation.subject.map_or(hash, |subject| mix(hash, class_fn(subject.class)));
    } else if violation.cycle.is_empty() {
        for end in [violation.subject, violation.conflict].into_iter().flatten() {
            hash = mix(hash, class_fn(end.class));
            hash = mix(hash, end.mode as u64);
        }
    } else {
        let steps: Vec<u64> = violation
            .cycle
            .iter()
            .map(|step| mix(class_fn(step.from.class), u64::from_le_bytes(kind_bytes(step.kind.as_str()))))
            .collect();
        hash = mix(hash, rotated(period(&steps)));
    }
    if let Detail::Context { context, used_in, enabled } = &violation.detail {
        for part in [text(context), class_fn(used_in.0), class_fn(enabled.0)] {
            hash = mix(hash, part);
        }
    }
    match &violation.detail {
        Detail::Assertion(demand) => hash = mix(hash, text(&demand.identity())),
        Detail::Misuse(misuse) => hash = mix(hash, text(misuse.identity())),
        Detail::Deadlock(tasks) => {
            // Who closed the ring is chance.
            let waits = waits(tasks, |wanted| class_fn(wanted.class));
            hash = mix(mix(0, violation.code as u64), rotated(&waits));
        }
        _ => {}
    }
    hash
}

/// What each task of a ring waits for.
fn waits(tasks: &[WaitingTask], lock_fn: impl Fn(Acquisition) -> u64) -> Vec<u64> {
    let wait = |task: &WaitingTask| match &task.awaited {
        Awaited::Lock(wanted) => mix(1 + wanted.acquisition.mode as u64, lock_fn(wanted.acquisition)),
        Awaited::Upgrade(wanted) => mix(4, lock_fn(wanted.acquisition)),
        Awaited::Notification { mutex, .. } => mix(5, lock_fn(mutex.acquisition)),
        Awaited::End(_) => 6,
        Awaited::ScopeEnd(_) => 7,
        Awaited::Event(event) => 8 + event.kind as u64,
    };
    tasks.iter().map(wait).collect()
}

fn kind_bytes(kind: &str) -> [u8; 8] {
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(kind.bytes()) {
        *to = from;
    }
    bytes
}

fn text(text: &str) -> u64 {
    text.bytes().fold(text.len() as u64, |hash, byte| mix(hash, u64::from(byte)))
}

/// A cycle of locks may run around its cycle of classes several times; that is the same cycle.
fn period(steps: &[u64]) -> &[u64] {
    let divisors = (1..=steps.len()).filter(|length| steps.len().is_multiple_of(*length));
    let repeats = |length: &usize| steps.iter().zip(&steps[*length..]).all(|(one, other)| one == other);
    let length = divisors.into_iter().find(repeats).unwrap_or(steps.len());
    &steps[..length]
}

/// The smallest hash over all rotations: where a cycle starts does not matter.
fn rotated(steps: &[u64]) -> u64 {
    // Rotating to the smallest step first keeps this linear for all but cycles of equal steps.
    let smallest = steps.iter().min().copied().unwrap_or_default();
    let starts = steps.iter().enumerate().filter(|(_, step)| **step == smallest).map(|(start, _)| start);
    let hash_from = |start: usize| {
        steps.iter().cycle().skip(start).take(steps.len()).fold(0, |hash, step| mix(hash, *step))
    };
    starts.take(16).map(hash_from).min().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_is_the_same_wherever_it_starts() {
        assert_eq!(rotated(&[1, 2, 3]), rotated(&[3, 1, 2]));
        assert_eq!(rotated(&[1, 1, 2]), rotated(&[1, 2, 1]));
        assert_ne!(rotated(&[1, 2, 3]), rotated(&[1, 3, 2]));
        assert_eq!(period(&[1, 2, 1, 2]), [1, 2]);
        assert_eq!(period(&[1, 1, 2]), [1, 1, 2]);
    }
}
