//! The union, checked again by the engine: the cycles that no single process saw.
//!
//! Each distinct dependency is replayed as what it was: a task takes the outer lock and the gates,
//! then the inner one. Which lock of a class with several was held as a guard no record tells: one
//! is taken for all of a process, which lowers a cycle to a warning. Locks of different processes
//! are different locks, but for statics and classes whose author declared them interchangeable; so
//! the level says for the union what it says for one process.

use std::num::NonZeroU32;

use lockdep_report::build::{Resolver, report};
use lockdep_report::model::Report;
use lockdep_report::note::Note;
use lockdep_report::place::{Frame, Frames, Place};
use lockdep_validator::{
    Acquire, ClassAttributes, ClassHash, ClassId, Code, Config, Level, LockId, Mode, OwnStack, Site, StackId,
    StackSource, TaskContext, TaskId, Validation, Validator, Violation, Wait,
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::labels;
use super::union::{DependencyKey, JoinedDependency, JoinedReport, Union};

/// Checks the union and adds what it finds to [`Union::reports`]. `is_static` says whether the
/// locks of a class are statics, so that all processes mean the same lock.
pub(crate) fn recheck(union: &mut Union, is_static: &dyn Fn(&lockdep_report::record::ClassRecord) -> bool) {
    let mut replay = Replay::new(union, is_static);
    let violations = replay.run(union);
    let found: Vec<_> =
        violations.iter().map(|violation| report(&replay.validator, violation, &replay.tokens)).collect();
    for mut report in found {
        lowered(&mut report, &replay.shared);
        // A replay gives the locks of several processes one number.
        report.cycle.iter_mut().for_each(|step| step.shared = None);
        report.counters = union.counters();
        let identity = report.identity();
        match union.reports.get_mut(&identity) {
            Some(known) if known.report.rank() >= report.rank() => {}
            Some(known) => known.report = report,
            None => {
                union.reports.insert(identity, JoinedReport { report, others: Vec::new(), runs: Vec::new() });
            }
        }
    }
}

/// Takes back that the objects are the same where they only are the one lock of their class in
/// different processes.
fn lowered(report: &mut Report, shared: &FxHashSet<ClassHash>) {
    let is_shared = |hash: &str| ClassHash::parse(hash).is_some_and(|hash| shared.contains(&hash));
    let is_one_process = report.cycle.windows(2).all(|pair| pair[0].process == pair[1].process);
    if is_one_process
        || report.level != Level::Error
        || report.cycle.iter().all(|step| is_shared(&step.from_hash))
    {
        return;
    }
    report.level = Level::Warning;
    report.evidence.same_instances = false;
    report.evidence.declared = false;
    report.notes.retain(|note| !matches!(note, Note::SameObjects | Note::Interchangeable));
    report.notes.insert(0, Note::SeparateProcesses);
}

/// The engine, and what its tokens mean.
struct Replay {
    validator: Validator,
    classes: FxHashMap<ClassHash, ClassId>,
    /// Classes whose locks are the same in every process, or as good as that: statics, and declared
    /// ones.
    shared: FxHashSet<ClassHash>,
    tokens: Tokens,
    instances: FxHashMap<(ClassHash, usize, u64), u64>,
    tasks: FxHashMap<(usize, u32, String), TaskId>,
    /// Where each class was taken when it was held around another, for gates.
    gate_places: FxHashMap<ClassHash, Place>,
    /// Classes of which one process used several locks.
    several: FxHashSet<ClassHash>,
}

/// What sites, stacks and tasks stand for.
#[derive(Default)]
struct Tokens {
    places: Vec<Place>,
    stacks: Vec<Frames>,
    /// Thread and process.
    tasks: Vec<(String, String)>,
}

impl Resolver for Tokens {
    fn place(&self, site: Site) -> Place {
        let index = usize::try_from(site.0).ok().and_then(|number| number.checked_sub(1));
        index.and_then(|index| self.places.get(index)).cloned().unwrap_or_default()
    }

    fn frames(&self, stack: StackId) -> Vec<Frame> {
        self.stacks.get(stack.0.get() as usize - 1).map(|stack| stack.frames.clone()).unwrap_or_default()
    }

    fn is_exact(&self, stack: StackId) -> bool {
        self.stacks.get(stack.0.get() as usize - 1).is_none_or(|stack| stack.exact)
    }

    fn task_name(&self, task: TaskId) -> String {
        self.tasks.get(task.0 as usize).map(|(thread, _)| thread.clone()).unwrap_or_default()
    }

    fn process_name(&self, task: TaskId) -> String {
        self.tasks.get(task.0 as usize).map(|(_, process)| process.clone()).unwrap_or_default()
    }
}

impl Tokens {
    fn site(&mut self, place: &Place) -> Site {
        self.places.push(place.clone());
        Site(self.places.len() as u64)
    }
}

/// Gives the engine the stack that the record has for this acquisition.
struct Recorded(Option<StackId>);

impl StackSource for Recorded {
    fn capture(&self) -> Option<StackId> {
        self.0
    }
}

impl Replay {
    fn new(union: &Union, is_static: &dyn Fn(&lockdep_report::record::ClassRecord) -> bool) -> Self {
        let mut config = Config::user();
        config.max_reports = usize::MAX;
        let validator = Validator::new(config);
        let mut tokens = Tokens::default();
        let mut classes = FxHashMap::default();
        let mut shared = FxHashSet::default();
        let mut known: Vec<_> = union.classes.values().collect();
        known.sort_unstable_by_key(|class| class.hash);
        for class in known {
            if class.declared || (!union.several.contains(&class.hash) && is_static(class)) {
                shared.insert(class.hash);
            }
            let attributes = ClassAttributes {
                declared: class.declared,
                validation: if class.ordered { Validation::Full } else { Validation::Simple },
                ..ClassAttributes::default()
            };
            let site = tokens.site(&class.site);
            if let Some(id) = validator.register_class(&labels::key(class), site, attributes) {
                classes.insert(class.hash, id);
            }
        }
        let held = union.dependencies.values().map(|seen| &seen.first.from);
        let gate_places = held.map(|lock| (lock.class, lock.site.clone())).collect();
        let mut several = union.several.clone();
        let guards: FxHashSet<ClassHash> =
            union.dependencies.keys().flat_map(|key| &key.guards).copied().collect();
        let mut context = TaskContext::new(TaskId(u32::MAX));
        for id in guards.iter().filter_map(|guard| classes.get(guard)) {
            // That a class has several locks has to be known before one of them guards anything.
            for instance in [u64::MAX, u64::MAX - 1] {
                let lock = LockId::new(*id, instance);
                let acquire = Acquire::new(lock, Mode::Exclusive, Wait::Blocking, Site(0));
                let _ = validator.acquire(&mut context, &acquire, &Recorded(None));
                let _ = validator.release(&mut context, lock, Site(0));
            }
        }
        several.extend(guards);
        let (instances, tasks) = (FxHashMap::default(), FxHashMap::default());
        Self { validator, classes, shared, tokens, instances, tasks, gate_places, several }
    }

    fn run(&mut self, union: &Union) -> Vec<Violation> {
        let mut violations = Vec::new();
        for (key, seen) in &union.dependencies {
            // An order between two locks of one class is one of instances: only their own process
            // can judge it.
            if key.from != key.to {
                self.replay(union, key, seen, &mut violations);
            }
        }
        // A level that rose was reported again: the last word counts.
        let mut last: FxHashMap<_, Violation> = FxHashMap::default();
        let mut order = Vec::new();
        for violation in violations {
            // Classes that differ only in their line share a fingerprint.
            let mut classes: Vec<ClassId> = violation.cycle.iter().map(|step| step.from.class).collect();
            let smallest = (0..classes.len()).min_by_key(|&index| classes[index]).unwrap_or_default();
            classes.rotate_left(smallest);
            let key = (violation.fingerprint, classes);
            if last.insert(key.clone(), violation).is_none() {
                order.push(key);
            }
        }
        order.into_iter().filter_map(|key| last.remove(&key)).collect()
    }

    fn replay(
        &mut self,
        union: &Union,
        key: &DependencyKey,
        seen: &JoinedDependency,
        violations: &mut Vec<Violation>,
    ) {
        let first = &seen.first;
        let task = self.task(union, seen);
        let mut context = TaskContext::new(task);
        // Where a gate was taken is not recorded, only that it was held in the end. A try adds no
        // dependency *to* the gate, so that taken last it adds none that was not there.
        let nothing = Frames::default();
        let gate = |hash: &ClassHash| {
            let place = self.gate_places.get(hash).cloned().unwrap_or_default();
            (*hash, Mode::Exclusive, Wait::Try, place, 0, nothing.clone())
        };
        let lock = |lock: &lockdep_report::record::RecordedLock, frames: &Frames| {
            (lock.class, lock.mode, lock.wait, lock.site.clone(), lock.instance, frames.clone())
        };
        let chain: Vec<_> = [lock(&first.from, &first.frames_held)]
            .into_iter()
            .chain(key.gates.iter().chain(&key.guards).map(gate))
            .chain([lock(&first.to, &first.frames_acquire)])
            .collect();
        let mut held = Vec::new();
        for (class, mode, wait, place, instance, frames) in chain {
            let Some(&id) = self.classes.get(&class) else { continue };
            let lock = LockId::new(id, self.instance(class, seen.run, instance));
            let site = self.tokens.site(&place);
            let stack = self.stack(frames);
            let mut acquire = Acquire::new(lock, mode, wait, site);
            if first.unpublished && class == first.to.class {
                // Each lies in a place of its own, so that no other sighting of the lock is taken
                // for one of the same object there.
                acquire.is_first = true;
                acquire.address = self.tokens.places.len();
                acquire.own_stack = OwnStack { start: 1, end: usize::MAX };
            }
            if let Some(findings) =
                self.validator.acquire(&mut context, &acquire, &Recorded(stack)).into_findings()
            {
                violations
                    .extend(findings.violations.into_iter().filter(|v| v.code == Code::CircularDependency));
            }
            held.push((lock, site));
        }
        for (lock, site) in held.into_iter().rev() {
            // Nothing that a release could find is news: each was acquired just above.
            let _ = self.validator.release(&mut context, lock, site);
        }
    }

    fn task(&mut self, union: &Union, seen: &JoinedDependency) -> TaskId {
        let key = (seen.run, seen.first.task, seen.first.thread.clone());
        if let Some(&task) = self.tasks.get(&key) {
            return task;
        }
        let task = TaskId(u32::try_from(self.tokens.tasks.len()).unwrap_or(u32::MAX));
        self.tokens.tasks.push((seen.first.thread.clone(), union.run_label(seen.run)));
        self.tasks.insert(key, task);
        task
    }

    /// A number for the lock. Classes of which every process used one lock keep one number, or no
    /// gate would ever count; that these locks are not the same is put right in [`lowered`].
    fn instance(&mut self, class: ClassHash, run: usize, instance: u64) -> u64 {
        if !self.several.contains(&class) {
            return 1;
        }
        let next = self.instances.len() as u64 + 2;
        *self.instances.entry((class, run, instance)).or_insert(next)
    }

    fn stack(&mut self, frames: Frames) -> Option<StackId> {
        if frames.is_empty() {
            return None;
        }
        self.tokens.stacks.push(frames);
        u32::try_from(self.tokens.stacks.len()).ok().and_then(NonZeroU32::new).map(StackId)
    }
}

#[cfg(test)]
mod tests {
    use lockdep_report::record::{ClassRecord, Record};
    use lockdep_validator::LockClassKey;

    use super::*;
    use crate::records::fixture::{class, dependency, record, union_of};

    fn classes() -> [ClassRecord; 4] {
        [1, 2, 3, 4].map(|line| class(u64::from(line), "src/a.rs", line)).map(|mut class| {
            let key = LockClassKey {
                kind: class.kind.clone(),
                type_name: class.type_name.clone(),
                file: class.file.clone(),
                line: class.site.line,
                column: class.site.column,
                ..LockClassKey::default()
            };
            class.hash = key.hash();
            class
        })
    }

    /// One process for each list of (held, taken, gate).
    fn levels(processes: &[&[(usize, usize, Option<usize>)]], is_static: bool) -> Vec<&'static str> {
        let all = classes();
        let records: Vec<String> = processes
            .iter()
            .enumerate()
            .map(|(pid, steps)| {
                let mut lines: Vec<Record> = all.iter().cloned().map(Record::Class).collect();
                lines.extend(steps.iter().map(|&(from, to, gate)| {
                    let mut line = dependency(&all[from], &all[to], 10, "t");
                    line.gates = gate.map(|gate| all[gate].hash).into_iter().collect();
                    Record::Dependency(line)
                }));
                record(u32::try_from(pid).expect("few"), "", lines, true)
            })
            .collect();
        let mut union = union_of(&records);
        recheck(&mut union, &|_| is_static);
        union.reports.values().map(|joined| joined.report.level.as_str()).collect()
    }

    #[test]
    fn opposite_orders_of_two_processes_are_found() {
        assert_eq!(
            levels(&[&[(0, 1, None)], &[(1, 0, None)]], false),
            ["warning"],
            "other locks, the same classes"
        );
        assert_eq!(levels(&[&[(0, 1, None)], &[(1, 0, None)]], true), ["error"], "the same statics");
        assert_eq!(levels(&[&[(0, 1, None)], &[(1, 2, None)], &[(2, 0, None)]], false), ["warning"]);
        assert!(levels(&[&[(0, 1, None)], &[(0, 1, None)]], false).is_empty());
        // These classes differ only in their lines, which are not part of a fingerprint.
        assert_eq!(
            levels(&[&[(0, 1, None), (2, 3, None)], &[(1, 0, None), (3, 2, None)]], false),
            ["warning", "warning"]
        );
    }

    #[test]
    fn one_of_several_locks_around_both_orders_leaves_a_warning() {
        let all = classes();
        let level = |guards: [usize; 2]| {
            let mut lines: Vec<Record> = all.iter().cloned().map(Record::Class).collect();
            for ((from, to), guard) in [(0, 1), (1, 0)].into_iter().zip(guards) {
                let mut line = dependency(&all[from], &all[to], 10, "t");
                line.guards = vec![all[guard].hash];
                lines.push(Record::Dependency(line));
            }
            let mut union = union_of(&[record(1, "", lines, true)]);
            recheck(&mut union, &|_| false);
            union.reports.values().map(|joined| joined.report.level.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(level([2, 2]), ["warning"], "perhaps the same lock");
        assert_eq!(level([2, 3]), ["error"], "locks of two classes");
    }

    #[test]
    fn a_gate_adds_no_dependency_of_its_own() {
        // 0 -> 1 -> 2 -> 3 held at once: 0 is a gate of the last step, but nothing recorded that 2
        // was taken under it.
        assert!(levels(&[&[(0, 1, None), (1, 2, Some(0)), (2, 3, Some(0))]], false).is_empty());
        assert_eq!(
            levels(&[&[(0, 1, Some(2))], &[(1, 0, Some(2))]], false),
            ["note"],
            "one gate around both"
        );
    }
}
