//! New dependencies, and the cycles that they close.

use super::judge::{self, FoundCycle};
use super::knowledge::Knowledge;
use super::unpublished::{Standing, UnpublishedOrder};
use super::view::{View, Wanted};
use crate::base::mode::{Mode, Wait};
use crate::config::Config;
use crate::graph::{Added, Gate, Gates, Kind, PathStep, Witness};
use crate::mutant::{self, Mutant};
use crate::state::held::HeldLock;
use crate::state::registry::fact;

/// What recording one dependency led to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recorded {
    pub(crate) step: PathStep,
    /// Whether the kind was never seen before on this dependency.
    pub(crate) is_new: bool,
    /// Whether it was known, but only from objects that no other thread could have.
    pub(crate) is_published_now: bool,
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

/// As many dependencies as one acquisition may add beside those that connect it, one a class: as
/// many locks as the kernel lets a task hold.
const MAX_CONNECTED: usize = 48;

/// The holders that the wanted lock depends on directly, newest first.
///
/// The older holders are connected through the first one that was waited for, and where the
/// arriving task waits for the leaving one. Kernel: the walk ends there, or at the first holder
/// that is not a try, and so forgets what a recursive reader hides. With evidence a fair reader
/// connects nothing, because the joint there counts fully only once a writer was seen. A timed
/// acquisition connects nothing either: the connection through it would be worth no more than a
/// note. Nor does a lock that was taken under a nest lock: it may have been given no dependency on
/// what was taken in between (the kernel forgets that); nor what lies above a lock that was
/// upgraded since.
///
/// With evidence the walk goes on behind a connection, once for each class: in a ring of
/// dependencies each one stands for a thread. One thread that holds many locks would stand there
/// several times, and be kept apart from itself by what it holds.
pub(crate) fn holders(view: &View<'_>, skip: Option<usize>) -> Vec<Holder> {
    let task = view.task;
    // Down to the oldest upgraded lock nothing is connected through what lies above it.
    let upgraded = task.rare().iter().filter(|rare| rare.is_upgraded).map(|rare| rare.index).min();
    let mut found = Vec::new();
    let mut classes = Vec::new();
    let mut is_connected = false;
    let start = if mutant::is(Mutant::ContextNotSplit) { 0 } else { task.context_start() };
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
            upgraded.is_some_and(|upgraded| upgraded < index) && !mutant::is(Mutant::UpgradeHidden);
        is_connected |= !is_nested && !hides_upgraded && connects(view.config, held);
        let ends =
            !view.config.evidence || mutant::is(Mutant::WalkStopsAtWriter) || classes.len() >= MAX_CONNECTED;
        if is_connected && ends {
            break;
        }
    }
    found
}

/// Whether the older holders are connected through this one.
fn connects(config: &Config, held: &HeldLock) -> bool {
    if held.wait != Wait::Blocking {
        return mutant::is(Mutant::WalkStopsAtTry);
    }
    match View::mode(held.mode) {
        Mode::Exclusive => true,
        Mode::Shared => !config.evidence,
        Mode::SharedRecursive => mutant::is(Mutant::WalkStopsAtRecursiveReader),
    }
}

/// Whether an acquisition that waits so can be waited for: a try never waits, and the kernel's
/// policy knows no timed waits.
pub(crate) fn can_wait(config: &Config, wait: Wait) -> bool {
    match wait {
        Wait::Blocking => true,
        Wait::Timed => config.evidence,
        Wait::Try => mutant::is(Mutant::TryBlocks),
    }
}

/// One dependency as it was seen.
struct Sighted<'a> {
    step: PathStep,
    witness: Witness,
    gates: &'a [Gate],
    direct: bool,
    standing: Standing,
}

/// Records the dependency of the wanted lock on one holder.
pub(crate) fn record(
    view: &View<'_>,
    knowledge: &mut Knowledge,
    holder: Holder,
    wanted: &Wanted,
    (mut standing, is_new_chain): (Standing, bool),
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
    if !knowledge.unpublished.is_known_to_others(held, wanted) {
        standing = Standing::Published;
    }
    if standing == Standing::Unpublished {
        let witness = view.witness(holder, acquisition);
        let order = |gates| UnpublishedOrder { kind, witness, gates, direct, is_of_locks: false };
        if !knowledge.unpublished.note(acquisition.lock, &gates, order) {
            standing = Standing::Published;
        }
    }
    // A chain that is known has news only of dependencies that were seen on unpublished objects so
    // far.
    let is_news = || {
        let edge = knowledge.graph.edge(step.from, step.to);
        let is_unpublished = edge.is_some_and(|edge| edge.kinds().contains(kind));
        is_unpublished && !knowledge.graph.is_published(&step) && !mutant::is(Mutant::PublishingIgnored)
    };
    if !is_new_chain && (standing == Standing::Unpublished || !is_news()) {
        return None;
    }
    let witness = view.witness(holder, acquisition);
    Some(add(view, knowledge, &Sighted { step, witness, gates: &gates, direct, standing }))
}

/// Records a dependency that was seen on an object which turns out to be published.
pub(crate) fn publish(view: &View<'_>, knowledge: &mut Knowledge, order: &UnpublishedOrder) -> Recorded {
    let UnpublishedOrder { kind, witness, gates, direct, .. } = order;
    let step = PathStep { from: witness.from.class, to: witness.to.class, kind: *kind };
    let (gates, standing) = (gates.all(), Standing::Published);
    add(view, knowledge, &Sighted { step, witness: *witness, gates, direct: *direct, standing })
}

fn add(view: &View<'_>, knowledge: &mut Knowledge, seen: &Sighted<'_>) -> Recorded {
    let Sighted { step, direct, gates, .. } = *seen;
    let is_published = seen.standing == Standing::Published;
    let nothing = Recorded { step, is_new: false, is_published_now: false, is_listed: false, search: false };
    let edge = knowledge.graph.edge(step.from, step.to);
    let is_first = edge.is_none();
    let is_known = edge.is_some_and(|edge| edge.kinds().contains(step.kind));
    let counts = is_known && knowledge.graph.is_published(&step);
    if counts || (is_known && !is_published) {
        let edge = knowledge.graph.edge_mut(step.from, step.to);
        let Some(sighting) = edge.and_then(|edge| edge.sighting_mut(step.kind)) else { return nothing };
        sighting.count = sighting.count.saturating_add(1);
        if !is_published {
            // What no other thread could meet neither protects nor exposes what others do.
            return nothing;
        }
        let search = sighting.gates.narrow(gates);
        let is_listed = direct && !sighting.direct;
        sighting.direct |= direct;
        return Recorded { is_listed, search, ..nothing };
    }
    let added = knowledge.graph.add_seen(step.from, step.to, step.kind, &seen.witness, is_published);
    for gate in gates {
        if let Some(record) = view.record(gate.lock.class()) {
            record.note(fact::GATE);
        }
    }
    let edge = knowledge.graph.edge_mut(step.from, step.to);
    if let Some(sighting) = edge.and_then(|edge| edge.sighting_mut(step.kind)) {
        sighting.direct = direct;
        sighting.gates = Gates::new(gates);
        sighting.witness_gates = Gates::new(gates);
    }
    let closes = matches!(added, Added::New { closes: true });
    let skipped = mutant::is(Mutant::NewKindNotSearched) && !is_first;
    Recorded {
        is_new: !is_known,
        is_published_now: is_known,
        is_listed: true,
        search: closes && !skipped,
        ..nothing
    }
}

/// The surest cycle through a recorded dependency.
pub(crate) fn find_cycle(
    view: &View<'_>,
    knowledge: &mut Knowledge,
    recorded: &Recorded,
) -> Option<FoundCycle> {
    if !recorded.search || mutant::is(Mutant::NoCircular) {
        return None;
    }
    judge::strongest_cycle(view, knowledge, recorded.step)
}

/// Puts the cycles that one acquisition closes in the order in which they are reported: the surest
/// first, then the shortest.
pub(crate) fn surest_first(mut found: Vec<FoundCycle>) -> Vec<FoundCycle> {
    found.sort_by_key(|cycle| (std::cmp::Reverse(cycle.assessment.level), cycle.path.len()));
    found
}

/// Whether the cycle runs through all the classes of another: it says nothing of its own beside
/// that one.
pub(crate) fn is_detour(cycle: &FoundCycle, other: &FoundCycle) -> bool {
    other.path.iter().all(|step| cycle.path.iter().any(|own| own.from == step.from))
}
