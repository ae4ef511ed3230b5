//! From what was read of each thread to the report: identical threads folded, the root first.

use std::collections::BTreeMap;

use lockdep_validator::{Awaited, ClassId, EventKind, EventUse, LockUse, Site, TaskId, Waiting, WaitingTask};

use super::given_up;
use super::graph::{Graph, Ordered};
use crate::build::{self, Builder, Classes, Resolver};
use crate::frames::prune;
use crate::hang_report::{HANG_SCHEMA, HangChild, HangReason, HangReport, HangRole, HangState, HangThread};
use crate::names::Names;
use crate::place::Frame;

/// What was asked, and by what.
#[derive(Clone, Debug)]
pub struct HangHead {
    /// The process.
    pub pid: u32,
    /// The test it was started for, or nothing.
    pub test: String,
    /// Why the report is made.
    pub reason: HangReason,
    /// The signal that asked for it, or nothing.
    pub signal: String,
    /// What could not be read.
    pub remarks: Vec<String>,
}

/// A thread as it was read.
#[derive(Clone, Debug)]
pub struct SeenThread {
    /// What the operating system calls it.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// What the validator knows of it; `None` if it is not watched.
    pub task: Option<SeenTask>,
    /// Whether it runs.
    pub state: HangState,
    /// The system call that it sleeps in, by name; empty if unknown.
    pub system_call: String,
    /// The child process that it waits for.
    pub child: Option<HangChild>,
    /// Its stack, innermost first; else why it is not known.
    pub stack: Result<Vec<usize>, String>,
}

/// What the validator knows of a thread.
#[derive(Clone, Debug)]
pub struct SeenTask {
    /// Its number.
    pub task: TaskId,
    /// The scope whose thread it is; zero for none.
    pub scope: u64,
    /// The thread that started it, directly or through others; the thread itself if none did.
    pub origin: TaskId,
    /// What it waits for, if it has said so.
    pub wait: Option<WaitingTask>,
    /// What it holds, if it does not wait; `None` if that could not be read.
    pub held: Option<Vec<LockUse>>,
}

impl SeenTask {
    fn held(&self) -> Option<&[LockUse]> {
        self.wait.as_ref().map(|wait| wait.held.as_slice()).or(self.held.as_deref())
    }
}

/// Threads that do the same.
struct Fold<'a> {
    first: &'a SeenThread,
    same: Vec<&'a SeenThread>,
    waited_ms: u64,
}

/// Builds the report. `names` gives an address of a stack its functions.
pub fn build(
    head: HangHead,
    threads: &[SeenThread],
    classes: &dyn Classes,
    resolver: &dyn Resolver,
    names: &mut dyn FnMut(usize) -> Vec<Frame>,
) -> HangReport {
    let threads = without_given_up(threads, resolver, names);
    let folds = folded(&threads);
    let tasks: Vec<WaitingTask> = folds.iter().map(as_task).collect();
    let waits_for = edges(&folds, &tasks);
    let n_threads: Vec<usize> = folds.iter().map(|fold| 1 + fold.same.len()).collect();
    let mut ordered = Graph { waits_for: &waits_for, n_threads: &n_threads }.ordered();
    put_idle_last(&mut ordered, &folds);
    let ids = class_ids(&folds);
    let builder = Builder { classes, resolver, names: Names::new(&ids, &|id| classes.class(id)) };
    let mut position = vec![0; folds.len()];
    ordered.order.iter().enumerate().for_each(|(new, old)| position[*old] = new);
    let entries = ordered.order.iter().map(|&at| {
        let fold = &folds[at];
        let mut thread = entry(fold, &Waiting(&tasks).with_writer(at), &builder, names);
        thread.role = ordered.roles[at];
        thread.n_waiters = ordered.n_waiters[at];
        thread.waits_for = waits_for[at].iter().map(|to| position[*to]).collect();
        thread
    });
    HangReport {
        schema: HANG_SCHEMA,
        pid: head.pid,
        test: head.test,
        reason: head.reason,
        signal: head.signal,
        n_threads: threads.len(),
        threads: entries.collect(),
        classes: ids.iter().map(|id| builder.named_class(*id)).collect(),
        remarks: head.remarks,
        lines: Vec::new(),
    }
}

/// The threads, without the mutexes that they have given up for a wait that is not watched.
fn without_given_up(
    threads: &[SeenThread],
    resolver: &dyn Resolver,
    names: &mut dyn FnMut(usize) -> Vec<Frame>,
) -> Vec<SeenThread> {
    let mut threads = threads.to_vec();
    for thread in &mut threads {
        let held = thread.task.as_mut().and_then(|task| task.held.as_mut());
        if let (Some(held), Ok(stack)) = (held, &thread.stack)
            && let sites = held.iter().map(|lock| lock.acquisition.site).collect::<Vec<_>>()
            && let Some(index) = given_up::index(&sites, stack, resolver, names)
        {
            held.remove(index);
        }
    }
    threads
}

/// Threads that wait in the same way, hold the same and have the same stack.
fn folded(threads: &[SeenThread]) -> Vec<Fold<'_>> {
    let mut folds: Vec<Fold<'_>> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for thread in threads {
        let waited_ms =
            thread.task.as_ref().and_then(|task| task.wait.as_ref()).map_or(0, |wait| wait.waited_ms);
        let key = key(thread);
        if let Some(index) = known.get(&key) {
            folds[*index].same.push(thread);
            folds[*index].waited_ms = folds[*index].waited_ms.max(waited_ms);
        } else {
            known.insert(key, folds.len());
            folds.push(Fold { first: thread, same: Vec::new(), waited_ms });
        }
    }
    folds
}

fn key(thread: &SeenThread) -> String {
    let task = thread.task.as_ref().map(|task| {
        let wait = task.wait.as_ref().map(|wait| (without_own(&wait.awaited), wait.site, wait.is_timed));
        let origin = (task.origin != task.task).then_some(task.origin);
        (task.scope, origin, wait, task.held())
    });
    let child = thread.child.as_ref().map(|child| child.id);
    format!("{task:?} {:?} {} {child:?} {:?}", thread.state, thread.system_call, thread.stack)
}

/// What is waited for, without what each parked thread has of its own.
fn without_own(awaited: &Awaited) -> Awaited {
    match awaited {
        Awaited::Event(event) if event.kind == EventKind::Token => {
            Awaited::Event(EventUse::unknown(event.kind))
        }
        other => other.clone(),
    }
}

/// For each entry those that it waits for.
fn edges(folds: &[Fold<'_>], tasks: &[WaitingTask]) -> Vec<Vec<usize>> {
    let is_waiting = |at: usize| folds[at].first.task.as_ref().is_some_and(|task| task.wait.is_some());
    let all = Waiting(tasks);
    (0..folds.len())
        .map(|from| {
            let others = (0..folds.len()).filter(|to| {
                is_waiting(from)
                    && (*to != from || !folds[from].same.is_empty())
                    && all.waits_for(from, *to, true)
            });
            others.collect()
        })
        .collect()
}

/// The entry as one that waits. What does not wait is given a wait for the end of the task zero,
/// which does not exist.
fn as_task(fold: &Fold<'_>) -> WaitingTask {
    let nothing = WaitingTask {
        task: TaskId(0),
        awaited: Awaited::End(TaskId(0)),
        site: Site::UNKNOWN,
        waited_ms: 0,
        is_timed: false,
        held: Vec::new(),
        scope: 0,
        behind: None,
    };
    let Some(task) = &fold.first.task else { return WaitingTask { task: TaskId(u32::MAX), ..nothing } };
    task.wait.clone().unwrap_or_else(|| WaitingTask {
        task: task.task,
        held: task.held.clone().unwrap_or_default(),
        scope: task.scope,
        ..nothing
    })
}

/// Several threads wait for work if they hold nothing, no thread waits for them, and no thread
/// holds what they wait for. Another thread then has to explain the hang.
fn put_idle_last(ordered: &mut Ordered, folds: &[Fold<'_>]) {
    if !ordered.roles.iter().any(|role| matches!(role, HangRole::Ring | HangRole::Root)) {
        return;
    }
    for (at, fold) in folds.iter().enumerate() {
        let holds_nothing = |task: &SeenTask| task.held().is_some_and(<[_]>::is_empty);
        let is_for_lock = |task: &SeenTask| {
            task.wait
                .as_ref()
                .is_some_and(|wait| matches!(wait.awaited, Awaited::Lock(_) | Awaited::Upgrade(_)))
        };
        let is_idle = ordered.roles[at] == HangRole::Other
            && !fold.same.is_empty()
            && fold.first.state != HangState::Running
            && fold.first.task.as_ref().is_none_or(|task| holds_nothing(task) && !is_for_lock(task));
        if is_idle {
            ordered.roles[at] = HangRole::Idle;
        }
    }
    let roles = &ordered.roles;
    ordered.order.sort_by_key(|at| roles[*at] == HangRole::Idle);
}

/// Every class that the report names.
fn class_ids(folds: &[Fold<'_>]) -> Vec<ClassId> {
    let mut ids = Vec::new();
    for task in folds.iter().filter_map(|fold| fold.first.task.as_ref()) {
        let wanted = task.wait.as_ref().and_then(|wait| wait.awaited.lock());
        for lock in wanted.into_iter().chain(task.held().unwrap_or_default()) {
            if !ids.contains(&lock.acquisition.class) {
                ids.push(lock.acquisition.class);
            }
        }
    }
    ids
}

fn entry(
    fold: &Fold<'_>,
    task: &WaitingTask,
    builder: &Builder<'_>,
    names: &mut dyn FnMut(usize) -> Vec<Frame>,
) -> HangThread {
    let first = fold.first;
    let wait = first.task.as_ref().and_then(|task| task.wait.as_ref()).map(|wait| {
        let awaited = if fold.same.is_empty() { wait.awaited.clone() } else { without_own(&wait.awaited) };
        let waited_ms = fold.waited_ms;
        let wait = WaitingTask { awaited, waited_ms, behind: task.behind, ..wait.clone() };
        build::wait(builder, &wait)
    });
    let held = first.task.as_ref().map(SeenTask::held);
    let frames = first.stack.as_ref().map_or_else(
        |_| Vec::new(),
        |stack| shown(without_signal(stack.iter().flat_map(|address| names(*address)).collect())),
    );
    let origin = first.task.as_ref().filter(|task| task.origin != task.task);
    let started_by = origin.map_or_else(String::new, |task| builder.resolver.task_name(task.origin));
    HangThread {
        // Every thread comes from the first one.
        started_by: if started_by == "main" { String::new() } else { started_by },
        thread: first.name.clone(),
        id: first.id,
        same: fold.same.iter().map(|other| other.name.clone()).collect(),
        watched: first.task.is_some(),
        state: first.state,
        system_call: first.system_call.clone(),
        child: first.child.clone(),
        wait,
        holds: held
            .flatten()
            .unwrap_or_default()
            .iter()
            .map(|held| builder.lock(&held.acquisition))
            .collect(),
        holds_unknown: held.is_some_and(|held| held.is_none()),
        no_stack: first.stack.as_ref().err().cloned().unwrap_or_default(),
        frames,
        ..HangThread::default()
    }
}

/// The stack as a reader wants to see it. A condition variable that is not instrumented stays on
/// it: nothing else says what the thread waits for.
fn shown(frames: Vec<Frame>) -> Vec<Frame> {
    match given_up::split(&frames) {
        Some((wait, rest)) => std::iter::once(wait.clone()).chain(prune(rest.to_vec())).collect(),
        None => prune(frames),
    }
}

/// Drops what runs in the handler that asks for the report.
fn without_signal(mut frames: Vec<Frame>) -> Vec<Frame> {
    let is_ours = |frame: &Frame| frame.function.contains("lockdep::runtime::hang::");
    if let Some(last) = frames.iter().rposition(is_ours) {
        frames.drain(..=last);
    }
    frames
}
