//! New dependencies, and the cycles that they close.

use super::judge::{self, FoundCycle};
use super::knowledge::Knowledge;
use super::view::{View, Wanted};
use crate::base::mode::{Mode, Wait};
use crate::config::Config;
use crate::fault::{self, Fault};
use crate::graph::{Added, Gates, Kind, PathStep};
use crate::state::held::HeldLock;
use crate::state::registry::fact;

/// What recording one dependency led to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recorded {
    pub(crate) step: PathStep,
    /// Whether the kind was never seen before on this dependency.
    pub(crate) is_new: bool,
    /// Whether that, or that no lock in between connects the two, is news.
    pub(crate) is_listed: bool,
    /// Whether a cycle may have closed, or a known one may have become surer.
    pub(crate) search: bool,
}

/// A held lock that the wanted one depends on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Holder {
    pub(crate) index: usize,
    /// Whether no newer one connects it anyway.
    pub(crate) direct: bool,
}

/// As many dependencies as one acquisition may add beside those that connect it, one a class: as many locks as the kernel lets a task hold.
const MAX_CONNECTED: usize = 48;

/// The holders that the wanted lock depends on directly, newest first.
///
/// The older holders are connected through the first one that was waited for, and where whoever arrives waits for whoever leaves.
/// Kernel: the walk ends there, or at the first holder that is not a try, and so forgets what a recursive reader hides. With evidence
/// a fair reader connects nothing, because the joint there counts fully only once a writer was seen, nor does a timed acquisition,
/// because the connection through it would be worth no more than a note. Nor does a lock that was taken under a nest lock: it may have
/// been given no dependency on what was taken in between (the kernel forgets that); nor what lies above a lock that was upgraded since.
///
/// With evidence the walk goes on behind a connection, once for each class: in a ring of dependencies each one stands for a thread, and
/// one thread that holds many locks would stand there several times and be kept apart from itself by what it holds.
pub(crate) fn holders(view: &View<'_>, skip: Option<usize>) -> Vec<Holder> {
    let task = view.task;
    // Down to the oldest upgraded lock nothing is connected through what lies above it.
    let upgraded = task.rare().iter().filter(|rare| rare.is_upgraded).map(|rare| rare.index).min();
    let mut found = Vec::new();
    let mut classes = Vec::new();
    let mut is_connected = false;
    let start = if fault::is(Fault::ContextNotSplit) { 0 } else { task.context_start() };
    for index in (start..task.held.len()).rev() {
        let held = &task.held[index];
        if Some(index) == skip || !view.is_checked(held) {
            continue;
        }
        let class = view.class_of(held);
        if is_connected && classes.contains(&class) {
            continue;
        }
        found.push(Holder { index, direct: !is_connected });
        classes.push(class);
        let is_nested = held.is_rare && task.rare_of(index).is_some_and(|rare| rare.nest.is_some());
        let hides_upgraded =
            upgraded.is_some_and(|upgraded| upgraded < index) && !fault::is(Fault::UpgradeHidden);
        is_connected |= !is_nested && !hides_upgraded && connects(view.config, held);
        let ends =
            !view.config.evidence || fault::is(Fault::WalkStopsAtWriter) || classes.len() >= MAX_CONNECTED;
        if is_connected && ends {
            break;
        }
    }
    found
}

/// Whether the older holders are connected through this one.
fn connects(config: &Config, held: &HeldLock) -> bool {
    if held.wait != Wait::Blocking {
        return fault::is(Fault::WalkStopsAtTry);
    }
    match View::mode(held.mode) {
        Mode::Exclusive => true,
        Mode::Shared => !config.evidence,
        Mode::SharedRecursive => fault::is(Fault::WalkStopsAtRecursiveReader),
    }
}

/// Whether an acquisition that waits so can be waited for: a try never waits, and the kernel's policy knows no timed waits.
pub(crate) fn can_wait(config: &Config, wait: Wait) -> bool {
    match wait {
        Wait::Blocking => true,
        Wait::Timed => config.evidence,
        Wait::Try => fault::is(Fault::TryBlocks),
    }
}

/// Records the dependency of the wanted lock on one holder.
pub(crate) fn record(
    view: &View<'_>,
    knowledge: &mut Knowledge,
    holder: Holder,
    wanted: &Wanted,
) -> Option<Recorded> {
    let Holder { index: holder, direct } = holder;
    let held = &view.task.held[holder];
    let acquisition = wanted.acquisition;
    let from = view.class_of(held);
    if from == acquisition.class {
        return None;
    }
    let kind: Kind = View::kind(held.mode, acquisition.mode, acquisition.wait);
    let step = PathStep { from, to: acquisition.class, kind };
    let gates = view.gates(holder);
    let known = knowledge.graph.edge_mut(from, acquisition.class).and_then(|edge| edge.sighting_mut(kind));
    if let Some(sighting) = known {
        sighting.count = sighting.count.saturating_add(1);
        let narrowed = sighting.gates.narrow(&gates);
        let is_listed = direct && !sighting.direct;
        sighting.direct |= direct;
        return Some(Recorded { step, is_new: false, is_listed, search: narrowed });
    }
    let is_first = knowledge.graph.edge(from, acquisition.class).is_none();
    let witness = view.witness(holder, acquisition);
    let added = knowledge.graph.add(from, acquisition.class, kind, &witness);
    for gate in &gates {
        if let Some(record) = view.record(gate.lock.class()) {
            record.note(fact::GATE);
        }
    }
    if let Some(sighting) =
        knowledge.graph.edge_mut(from, acquisition.class).and_then(|edge| edge.sighting_mut(kind))
    {
        sighting.direct = direct;
        sighting.gates = Gates::new(&gates);
        sighting.witness_gates = Gates::new(&gates);
    }
    let closes = matches!(added, Added::New { closes: true });
    let skipped = fault::is(Fault::NewKindNotSearched) && !is_first;
    Some(Recorded { step, is_new: true, is_listed: true, search: closes && !skipped })
}

/// The surest cycle through a recorded dependency.
pub(crate) fn find_cycle(
    view: &View<'_>,
    knowledge: &mut Knowledge,
    recorded: &Recorded,
) -> Option<FoundCycle> {
    if !recorded.search || fault::is(Fault::NoCircular) {
        return None;
    }
    judge::strongest_cycle(view, knowledge, recorded.step)
}

/// Puts the cycles that one acquisition closes in the order in which they are told: the surest first, then the shortest.
pub(crate) fn surest_first(mut found: Vec<FoundCycle>) -> Vec<FoundCycle> {
    found.sort_by_key(|cycle| (std::cmp::Reverse(cycle.judged.level), cycle.path.len()));
    found
}

/// Whether the cycle runs through all the classes of another: it says nothing of its own beside that one.
pub(crate) fn is_detour(cycle: &FoundCycle, other: &FoundCycle) -> bool {
    other.path.iter().all(|step| cycle.path.iter().any(|own| own.from == step.from))
}
