//! What the threads of each running `thread::scope` acquired.

use std::sync::{Mutex, PoisonError};

use lockdep_validator::TaskId;
use lockdep_validator::base::acquisition::Acquisition;
use rustc_hash::FxHashMap;

/// What the threads of each running scope acquired, by the address of the scope. A leaf lock.
#[derive(Debug, Default)]
pub(crate) struct Scopes(Mutex<FxHashMap<usize, Acquired>>);

/// What the ended threads of one scope acquired, and who they were.
#[derive(Debug, Default)]
pub(crate) struct Acquired {
    pub(crate) acquisitions: Vec<Acquisition>,
    pub(crate) tasks: Vec<TaskId>,
}

impl Scopes {
    /// A watched thread opens the scope.
    pub(crate) fn open(&self, scope: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(scope, Acquired::default());
    }

    /// A thread of the scope has ended.
    pub(crate) fn add(&self, scope: usize, task: TaskId, acquired: Vec<Acquisition>) {
        let mut scopes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A scope whose opener is not watched has no entry: its end reads none.
        if let Some(all) = scopes.get_mut(&scope) {
            all.acquisitions.extend(acquired);
            all.tasks.push(task);
        }
    }

    /// The scope ends; returns what its threads acquired, if its opener is watched.
    pub(crate) fn close(&self, scope: usize) -> Option<Acquired> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&scope)
    }
}
