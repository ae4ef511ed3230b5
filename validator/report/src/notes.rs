//! Which notes explain a report: why it has its level, and what its rule means; most important
//! first.

use lockdep_validator::{Code, Level};

use super::detail::DetailWords;
use super::model::{Awaited, Report};
use super::modes::needs_writer;
use super::note::{GateEffect, MovableEffect, Note};
use super::place::Frame;

/// The notes of a report.
pub(super) fn notes(code: Code, report: &Report, detail: &DetailWords) -> Vec<Note> {
    let mut notes = Vec::new();
    match code {
        Code::SameClassOrder if matches!(detail, DetailWords::ClassOrder { .. }) => {
            notes.push(Note::OwnOrder);
            if report.evidence.timed {
                notes.push(Note::WaitEnds);
            }
        }
        Code::CircularDependency | Code::SameClassOrder => cycle_notes(report, &mut notes),
        Code::RecursiveFairRead => notes.push(fair_read_note(report)),
        Code::HeldLockFreed if report.level == Level::Warning => notes.push(Note::DroppedByOwner),
        Code::ContextInversion if !report.cycle.is_empty() => notes.push(Note::InterruptsHolder),
        Code::DeclaredOrder => notes.push(Note::DeclaredOrder),
        Code::Deadlock if report.evidence.timed => notes.push(Note::RingOpens),
        Code::Deadlock => notes.push(Note::RingStays),
        Code::WaitHoldingLock if report.evidence.movable => {}
        Code::WaitHoldingLock => notes.extend(wait_notes(report)),
        _ => {}
    }
    if report.evidence.two_futures {
        notes.push(Note::TwoFutures);
    }
    if report.evidence.beside {
        notes.push(Note::Beside);
    }
    if report.evidence.movable {
        let effect = match code {
            Code::Recursion => MovableEffect::OwnThread,
            Code::RecursiveFairRead => MovableEffect::OneReader,
            Code::WaitHoldingLock => MovableEffect::OneWait,
            _ => MovableEffect::OneOrder,
        };
        notes.push(Note::Movable { effect });
    }
    notes.extend(path_not_recorded(report));
    notes
}

/// Says so where the holder's stack ends at its own function, once for a class.
fn path_not_recorded(report: &Report) -> Vec<Note> {
    let is_unknown =
        |exact: bool, held: &[Frame], wanted: &[Frame]| !exact && held.len() <= 1 && wanted.len() > 1;
    let of_locks = report.conflict.iter().zip(&report.subject).filter(|_| report.cycle.is_empty());
    let of_locks = of_locks
        .filter(|(held, wanted)| is_unknown(held.exact, &held.frames, &wanted.frames))
        .map(|(held, _)| &held.class);
    // Who awaits a thread has no lock of it.
    let steps = report.cycle.iter().filter(|_| report.code != Code::WaitHoldingLock).filter(|step| {
        let (held, wanted) = (&step.frames_held, &step.frames_acquire);
        wanted.exact && is_unknown(held.exact, &held.frames, &wanted.frames)
    });
    let mut classes: Vec<&String> = of_locks.chain(steps.map(|step| &step.from)).collect();
    classes.dedup();
    classes.into_iter().map(|class| Note::PathNotRecorded { class: class.clone() }).collect()
}

/// A wait is reported after the run has shown that it can end.
fn wait_notes(report: &Report) -> Vec<Note> {
    let class = report.conflict.as_ref().map_or_else(String::new, |held| held.class.clone());
    let is_room = report.awaited_kind() == Some(Awaited::Room);
    match report.level {
        _ if report.evidence.timed => vec![Note::WaitEnds],
        Level::Error => vec![Note::NothingOrders { class }],
        _ if is_room => vec![Note::FillUnknown, Note::OrderUnseen { class }],
        _ => vec![Note::OrderUnseen { class }],
    }
}

fn fair_read_note(report: &Report) -> Note {
    let evidence = &report.evidence;
    match &evidence.gate {
        _ if !evidence.writer_seen => Note::NoWriterYet,
        None => Note::WriterSeen { writer: evidence.writer.clone() },
        Some(gate) => {
            let is_safe = report.level == Level::Note;
            let effect = if is_safe { GateEffect::Safe } else { GateEffect::SafeForThese };
            Note::GatedReads { gate: gate.clone(), effect }
        }
    }
}

fn cycle_notes(report: &Report, notes: &mut Vec<Note>) {
    let evidence = &report.evidence;
    if !report.cycle.is_empty() {
        notes.push(match (evidence.same_instances, evidence.declared) {
            (true, _) => Note::SameObjects,
            (false, true) => Note::Interchangeable,
            (false, false) => Note::OtherObjects,
        });
    }
    if evidence.other_objects {
        notes.push(Note::PlacesOfOthers);
    }
    if evidence.unpublished {
        notes.push(Note::JustMade);
    }
    if evidence.sibling {
        notes.push(Note::Sibling);
    }
    let waits_for_readers = needs_writer(&report.cycle);
    if let Some(gate) = &evidence.gate {
        let effect = match (report.level == Level::Note, evidence.timed) {
            (true, false) => GateEffect::Safe,
            // The timeout is reason enough for a note; whether the gate is one too is not told.
            (true, true) => GateEffect::Unsaid,
            (false, _) => GateEffect::SafeForThese,
        };
        let with_writers = !waits_for_readers.is_empty();
        notes.push(Note::Gate { gate: gate.clone(), with_writers, effect });
    }
    let is_writer_missing = !waits_for_readers.is_empty() && !evidence.writer_seen;
    let is_excused = evidence.movable || evidence.unpublished || evidence.two_futures || evidence.beside;
    let has_reason = evidence.gate.is_some() || evidence.timed || is_excused || is_writer_missing;
    if report.level == Level::Warning && evidence.same_instances && !has_reason {
        notes.push(Note::ApartWhenSeen);
    }
    if evidence.timed {
        notes.push(Note::NeedsTimeout);
    }
    if is_writer_missing {
        let classes = waits_for_readers.into_iter().map(str::to_owned).collect();
        notes.push(Note::OnlyReaders { classes });
    }
    notes.extend(evidence.ordered.map(|by| Note::Ordered { by }));
}
