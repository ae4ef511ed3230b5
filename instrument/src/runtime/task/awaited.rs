//! What the threads acquired whose end another one may wait for: by a join, or at the end of a
//! `thread::scope`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use lockdep_validator::{Noted, Site, TaskId};
use rustc_hash::FxHashMap;

/// More threads than this at once are not watched for waits: joining them shows nothing.
const MAX_THREADS: usize = 1 << 16;

/// The threads that are awaited or may be. A leaf lock.
#[derive(Debug, Default)]
pub(crate) struct Awaited(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    threads: FxHashMap<TaskId, Thread>,
    /// The threads of each running scope whose opener is watched, by the address of the scope.
    scopes: FxHashMap<usize, Vec<TaskId>>,
}

/// A thread that another one may wait for.
#[derive(Debug)]
pub(crate) struct Thread {
    pub(crate) task: TaskId,
    pub(crate) spawned_at: Site,
    /// Empty until the thread has ended.
    pub(crate) acquired: Vec<Noted>,
}

impl Awaited {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread is about to start: a handle will wait for it, or a scope.
    pub(crate) fn expect(&self, task: TaskId, scope: Option<usize>, spawned_at: Site) {
        let mut inner = self.inner();
        if let Some(scope) = scope {
            // A scope whose opener is not watched has no entry: its end reads none.
            let Some(tasks) = inner.scopes.get_mut(&scope) else { return };
            tasks.push(task);
        }
        if inner.threads.len() < MAX_THREADS {
            inner.threads.insert(task, Thread { task, spawned_at, acquired: Vec::new() });
        }
    }

    /// The thread has ended.
    pub(crate) fn ended(&self, task: TaskId, acquired: Vec<Noted>) {
        if let Some(thread) = self.inner().threads.get_mut(&task) {
            thread.acquired = acquired;
        }
    }

    /// A thread has waited for this one, or nothing will.
    pub(crate) fn take(&self, task: TaskId) -> Option<Thread> {
        self.inner().threads.remove(&task)
    }

    /// A watched thread opens the scope.
    pub(crate) fn open(&self, scope: usize) {
        self.inner().scopes.insert(scope, Vec::new());
    }

    /// The scope ends: returns every thread of it, and what those acquired that no thread has
    /// joined; `None` if its opener is not watched.
    pub(crate) fn close(&self, scope: usize) -> Option<(Vec<TaskId>, Vec<Thread>)> {
        let mut inner = self.inner();
        let tasks = inner.scopes.remove(&scope)?;
        let threads = tasks.iter().filter_map(|task| inner.threads.remove(task)).collect();
        Some((tasks, threads))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_waits_for_the_threads_that_were_not_joined() {
        let awaited = Awaited::default();
        let [joined, left, other] = [1, 2, 3].map(TaskId);
        awaited.open(64);
        awaited.expect(joined, Some(64), Site(1));
        awaited.expect(left, Some(64), Site(2));
        awaited.expect(other, None, Site(3));
        awaited.ended(joined, Vec::new());
        assert_eq!(awaited.take(joined).map(|thread| thread.spawned_at), Some(Site(1)));
        let (tasks, threads) = awaited.close(64).expect("it was opened");
        assert_eq!(tasks, [joined, left]);
        assert_eq!(threads.iter().map(|thread| thread.task).collect::<Vec<_>>(), [left]);
        assert!(awaited.close(64).is_none() && awaited.take(left).is_none());
        assert!(awaited.take(other).is_some() && awaited.inner().threads.is_empty());
        awaited.expect(left, Some(65), Site(4));
        assert!(awaited.inner().threads.is_empty(), "a scope that is not watched");
    }
}
