//! Locks that no other thread can reach.
//!
//! A method that takes `self` or `&mut self` owns its object for as long as it runs: no other
//! thread can hold, or wait for, a lock inside the object. A function that makes an object owns its
//! locks until it shares them. An order of locks that was seen there cannot hang, although the same
//! locks in the same order elsewhere can. The events do not say so: only the source distinguishes
//! such a function from others. It lowers an error to a warning, with the reason.
//!
//! Where the source does not show it, nothing changes.

use lockdep_report::advice::Advice;
use lockdep_report::model::{Report, ReportDependency};
use lockdep_report::note::Note;
use lockdep_report::place::{Frame, Frames, Place};
use lockdep_validator::{Code, Level};

use crate::source::Sources;

use files::Files;

mod bindings;
mod caller;
#[cfg(test)]
mod caller_tests;
mod elsewhere;
mod files;
mod fresh;
mod given;
mod handed_out;
#[cfg(test)]
mod handed_out_tests;
mod made;
mod owned;
mod parse;
mod site;
#[cfg(test)]
mod tests;

/// Why no other thread can reach the lock of an acquisition.
#[derive(PartialEq, Eq, Debug)]
enum Reach {
    /// Its method has it to itself: `Type::method`, `self` or `&mut self`, `self.field`.
    Owned { method: String, receiver: &'static str, lock: String },
    /// Its function has made it: `Type::function`, `variable.field`.
    Fresh { function: String, lock: String },
}

/// Lowers the level of a report that cannot hang as it was seen, and says why.
pub(crate) fn lower(report: &mut Report, sources: &Sources) {
    let is_about_order = matches!(
        report.code.known(),
        Some(Code::SameClassOrder | Code::CircularDependency | Code::RecursiveFairRead)
    );
    let evidence = &report.evidence;
    if evidence.owned || evidence.fresh || !is_about_order {
        return;
    }
    let shared = show_shared(report, sources);
    let mut known = places(report, &shared).filter_map(|(place, hash, frames)| {
        let kind = report.classes.iter().find(|class| class.hash == hash).map(|class| &class.kind)?;
        let known = reach(place, kind, sources).or_else(|| made_outside(place, kind, frames, sources));
        known.map(|reach| (reach, place.clone()))
    });
    let Some((first, place)) = known.next() else { return };
    // What an owner has is sure, and says more.
    let is_fresh = |reach: &Reach| matches!(reach, Reach::Fresh { .. });
    let better = is_fresh(&first).then(|| known.find(|(reach, _)| !is_fresh(reach))).flatten();
    drop(known);
    let (reach, place) = better.unwrap_or((first, place));
    let level = level_of(report, &reach, &place);
    let is_lowered = report.level > level;
    report.level = report.level.min(level);
    let place = Place { function: None, caller: None, in_wrapper: false, through: None, ..place };
    match reach {
        Reach::Owned { method, receiver, lock } => {
            report.evidence.owned = true;
            let receiver = receiver.to_owned();
            report.help.insert(
                0,
                Advice::GetMut {
                    lock: lock.clone(),
                    place: place.clone(),
                    method: method.clone(),
                    receiver: receiver.clone(),
                },
            );
            report.notes.insert(0, Note::Owned { method, receiver, lock, place, is_lowered });
        }
        Reach::Fresh { function, lock } => {
            report.evidence.fresh = true;
            let is_lowered = is_lowered && level == Level::Warning;
            report.notes.insert(0, Note::Fresh { function, lock, place, is_lowered });
        }
    }
}

/// Shows another sighting of each order that was first seen where no other thread can reach a lock:
/// one of locks that two threads have, unless its method has one of them to itself by then. Returns
/// the steps that show one.
fn show_shared(report: &mut Report, sources: &Sources) -> Vec<usize> {
    let classes = report.classes.clone();
    let kind_of = |hash: &str| classes.iter().find(|class| class.hash == hash).map(|class| &*class.kind);
    report.show_shared(&|step| {
        let Some(shared) = &step.shared else { return false };
        let is_owned = |(place, hash, _): (&Place, &str, &[Frame])| {
            let reach = kind_of(hash).and_then(|kind| reach(place, kind, sources));
            matches!(reach, Some(Reach::Owned { .. }))
        };
        let is_alone = |(place, hash, frames): (&Place, &str, &[Frame])| {
            kind_of(hash).is_some_and(|kind| {
                reach(place, kind, sources).is_some() || made_outside(place, kind, frames, sources).is_some()
            })
        };
        ends(step).into_iter().any(is_alone) && !ends(shared).into_iter().any(is_owned)
    })
}

/// The highest level that the reason leaves. Nothing is left to look at if the run and the source
/// agree. The run shows a lock that lay on the stack of the thread that took it; the source shows a
/// function that makes such a lock to return it.
fn level_of(report: &Report, reach: &Reach, place: &Place) -> Level {
    let is_taken_last = report.cycle.iter().any(|step| step.acquire_site == *place);
    let is_fresh = matches!(reach, Reach::Fresh { .. });
    if is_fresh && is_taken_last && report.evidence.unpublished { Level::Note } else { Level::Warning }
}

/// What the source says of the acquisition at `place`, which is one of a lock of type `kind`. Types
/// that the file takes from others of its crate are looked up there.
fn reach(place: &Place, kind: &str, sources: &Sources) -> Option<Reach> {
    let lines = sources.lines(&place.file)?;
    elsewhere::ask((&place.file, &lines), &[], sources, |files| reach_in(place, kind, files))
}

fn reach_in(place: &Place, kind: &str, files: &Files<'_>) -> Option<Reach> {
    let site = site::find(files, place)?;
    let (function, lock) = (site.function(), site.lock());
    if let Some(receiver) = owned::owner(&site, kind, files) {
        return Some(Reach::Owned { method: function, receiver, lock });
    }
    let is_fresh = fresh::is_fresh(&site, kind, files) && !given::is_put_elsewhere(&site);
    is_fresh.then_some(Reach::Fresh { function, lock })
}

/// What the source says of the functions that led to the acquisition, where the stack is its own.
fn made_outside(place: &Place, kind: &str, frames: &[Frame], sources: &Sources) -> Option<Reach> {
    let is_here = |frame: &&Frame| (&*frame.file, frame.line) == (&*place.file, place.line);
    let outer = frames.split_first().filter(|(first, _)| is_here(first))?.1;
    let places = std::iter::once(place.clone()).chain(outer.iter().map(caller::place_of));
    let places = places.map_while(|place| Some((sources.lines(&place.file)?, place)));
    let texts: Vec<_> = places.take(1 + caller::MAX_CALLS).collect();
    let calls: Vec<caller::Call<'_>> =
        texts.iter().map(|(lines, place)| (lines.as_slice(), place.clone())).collect();
    caller::maker(kind, &calls, sources).map(|(function, lock)| Reach::Fresh { function, lock })
}

/// The acquisitions of the report that have to wait, or be waited for, if it is to hang; each with
/// the hash of its class, and the stack if it is the one of the acquisition. The orders at `shared`
/// were seen on locks that others have, whatever the source seems to say.
fn places<'r>(
    report: &'r Report,
    shared: &[usize],
) -> impl Iterator<Item = (&'r Place, &'r str, &'r [Frame])> {
    let of_cycle = report.cycle.iter().enumerate().filter(|(index, _)| !shared.contains(index));
    let of_cycle = of_cycle.flat_map(|(_, step)| ends(step));
    let alone = report.conflict.iter().chain(&report.subject);
    let alone = alone
        .filter(|_| report.cycle.is_empty())
        .map(|lock| (&lock.site, &*lock.hash, if lock.exact { lock.frames.as_slice() } else { &[] }));
    of_cycle.chain(alone)
}

/// The two acquisitions of an order, as [`places`] gives them.
fn ends(step: &ReportDependency) -> [(&Place, &str, &[Frame]); 2] {
    [
        (&step.held_site, &*step.from_hash, exact(&step.frames_held)),
        (&step.acquire_site, &*step.to_hash, exact(&step.frames_acquire)),
    ]
}

/// The stack, if it is the one of the acquisition.
fn exact(frames: &Frames) -> &[Frame] {
    if frames.exact { &frames.frames } else { &[] }
}
