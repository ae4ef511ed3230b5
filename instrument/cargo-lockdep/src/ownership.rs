//! Locks that nobody else can reach.
//!
//! A method that takes `self` or `&mut self` has its object to itself for as long as it runs: no other thread can hold, or wait
//! for, a lock that lies in the object. An order of locks that was seen there cannot hang, although the same locks in the same
//! order elsewhere can. The types say so, the events do not: only the source tells such a method from others. What it proves
//! lowers an error to a warning, and says how to be rid of the order: `get_mut` needs no lock.
//!
//! Where the source does not prove it, nothing changes.

use lockdep_validator::report::model::{Place, Report};

use crate::source::Sources;
use site::Owned;

mod site;
#[cfg(test)]
mod tests;

/// Lowers the level of a report that cannot hang as it was seen, and says why.
pub(crate) fn lower(report: &mut Report, sources: &Sources) {
    if report.evidence.owned || !["LD0002", "LD0003", "LD0014"].contains(&report.code.as_str()) {
        return;
    }
    let owned = places(report).find_map(|(place, hash)| {
        let kind = report.classes.iter().find(|class| class.hash == hash).map(|class| &class.kind)?;
        site::owned(place, kind, sources).map(|owned| (owned, place.clone()))
    });
    let Some((Owned { method, receiver, field }, place)) = owned else { return };
    report.evidence.owned = true;
    let consequence = if report.level == "error" {
        report.level = "warning".to_owned();
        "; a warning for that reason, because another place may take these locks in the same order"
    } else {
        ""
    };
    report.notes.insert(
        0,
        format!(
            "`{method}({receiver})` has `{field}` to itself at {place}: no other thread can hold that lock, or wait for it, while \
             it runs, so what was seen cannot hang{consequence}"
        ),
    );
    report.help.insert(
        0,
        format!(
            "`{field}.get_mut()` at {place} needs no lock, because `{method}` takes `{receiver}`: without one the order is gone"
        ),
    );
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
