//! What was told already, so that what follows from it can be told in few words.

use rustc_hash::{FxHashMap, FxHashSet};

use super::model::{Report, ReportDependency};

/// How many dependencies are remembered; what closes with another one is told in full.
const MAX_DEPENDENCIES: usize = 4096;

/// The dependencies that reports were about so far.
///
/// Classes that are taken in every order close a new cycle with every second acquisition, and a single wrong order closes one
/// with everything between its ends. The first report says it all: the next ones, closed by a dependency that was in it, only
/// have to say which way round they go.
///
/// ```
/// # use lockdep_validator::report::told::Told;
/// # fn f(mut told: Told, first: &lockdep_validator::report::model::Report, second: &lockdep_validator::report::model::Report) {
/// assert_eq!(told.note(first), None);
/// if let Some(fingerprint) = told.note(second) {
///     // `second` is closed by a dependency that the report with this fingerprint was about.
///     # let _ = fingerprint;
/// }
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Told {
    /// Level and fingerprint of the surest report with the dependency.
    dependencies: FxHashMap<(String, String, String), (u8, String)>,
    fingerprints: FxHashSet<String>,
}

impl Told {
    /// Notes a report. Gives the fingerprint of an earlier one, at least as sure, that has its closing dependency; `None` if
    /// there is none, or if the report was made before and its level rose.
    pub fn note(&mut self, report: &Report) -> Option<String> {
        let rank = report.rank();
        let is_again = !self.fingerprints.insert(report.fingerprint.clone());
        let closing = report.cycle.iter().rfind(|step| step.closing).or(report.cycle.last());
        let known = closing.and_then(|step| self.dependencies.get(&key(step)));
        let known = known.filter(|(known, _)| *known >= rank).map(|(_, fingerprint)| fingerprint.clone());
        for step in &report.cycle {
            let key = key(step);
            let is_full = self.dependencies.len() >= MAX_DEPENDENCIES;
            match self.dependencies.get_mut(&key) {
                Some(surest) if surest.0 >= rank => {}
                Some(surest) => *surest = (rank, report.fingerprint.clone()),
                None if is_full => {}
                None => {
                    self.dependencies.insert(key, (rank, report.fingerprint.clone()));
                }
            }
        }
        if is_again { None } else { known }
    }
}

fn key(step: &ReportDependency) -> (String, String, String) {
    (step.from_hash.clone(), step.to_hash.clone(), step.kind.clone())
}
