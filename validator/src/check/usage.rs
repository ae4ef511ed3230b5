//! Contexts: where a class is used, and where it is held while a context may run.
//!
//! A task that holds `X` where a context may interrupt it, and a context that takes `Y`, make a
//! dependency from `X` to `Y` that was never seen: the interrupted task holds `X` until the context
//! has got `Y`. A class for which both were seen is inconsistent (LD0004); a strong path from `Y`
//! to `X` is an inversion (LD0005). The rule is the strong-path rule with that dependency put in,
//! in all three modes. Kernel: `mark_lock` and `check_irq_usage`, which take a fair reader in a
//! handler for a recursive one.

use super::cycle;
use super::knowledge::Knowledge;
use super::view::{View, Wanted};
use super::violation::{Code, Detail, Level, Violation};
use crate::base::acquisition::Acquisition;
use crate::base::id::ClassId;
use crate::base::mode::Mode;
use crate::base::site::Site;
use crate::graph::{HeldMode, Kind, PathStep, QueuedWriter, SearchFilter, WantedMode};
use crate::mutant::{self, Mutant};
use crate::state::class::LockType;
use crate::state::context::{ContextId, ContextSet, Contexts};

/// Which of the two ways of usage a bit stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Usage {
    /// Taken inside the context.
    UsedIn,
    /// Held while the context may run.
    Enabled,
}

/// INVARIANT: 8 contexts × 2 usages × 3 modes fit 64 bits.
const BITS_PER_CONTEXT: u32 = 6;

/// The position of a usage bit.
pub(crate) fn bit(context: ContextId, usage: Usage, mode: Mode) -> u32 {
    let usage = if usage == Usage::UsedIn { 0 } else { 3 };
    context.number() * BITS_PER_CONTEXT + usage + mode as u32
}

const MODES: [Mode; 3] = [Mode::Exclusive, Mode::Shared, Mode::SharedRecursive];

/// What a class was seen to do in one context.
#[derive(Clone, Copy)]
struct Marks(u64);

impl Marks {
    fn of(view: &View<'_>, class: ClassId) -> Self {
        // ORDERING: Relaxed: only changed under the knowledge lock, which the caller holds.
        Self(view.record(class).map_or(0, |record| record.usage.load(std::sync::atomic::Ordering::Relaxed)))
    }

    fn has(self, context: ContextId, usage: Usage, mode: Mode) -> bool {
        let ignored = mode.is_shared() && mutant::is(Mutant::ReadUsageIgnored);
        self.0 & (1 << bit(context, usage, mode)) != 0 && !ignored
    }

    /// A mode in which the context takes the class and waits for its holder; `left_by_reader`: only
    /// readers hold it.
    fn blocks_in(self, context: ContextId, left_by_reader: bool, fair_waits: bool) -> Option<Mode> {
        MODES.into_iter().find(|mode| {
            let waits = !left_by_reader || waits_for_reader(*mode, fair_waits);
            self.has(context, Usage::UsedIn, *mode) && waits
        })
    }

    /// A mode in which the class is held with the context enabled and keeps out every arriving
    /// task; `only_recursive`: as a recursive reader.
    fn holds_out(self, context: ContextId, only_recursive: bool) -> Option<Mode> {
        MODES
            .into_iter()
            .find(|mode| self.has(context, Usage::Enabled, *mode) && (!only_recursive || !mode.is_shared()))
    }
}

fn waits_for_reader(mode: Mode, fair_waits: bool) -> bool {
    match mode {
        Mode::Exclusive => true,
        Mode::Shared => fair_waits,
        Mode::SharedRecursive => mutant::is(Mutant::ReadUsageConflicts),
    }
}

/// The filters to search with, the surest first, and the level of what each finds.
fn filters<'a>(view: &View<'_>, seen_fn: &'a dyn Fn(ClassId) -> bool) -> Vec<(SearchFilter<'a>, Level)> {
    if !view.config.evidence {
        return vec![(SearchFilter::ALL, Level::Error)];
    }
    let seen = SearchFilter { timed: false, queued_writer: QueuedWriter::Seen(seen_fn), ..SearchFilter::ALL };
    let assumed = SearchFilter { timed: false, ..SearchFilter::ALL };
    vec![(seen, Level::Error), (assumed, Level::Warning), (SearchFilter::ALL, Level::Note)]
}

/// Whether a fair reader that meets a reader of the class counts as waiting, under a filter.
fn fair_waits(filter: &SearchFilter<'_>, class: ClassId) -> bool {
    match filter.queued_writer {
        QueuedWriter::Assumed => true,
        QueuedWriter::Ignored => false,
        QueuedWriter::Seen(seen_fn) => seen_fn(class),
    }
}

/// Classes that no inversion runs through: no other task can hold a per-CPU lock, and an override
/// is no lock.
fn is_skipped(view: &View<'_>, class: ClassId) -> bool {
    let Some(record) = view.record(class) else { return true };
    match record.class.attributes.lock_type {
        LockType::Normal => false,
        LockType::PerCpu => !mutant::is(Mutant::PerCpuCarriesInversion),
        LockType::WaitOverride => true,
    }
}

/// Marks a usage of a class; LD0004 or LD0005 if it is new and conflicts.
pub(crate) fn mark(
    view: &View<'_>,
    knowledge: &mut Knowledge,
    contexts: &Contexts,
    (context, usage): (ContextId, Usage),
    acquisition: &Acquisition,
) -> Option<Violation> {
    let mode = View::mode(acquisition.mode);
    let bit = bit(context, usage, mode);
    let record = view.record(acquisition.class)?;
    // ORDERING: Relaxed: only changed under the knowledge lock, which the caller holds.
    let before = record.usage.fetch_or(1 << bit, std::sync::atomic::Ordering::Relaxed);
    if before & (1 << bit) != 0 {
        return None;
    }
    knowledge.usage_sites.insert((acquisition.class, bit), *acquisition);
    match usage {
        Usage::UsedIn => knowledge.used_in = knowledge.used_in.or(ContextSet::of(context)),
        Usage::Enabled => knowledge.enabled = knowledge.enabled.or(ContextSet::of(context)),
    }
    let found =
        inconsistent(view, (context, usage), mode, acquisition.class).map(|(level, used, enabled)| {
            let ends = (acquisition.class, used, acquisition.class, enabled);
            (Code::InconsistentContext, level, Vec::new(), ends)
        });
    let found = found.or_else(|| inversion(view, knowledge, (context, usage), mode, acquisition.class));
    let (code, level, path, ends) = found?;
    let mut violation = context_violation(view, knowledge, contexts, code, context, ends);
    violation.level = level;
    violation.subject = Some(*acquisition);
    violation.cycle = cycle::steps(&cycle::sightings(&knowledge.graph, &path), false);
    Some(violation)
}

type Ends = (ClassId, Mode, ClassId, Mode);

/// LD0004: the same class on both sides.
fn inconsistent(
    view: &View<'_>,
    (context, usage): (ContextId, Usage),
    mode: Mode,
    class: ClassId,
) -> Option<(Level, Mode, Mode)> {
    if mutant::is(Mutant::NoInconsistentContext) {
        return None;
    }
    let marks = Marks::of(view, class);
    let pairs = MODES.into_iter().map(|other| match usage {
        Usage::UsedIn => (mode, other, marks.has(context, Usage::Enabled, other)),
        Usage::Enabled => (other, mode, marks.has(context, Usage::UsedIn, other)),
    });
    let conflict = |used: Mode, enabled: Mode| {
        if enabled == Mode::Exclusive || used == Mode::Exclusive {
            Some(Level::Error)
        } else if used == Mode::Shared || mutant::is(Mutant::ReadUsageConflicts) {
            Some(if view.writer_seen(class) { Level::Error } else { Level::Warning })
        } else {
            None
        }
    };
    let found = pairs
        .filter(|(_, _, seen)| *seen)
        .filter_map(|(used, enabled, _)| Some((conflict(used, enabled)?, used, enabled)));
    found.max_by_key(|(level, _, _)| *level)
}

/// LD0005 by a new usage: a path between this class and another one that was seen the other way.
fn inversion(
    view: &View<'_>,
    knowledge: &mut Knowledge,
    (context, usage): (ContextId, Usage),
    mode: Mode,
    class: ClassId,
) -> Option<(Code, Level, Vec<PathStep>, Ends)> {
    let other_side = if usage == Usage::UsedIn { knowledge.enabled } else { knowledge.used_in };
    if mutant::is(Mutant::NoContextOnUsage)
        || !other_side.contains(context)
        || (mode.is_shared() && mutant::is(Mutant::ReadUsageIgnored))
    {
        return None;
    }
    let seen_fn = |class| view.writer_seen(class);
    let skip_fn = |class| is_skipped(view, class);
    for (filter, level) in filters(view, &seen_fn) {
        let mut ends = None;
        let path = match usage {
            Usage::Enabled => {
                let mut match_fn = |end: ClassId, left_by_reader: bool| {
                    let blocks =
                        Marks::of(view, end).blocks_in(context, left_by_reader, fair_waits(&filter, end));
                    ends = blocks.filter(|_| end != class).map(|used| (end, used, class, mode));
                    ends.is_some()
                };
                knowledge.graph.find_backward(class, mode.is_shared(), &filter, &mut match_fn, &skip_fn)
            }
            Usage::UsedIn => {
                let root_is_recursive = !waits_for_reader(mode, fair_waits(&filter, class));
                let mut match_fn = |end: ClassId, only_recursive: bool| {
                    let holds = Marks::of(view, end).holds_out(context, only_recursive);
                    ends = holds.filter(|_| end != class).map(|enabled| (class, mode, end, enabled));
                    ends.is_some()
                };
                knowledge.graph.find_forward(class, root_is_recursive, &filter, &mut match_fn, &skip_fn)
            }
        };
        if let (Some(path), Some(ends)) = (path, ends) {
            return Some((Code::ContextInversion, level, path, ends));
        }
    }
    None
}

/// LD0005 by a new dependency `step`: a class used in a context at its tail, one held with it
/// enabled at its head.
pub(crate) fn check_dependency(
    view: &View<'_>,
    knowledge: &mut Knowledge,
    contexts: &Contexts,
    step: PathStep,
    wanted: &Wanted,
) -> Option<Violation> {
    let both = knowledge.used_in.and(knowledge.enabled);
    if both.is_empty() || mutant::is(Mutant::NoContextOnDependency) {
        return None;
    }
    let seen_fn = |class| view.writer_seen(class);
    for (filter, level) in filters(view, &seen_fn) {
        if step.kind.timed && !filter.timed {
            continue;
        }
        for context in both.iter() {
            let Some((path, ends)) = path_through(view, knowledge, &filter, context, step) else { continue };
            let mut violation =
                context_violation(view, knowledge, contexts, Code::ContextInversion, context, ends);
            violation.level = level;
            violation.subject = Some(wanted.acquisition);
            let at = path.iter().position(|own| own == &step);
            violation.cycle = cycle::steps(&cycle::sightings(&knowledge.graph, &path), false);
            if let Some(closing) = at.and_then(|at| violation.cycle.get_mut(at)) {
                closing.closing = true;
                violation.conflict = Some(closing.from);
            }
            return Some(violation);
        }
    }
    None
}

/// A strong path from a class used in the context over `step` to a class held with it enabled.
fn path_through(
    view: &View<'_>,
    knowledge: &mut Knowledge,
    filter: &SearchFilter<'_>,
    context: ContextId,
    step: PathStep,
) -> Option<(Vec<PathStep>, Ends)> {
    let Kind { held, wanted, .. } = step.kind;
    let skip_fn = |class| is_skipped(view, class);
    let mut tail = None;
    let before = knowledge.graph.find_backward(
        step.from,
        held == HeldMode::Shared,
        filter,
        &mut |end, left_by_reader| {
            let blocks = Marks::of(view, end).blocks_in(context, left_by_reader, fair_waits(filter, end));
            tail = blocks.map(|mode| (end, mode));
            tail.is_some()
        },
        &skip_fn,
    )?;
    let only_recursive = match wanted {
        WantedMode::Exclusive => false,
        WantedMode::FairRead => !fair_waits(filter, step.to),
        WantedMode::RecursiveRead => true,
    };
    let mut head = None;
    let after = knowledge.graph.find_forward(
        step.to,
        only_recursive,
        filter,
        &mut |end, only_recursive| {
            head = Marks::of(view, end).holds_out(context, only_recursive).map(|mode| (end, mode));
            head.is_some()
        },
        &skip_fn,
    )?;
    let (tail, head) = (tail?, head?);
    let path = before.into_iter().chain([step]).chain(after).collect();
    Some((path, (tail.0, tail.1, head.0, head.1)))
}

fn context_violation(
    view: &View<'_>,
    knowledge: &Knowledge,
    contexts: &Contexts,
    code: Code,
    context: ContextId,
    (used, used_mode, enabled, enabled_mode): Ends,
) -> Violation {
    let site = |class, usage, mode| {
        let sighting = knowledge.usage_sites.get(&(class, bit(context, usage, mode)));
        sighting.map_or(Site::UNKNOWN, |sighting| sighting.site)
    };
    let detail = Detail::Context {
        context: contexts.name(context),
        used_in: (used, site(used, Usage::UsedIn, used_mode)),
        enabled: (enabled, site(enabled, Usage::Enabled, enabled_mode)),
    };
    view.violation(code, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usage_has_a_bit_of_its_own() {
        let mut all = 0_u64;
        for context in (0..8).filter_map(ContextId::from_index) {
            for usage in [Usage::UsedIn, Usage::Enabled] {
                for mode in MODES {
                    let bit = 1_u64 << bit(context, usage, mode);
                    assert_eq!(all & bit, 0);
                    all |= bit;
                }
            }
        }
        assert_eq!(all.count_ones(), 48);
    }
}
