//! Locks that nobody else can reach.
//!
//! A method that takes `self` or `&mut self` has its object to itself for as long as it runs: no other thread can hold, or wait
//! for, a lock that lies in the object. A function that makes an object has its locks to itself until it gives them to somebody.
//! An order of locks that was seen there cannot hang, although the same locks in the same order elsewhere can. The events do not
//! say so: only the source tells such a function from others. What it says lowers an error to a warning, with the reason.
//!
//! Where the source does not say it, nothing changes.

use lockdep_validator::report::model::{Place, Report};

use crate::source::Sources;

mod fresh;
mod owned;
mod parse;
mod site;
#[cfg(test)]
mod tests;

/// The locks that lie where their field lies.
const LOCKS: [&str; 4] = ["Mutex", "RwLock", "ReentrantMutex", "FairMutex"];

/// Why nobody else can reach the lock of an acquisition.
#[derive(PartialEq, Eq, Debug)]
enum Reach {
    /// Its method has it to itself: `Type::method`, `self` or `&mut self`, `self.field`.
    Owned { method: String, receiver: &'static str, lock: String },
    /// Its function has made it: `Type::function`, `variable.field`.
    Fresh { function: String, lock: String },
}

/// Lowers the level of a report that cannot hang as it was seen, and says why.
pub(crate) fn lower(report: &mut Report, sources: &Sources) {
    if report.evidence.is_out_of_reach() || !["LD0002", "LD0003", "LD0014"].contains(&report.code.as_str()) {
        return;
    }
    let mut known = places(report).filter_map(|(place, hash)| {
        let kind = report.classes.iter().find(|class| class.hash == hash).map(|class| &class.kind)?;
        reach(place, kind, sources).map(|reach| (reach, place.clone()))
    });
    let Some((first, place)) = known.next() else { return };
    // What an owner has is sure, and says more.
    let is_fresh = |reach: &Reach| matches!(reach, Reach::Fresh { .. });
    let better = is_fresh(&first).then(|| known.find(|(reach, _)| !is_fresh(reach))).flatten();
    drop(known);
    let (reach, place) = better.unwrap_or((first, place));
    let is_error = report.level == "error";
    if is_error {
        report.level = "warning".to_owned();
    }
    let because = |of: &str| if is_error { of.to_owned() } else { String::new() };
    match reach {
        Reach::Owned { method, receiver, lock } => {
            report.evidence.owned = true;
            let consequence = because(
                "; a warning for that reason, because another place may take these locks in the same order",
            );
            report.notes.insert(
                0,
                format!(
                    "`{method}({receiver})` has `{lock}` to itself at {place}: no other thread can hold that lock, or wait for \
                     it, while it runs, so what was seen cannot hang{consequence}"
                ),
            );
            report.help.insert(
                0,
                format!(
                    "`{lock}.get_mut()` at {place} needs no lock, because `{method}` takes `{receiver}`: without one the order \
                     is gone"
                ),
            );
        }
        Reach::Fresh { function, lock } => {
            report.evidence.fresh = true;
            let consequence = because("; a warning for that reason");
            report.notes.insert(
                0,
                format!(
                    "`{function}` makes `{lock}` itself and has not returned it at {place}: unless what it calls before has given \
                     it to another thread, none can hold that lock, or wait for it, and what was seen cannot hang{consequence}"
                ),
            );
        }
    }
}

/// What the source says of the acquisition at `place`, which is one of a lock of type `kind`.
fn reach(place: &Place, kind: &str, sources: &Sources) -> Option<Reach> {
    let lines = sources.lines(&place.file)?;
    let lines = lines.as_slice();
    parse::with_file(lines, |file| {
        let site = site::find(file, place)?;
        let (function, lock) = (site.function(), site.lock());
        if let Some(receiver) = owned::owner(&site, kind, file, lines) {
            return Some(Reach::Owned { method: function, receiver, lock });
        }
        fresh::is_fresh(&site, lines).then_some(Reach::Fresh { function, lock })
    })
}

/// The acquisitions of the report that have to wait, or be waited for, if it is to hang; each with the hash of its class.
fn places(report: &Report) -> impl Iterator<Item = (&Place, &str)> {
    let of_cycle = report
        .cycle
        .iter()
        .flat_map(|step| [(&step.held_site, &*step.from_hash), (&step.acquire_site, &*step.to_hash)]);
    let alone = report.conflict.iter().chain(&report.subject);
    let alone = alone.filter(|_| report.cycle.is_empty()).map(|lock| (&lock.site, &*lock.hash));
    of_cycle.chain(alone)
}
