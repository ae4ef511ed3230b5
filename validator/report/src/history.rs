//! What was told already, so that what follows from it can be told in few words.

use std::hash::{Hash as _, Hasher as _};

use rustc_hash::{FxHashMap, FxHasher};

use super::model::{Report, ReportDependency};
use super::place::Place;
use lockdep_validator::{Code, DependencyKind};

/// How many dependencies, and how many classes, are remembered; what is about others is reported in
/// full.
const MAX_KNOWN: usize = 4096;

/// The reports so far, as far as it takes to know what follows from them.
///
/// Classes that are taken in every order close a new cycle with every second acquisition. A single
/// wrong order closes one with everything between its ends. The first report says it all: the next
/// ones only have to say that they are there.
///
/// ```
/// # use lockdep_report::history::ReportHistory;
/// # fn f(mut history: ReportHistory, first: &lockdep_report::model::Report, second: &lockdep_report::model::Report) {
/// assert_eq!(history.note(first, true), None);
/// if let Some(earlier) = history.note(second, true) {
///     // A person who fixes the report with the fingerprint `earlier.fingerprint` looks at `second` on the way.
///     # let _ = earlier.fingerprint;
/// }
/// # }
/// ```
#[derive(Debug, Default)]
pub struct ReportHistory {
    /// The surest report with the dependency.
    dependencies: FxHashMap<Key, Weight>,
    /// The surest report that the dependency closed.
    closings: FxHashMap<Key, Weight>,
    /// The surest report of two orders that has the dependency.
    opposites: FxHashMap<Key, Weight>,
    /// The group of a class: an index into `groups`.
    classes: FxHashMap<String, usize>,
    /// The surest report of each group of classes that reported cycles tie together.
    groups: Vec<Weight>,
    /// What was told before, by [`Report::identity`].
    identities: FxHashMap<String, Told>,
    /// The surest report about a guard that was alive when its lock was wanted again.
    guards: FxHashMap<Guard, Weight>,
}

/// An earlier report from which a later one follows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Earlier {
    /// Its fingerprint.
    pub fingerprint: String,
    /// What both have in common.
    pub relation: Relation,
}

/// What a report and an earlier one have in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    /// A dependency, an index into the cycle of the later one, that closes one of them: without it
    /// both are gone.
    Dependency(usize),
    /// All classes of the later one are in cycles about the same classes as the earlier one.
    Classes,
    /// One guard is alive at both acquisitions.
    Guard,
    /// They are one report about the same locks and places, whose level rose.
    Raised,
    /// They are one report about the same classes, whose level rose for other locks or places.
    RaisedElsewhere,
}

/// How a report was told last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Told {
    in_full: bool,
    /// Which locks and places its cycle had, as a hash.
    sightings: u64,
}

/// What is known of a report.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Weight {
    is_denied: bool,
    rank: u8,
    fingerprint: String,
}

impl Weight {
    /// Whether a report that weighs as much as `other` may be told in a few words about this one:
    /// what fails a run must not hide behind what does not, nor an error behind a warning.
    fn stands_for(&self, other: &Self) -> bool {
        self.is_denied >= other.is_denied && self.rank >= other.rank
    }

    fn weighs_more_than(&self, other: &Self) -> bool {
        (self.is_denied, self.rank) > (other.is_denied, other.rank)
    }
}

impl ReportHistory {
    /// Notes a report. Gives an earlier one that weighs at least as much, from which it follows. If
    /// the report itself was printed in full before its level rose, gives that one. Gives `None` if
    /// there is none.
    pub fn note(&mut self, report: &Report, is_denied: bool) -> Option<Earlier> {
        let this = Weight { is_denied, rank: report.rank(), fingerprint: report.fingerprint.clone() };
        let identity = report.identity();
        let told = self.identities.get(&identity).copied();
        let sightings = sightings(report);
        let by_dependency = self.sharing(report, &this);
        for step in &report.cycle {
            note(&mut self.dependencies, key(step), &this);
        }
        if let [_, _] = report.cycle.as_slice() {
            report.cycle.iter().for_each(|step| note(&mut self.opposites, key(step), &this));
        }
        if let Some(step) = report.closing() {
            note(&mut self.closings, key(step), &this);
        }
        let by_classes = self.note_classes(report, &this);
        let by_guard = self.note_guard(report, &this);
        let earlier = |known: Weight, relation| Earlier { fingerprint: known.fingerprint, relation };
        let found = match told {
            Some(told) if told.in_full && told.sightings == sightings => {
                Some(earlier(this, Relation::Raised))
            }
            Some(told) if told.in_full => Some(earlier(this, Relation::RaisedElsewhere)),
            // What stands above is a few words.
            Some(_) => None,
            None => by_dependency
                .or(by_classes.map(|known| earlier(known, Relation::Classes)))
                .or(by_guard.map(|known| earlier(known, Relation::Guard))),
        };
        let is_raised =
            |earlier: &Earlier| matches!(earlier.relation, Relation::Raised | Relation::RaisedElsewhere);
        let in_full = found.as_ref().is_none_or(is_raised);
        self.identities.insert(identity, Told { in_full, sightings });
        found
    }

    /// Gives the surest report before about the guard that this one is about.
    fn note_guard(&mut self, report: &Report, this: &Weight) -> Option<Weight> {
        let guard = Guard::of(report)?;
        let is_full = self.guards.len() >= MAX_KNOWN;
        let known = self.guards.get(&guard).cloned();
        if known.as_ref().map_or(!is_full, |known| this.weighs_more_than(known)) {
            self.guards.insert(guard, this.clone());
        }
        known.filter(|known| known.stands_for(this))
    }

    /// The report with the dependency that closes this one, or else one that a dependency of this
    /// one closed.
    ///
    /// A detour through what is initialised once follows from either order of the two locks: the
    /// initialisation is over when they meet again.
    fn sharing(&self, report: &Report, this: &Weight) -> Option<Earlier> {
        let closing = report.closing()?;
        let steps = || report.cycle.iter().enumerate();
        let of_this = steps()
            .filter(|(_, step)| *step == closing)
            .map(|(index, step)| (index, self.dependencies.get(&key(step))));
        let of_earlier = steps().map(|(index, step)| (index, self.closings.get(&key(step))));
        let is_detour = report.cycle.iter().any(|step| report.is_initialisation(&step.from_hash));
        let of_opposites =
            steps().filter(|_| is_detour).map(|(index, step)| (index, self.opposites.get(&key(step))));
        of_this.chain(of_earlier).chain(of_opposites).find_map(|(index, known)| {
            let known = known.filter(|known| known.stands_for(this))?;
            Some(Earlier { fingerprint: known.fingerprint.clone(), relation: Relation::Dependency(index) })
        })
    }

    /// Ties the classes of a cycle together. Gives what stands for their group, if they were in one
    /// already, all of them.
    fn note_classes(&mut self, report: &Report, this: &Weight) -> Option<Weight> {
        if !report.is_class_cycle() {
            return None;
        }
        let known: Vec<Option<usize>> =
            report.cycle.iter().map(|step| self.classes.get(&step.from_hash).copied()).collect();
        let mut ids: Vec<usize> = known.iter().copied().flatten().collect();
        ids.sort_unstable();
        ids.dedup();
        if let (&[id], true) = (ids.as_slice(), known.iter().all(Option::is_some)) {
            let group = self.groups[id].clone();
            if this.weighs_more_than(&group) {
                self.groups[id] = this.clone();
            }
            return group.stands_for(this).then_some(group);
        }
        if self.classes.len() + report.cycle.len() > MAX_KNOWN {
            return None;
        }
        let id = ids.first().copied().unwrap_or_else(|| {
            self.groups.push(this.clone());
            self.groups.len() - 1
        });
        // The surest of what is one group now; of equals the earliest, which has the lowest number.
        for known in
            ids.iter().map(|&other| self.groups[other].clone()).chain([this.clone()]).collect::<Vec<_>>()
        {
            if known.weighs_more_than(&self.groups[id]) {
                self.groups[id] = known;
            }
        }
        self.classes.values_mut().filter(|group| ids.contains(group)).for_each(|group| *group = id);
        self.classes.extend(report.cycle.iter().map(|step| (step.from_hash.clone(), id)));
        None
    }
}

/// A guard that is alive when its lock is wanted again: the class and the instance of the lock, its
/// thread and its place.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Guard {
    hash: String,
    instance: u64,
    thread: String,
    place: (String, u32, u32),
}

impl Guard {
    /// Returns the guard that a report of a recursion is about.
    fn of(report: &Report) -> Option<Self> {
        let is_again = matches!(report.code.known(), Some(Code::Recursion | Code::RecursiveFairRead));
        let held = report.conflict.as_ref().filter(|held| is_again && held.site.is_known())?;
        let place = (held.site.file.clone(), held.site.line, held.site.column);
        let (hash, thread) = (held.hash.clone(), report.thread.clone());
        Some(Self { hash, instance: held.instance, thread, place })
    }
}

/// Which locks and places the cycle of a report has, as a hash.
fn sightings(report: &Report) -> u64 {
    let place = |place: &Place| (place.file.clone(), place.line, place.column);
    let mut hasher = FxHasher::default();
    for step in &report.cycle {
        (step.instances, place(&step.held_site), place(&step.acquire_site)).hash(&mut hasher);
    }
    hasher.finish()
}

/// A dependency: from, to and kind.
type Key = (String, String, DependencyKind);

fn note(dependencies: &mut FxHashMap<Key, Weight>, key: Key, this: &Weight) {
    let is_full = dependencies.len() >= MAX_KNOWN;
    match dependencies.get_mut(&key) {
        Some(surest) if this.weighs_more_than(surest) => *surest = this.clone(),
        None if !is_full => {
            dependencies.insert(key, this.clone());
        }
        _ => {}
    }
}

fn key(step: &ReportDependency) -> Key {
    (step.from_hash.clone(), step.to_hash.clone(), step.kind)
}
