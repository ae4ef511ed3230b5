//! From a [`Violation`] to a [`Report`]: ids become names, sites become places, stacks become
//! frames.

use std::borrow::Cow;

use lockdep_validator::{
    Acquisition, Awaited, ClassId, CycleStep, DependencyKind, Detail, Evidence, LockClass, LockUse, Mode,
    Site, StackId, TaskId, Validator, Violation, WaitingTask,
};

use super::detail::DetailWords;
use super::frames::prune;
use super::holder::name_callers;
use super::model::{
    Counters, LabelledPlace, Report, ReportClass, ReportDependency, ReportEvidence, ReportLock, SCHEMA,
    ThreadWait, WaitKind, WaitingThread,
};
use super::names::Names;
use super::note::Note;
use super::note::SeenWriter;
use super::path::is_runtime;
use super::place::{Frames, Place};
use super::places::{with_frames, with_site};
use super::wait_event::WaitEvent;
use super::{held_now, help, notes, sentences, under_guard};

/// What only the embedder knows: the meaning of its own tokens. Called with no lock of the engine
/// held.
pub trait Resolver {
    /// The place that `site` stands for; [`Place::default`] if unknown.
    fn place(&self, site: Site) -> Place;
    /// The frames of a captured stack, innermost first; they are pruned afterwards.
    fn frames(&self, stack: StackId) -> Vec<super::place::Frame>;
    /// Whether the frames are those of the acquisition itself, as far as the embedder knows.
    fn is_exact(&self, stack: StackId) -> bool {
        let _ = stack;
        true
    }
    /// What people call a task: in a live process the name of the thread.
    fn task_name(&self, task: TaskId) -> String;
    /// The process a task belongs to, when records of several are joined; else empty.
    fn process_name(&self, task: TaskId) -> String {
        let _ = task;
        String::new()
    }
}

/// What only the engine knows: the meaning of a class id.
pub trait Classes {
    /// The class of `id`, if it is registered.
    fn class(&self, id: ClassId) -> Option<LockClass>;
}

impl Classes for Validator {
    fn class(&self, id: ClassId) -> Option<LockClass> {
        // The inherent method.
        Self::class(self, id)
    }
}

/// Returns what a person or a tool reads about `violation`, which `validator` found.
///
/// Resolving names and stacks is slow: call it once for a violation, with no lock held.
pub fn report(validator: &Validator, violation: &Violation, resolver: &dyn Resolver) -> Report {
    build(violation, validator, resolver, validator.counters())
}

/// Builds the report for `violation`.
pub fn build(
    violation: &Violation,
    classes: &dyn Classes,
    resolver: &dyn Resolver,
    counters: Counters,
) -> Report {
    let (violation, left_out) = shortened(violation);
    let violation = violation.as_ref();
    let ids = named_ids(violation);
    let builder = Builder { classes, resolver, names: Names::new(&ids, &|id| classes.class(id)) };
    let mut report = Report {
        schema: SCHEMA,
        code: violation.code.into(),
        level: violation.level,
        title: String::new(),
        fingerprint: format!("{:016x}", violation.fingerprint),
        thread: resolver.task_name(violation.task),
        classes: ids.iter().map(|&id| builder.named_class(id)).collect(),
        cycle: violation.cycle.iter().map(|step| builder.dependency(step)).collect(),
        held: violation.held.iter().map(|held| builder.lock(held)).collect(),
        subject: violation.subject.as_ref().map(|subject| match violation.detail {
            // Where the guard ended, if the stack knows; where it was made is one of the places.
            Detail::ByGuard if subject.stack.is_some() => {
                builder.lock(&Acquisition { site: Site::UNKNOWN, ..*subject })
            }
            _ => builder.lock(subject),
        }),
        conflict: violation.conflict.as_ref().map(|conflict| builder.lock(conflict)),
        places: builder.places(violation),
        threads: match &violation.detail {
            Detail::Deadlock(tasks) => waiting_threads(&builder, tasks),
            _ => Vec::new(),
        },
        evidence: builder.evidence(&violation.evidence),
        notes: Vec::new(),
        help: Vec::new(),
        counters,
    };
    held_now::complete(&mut report);
    name_callers(&mut report);
    let detail = builder.detail_words(&violation.detail);
    report.title = sentences::title(violation.code, &report, &detail);
    report.notes = notes::notes(violation.code, &report, &detail);
    report.notes.extend(left_out);
    report.help = help::help(violation.code, &report, &detail);
    report.help.splice(0..0, under_guard::advice(violation.code, &report));
    report
}

/// How many dependencies of a cycle, and how many held locks, a report shows at either end.
const SHOWN: usize = 32;

/// A violation without the middle of a long list, and a note for each list that was cut.
fn shortened(violation: &Violation) -> (Cow<'_, Violation>, Vec<Note>) {
    let (n_steps, n_held) = (violation.cycle.len(), violation.held.len());
    if n_steps <= 2 * SHOWN && n_held <= 2 * SHOWN {
        return (Cow::Borrowed(violation), Vec::new());
    }
    let mut short = violation.clone();
    let mut notes = Vec::new();
    if n_steps > 2 * SHOWN {
        short.cycle.drain(SHOWN..n_steps - SHOWN);
        notes.push(Note::CycleCut { n_steps, n_left_out: n_steps - 2 * SHOWN });
    }
    if n_held > 2 * SHOWN {
        short.held.drain(SHOWN..n_held - SHOWN);
        notes.push(Note::HeldCut { n_held, n_left_out: n_held - 2 * SHOWN });
    }
    (Cow::Owned(short), notes)
}

/// Every class the report names, in the order in which it names them.
fn named_ids(violation: &Violation) -> Vec<ClassId> {
    let mut ids: Vec<ClassId> = Vec::new();
    let mut add = |id: ClassId| {
        if !ids.contains(&id) {
            ids.push(id);
        }
    };
    violation.cycle.iter().flat_map(|step| [step.from.class, step.to.class]).for_each(&mut add);
    [&violation.conflict, &violation.subject].into_iter().flatten().for_each(|lock| add(lock.class));
    violation.held.iter().for_each(|lock| add(lock.class));
    violation.evidence.gate.into_iter().for_each(&mut add);
    match &violation.detail {
        Detail::Context { used_in, enabled, .. } => [used_in.0, enabled.0].into_iter().for_each(&mut add),
        Detail::WaitType { limited_by, .. } => limited_by.iter().copied().for_each(&mut add),
        Detail::Deadlock(tasks) => {
            let uses = tasks.iter().flat_map(|task| task.awaited.lock().into_iter().chain(&task.held));
            uses.for_each(|lock| add(lock.acquisition.class));
        }
        Detail::None
        | Detail::SelfDeadlock
        | Detail::Assertion(_)
        | Detail::ClassOrder { .. }
        | Detail::Pinned { .. }
        | Detail::ByGuard
        | Detail::Misuse(_) => {}
    }
    ids
}

pub(crate) struct Builder<'a> {
    pub(crate) classes: &'a dyn Classes,
    pub(crate) resolver: &'a dyn Resolver,
    pub(crate) names: Names,
}

impl Builder<'_> {
    fn name(&self, id: ClassId) -> String {
        self.names.name(id)
    }

    fn hash(&self, id: ClassId) -> String {
        self.classes.class(id).map_or_else(String::new, |class| class.hash.to_string())
    }

    pub(crate) fn named_class(&self, id: ClassId) -> ReportClass {
        let Some(class) = self.classes.class(id) else {
            return ReportClass {
                name: self.name(id),
                site: Place::default(),
                hash: String::new(),
                type_name: String::new(),
                kind: String::new(),
                recursive_reads: false,
            };
        };
        let mut site = self.resolver.place(class.site);
        if !site.is_known() || is_runtime(&site.file) {
            site = Place {
                file: class.key.file.clone(),
                line: class.key.line,
                column: class.key.column,
                ..Place::default()
            };
        }
        if is_runtime(&site.file) {
            site = Place::default();
        }
        ReportClass {
            name: self.name(id),
            site,
            hash: class.hash.to_string(),
            type_name: class.key.type_name,
            kind: class.key.kind,
            recursive_reads: class.attributes.recursive_reads,
        }
    }

    pub(crate) fn lock(&self, acquisition: &Acquisition) -> ReportLock {
        let frames = self.stack(acquisition);
        ReportLock {
            class: self.name(acquisition.class),
            hash: self.hash(acquisition.class),
            mode: acquisition.mode,
            wait: acquisition.wait,
            instance: acquisition.lock.instance(),
            site: with_frames(self.resolver.place(acquisition.site), &frames.frames),
            exact: frames.exact,
            frames: frames.frames,
            first_seen: Vec::new(),
        }
    }

    fn dependency(&self, step: &CycleStep) -> ReportDependency {
        let frames_held = self.stack(&step.from);
        let frames_acquire = self.stack(&step.to);
        ReportDependency {
            from: self.name(step.from.class),
            to: self.name(step.to.class),
            kind: step.kind,
            held_site: with_frames(self.resolver.place(step.from.site), &frames_held.frames),
            acquire_site: with_frames(self.resolver.place(step.to.site), &frames_acquire.frames),
            thread: self.resolver.task_name(step.task),
            count: step.count,
            frames_held,
            frames_acquire,
            held_mode: mode_of(step.from.mode, step.kind, false),
            acquire_mode: mode_of(step.to.mode, step.kind, true),
            from_hash: self.hash(step.from.class),
            to_hash: self.hash(step.to.class),
            instances: (step.from.lock.instance(), step.to.lock.instance()),
            closing: step.closing,
            acquire_wait: step.to.wait,
            process: self.resolver.process_name(step.task),
            shared: step.shared().map(|shared| Box::new(self.dependency(&shared))),
        }
    }

    /// The stack of an acquisition: its own, or that of another path to the same place.
    fn stack(&self, acquisition: &Acquisition) -> Frames {
        let is_exact = |stack| self.resolver.is_exact(stack);
        let exact = acquisition.stack_exact && acquisition.stack.is_none_or(is_exact);
        let mut frames =
            acquisition.stack.map(|stack| prune(self.resolver.frames(stack))).unwrap_or_default();
        with_site(&mut frames, &self.resolver.place(acquisition.site));
        Frames { exact, frames, first_seen: Vec::new() }
    }

    fn places(&self, violation: &Violation) -> Vec<LabelledPlace> {
        let place = |label: String, site: Site| LabelledPlace { label, place: self.resolver.place(site) };
        if let (Detail::Pinned { at }, Some(subject)) = (&violation.detail, &violation.subject) {
            return vec![place(format!("`{}` was pinned here", self.name(subject.class)), *at)];
        }
        if let (Detail::ByGuard, Some(subject)) = (&violation.detail, violation.subject) {
            let label = format!("the guard made here releases `{}`", self.name(subject.class));
            return vec![place(label, subject.site)];
        }
        let Detail::Context { context, used_in, enabled } = &violation.detail else { return Vec::new() };
        vec![
            place(format!("`{}` was acquired here, inside `{context}`", self.name(used_in.0)), used_in.1),
            place(
                format!("`{}` was acquired here, where `{context}` may interrupt", self.name(enabled.0)),
                enabled.1,
            ),
        ]
    }

    fn evidence(&self, evidence: &Evidence) -> ReportEvidence {
        ReportEvidence {
            same_instances: evidence.same_instances,
            sibling: evidence.sibling,
            gate: evidence.gate.map(|gate| self.name(gate)),
            threads: evidence.n_tasks,
            ordered: evidence.ordered,
            writer_seen: evidence.writer_seen,
            writer: evidence.writer.map(|(task, site)| SeenWriter {
                thread: self.resolver.task_name(task),
                place: self.resolver.place(site),
            }),
            timed: evidence.timed,
            movable: evidence.movable,
            declared: evidence.declared,
            owned: false,
            fresh: false,
            unpublished: evidence.unpublished,
            other_objects: evidence.other_objects,
            two_futures: evidence.two_futures,
            beside: evidence.beside,
        }
    }

    fn detail_words(&self, detail: &Detail) -> DetailWords {
        match detail {
            // Where it was pinned is one of the report's places.
            Detail::None | Detail::ByGuard | Detail::Pinned { .. } | Detail::Deadlock(_) => DetailWords::None,
            Detail::SelfDeadlock => DetailWords::SelfDeadlock,
            Detail::Context { context, used_in, enabled } => DetailWords::Context {
                context: context.clone(),
                used_in: self.name(used_in.0),
                enabled: self.name(enabled.0),
            },
            Detail::WaitType { wanted, limit, limited_by } => {
                DetailWords::WaitType { wanted, limit, limited_by: limited_by.map(|id| self.name(id)) }
            }
            Detail::Assertion(demand) => DetailWords::Assertion(demand.clone()),
            Detail::ClassOrder { order, held, wanted } => {
                DetailWords::ClassOrder { order: *order, held: *held, wanted: *wanted }
            }
            Detail::Misuse(misuse) => DetailWords::Misuse(*misuse),
        }
    }
}

/// The threads of a ring, in its order.
fn waiting_threads(builder: &Builder<'_>, tasks: &[WaitingTask]) -> Vec<WaitingThread> {
    let names: Vec<String> = tasks.iter().map(|task| builder.resolver.task_name(task.task)).collect();
    let next = |index: usize| names[(index + 1) % names.len()].clone();
    tasks
        .iter()
        .enumerate()
        .map(|(index, task)| WaitingThread {
            thread: names[index].clone(),
            wait: wait(builder, task),
            holds: task.held.iter().map(|held| builder.lock(&held.acquisition)).collect(),
            waits_for: next(index),
        })
        .collect()
}

/// What a task waits for.
pub(crate) fn wait(builder: &Builder<'_>, task: &WaitingTask) -> ThreadWait {
    let lock = |wanted: &LockUse| Some(builder.lock(&wanted.acquisition));
    let (kind, lock) = match &task.awaited {
        Awaited::Lock(wanted) => (WaitKind::Lock, lock(wanted)),
        Awaited::Upgrade(wanted) => (WaitKind::Upgrade, lock(wanted)),
        Awaited::Notification { mutex, .. } => (WaitKind::Notification, lock(mutex)),
        Awaited::End(_) => (WaitKind::ThreadEnd, None),
        Awaited::ScopeEnd(_) => (WaitKind::ScopeEnd, None),
        Awaited::Event(event) => (WaitKind::of(event.kind), None),
    };
    let end_of = match task.awaited {
        Awaited::End(child) => builder.resolver.task_name(child),
        _ => String::new(),
    };
    let site = match &lock {
        // With the caller that the stack knows.
        Some(lock) if kind == WaitKind::Lock => lock.site.clone(),
        _ => builder.resolver.place(task.site),
    };
    let resolver = builder.resolver;
    let event = task.awaited.event().and_then(|event| {
        WaitEvent::of(event, &|site| resolver.place(site), &|task| resolver.task_name(task))
    });
    let behind = task.behind.map_or_else(String::new, |writer| resolver.task_name(writer));
    ThreadWait { kind, lock, end_of, behind, event, site, waited_ms: task.waited_ms, timed: task.is_timed }
}

/// The mode as the dependency's kind has it. One witness may stand for several kinds of one
/// dependency; the kind that closes the cycle wins over what that witness happened to do.
fn mode_of(seen: Mode, kind: DependencyKind, acquired: bool) -> Mode {
    use DependencyKind::{ExclusiveNonrecursive, ExclusiveRecursive, SharedNonrecursive, SharedRecursive};
    match (kind, acquired) {
        (ExclusiveRecursive | ExclusiveNonrecursive, false) => Mode::Exclusive,
        (SharedRecursive | SharedNonrecursive, false) if seen == Mode::Exclusive => Mode::Shared,
        (ExclusiveRecursive | SharedRecursive, true) => Mode::SharedRecursive,
        (_, true) if seen == Mode::SharedRecursive => Mode::Shared,
        _ => seen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn the_kind_decides_how_a_lock_was_held() {
        assert_eq!(mode_of(Mode::Exclusive, DependencyKind::SharedNonrecursive, false), Mode::Shared);
        assert_eq!(mode_of(Mode::Exclusive, DependencyKind::ExclusiveNonrecursive, true), Mode::Exclusive);
        assert_eq!(mode_of(Mode::Shared, DependencyKind::ExclusiveRecursive, true), Mode::SharedRecursive);
    }
}
