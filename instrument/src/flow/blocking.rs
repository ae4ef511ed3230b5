//! Threads that wait for async locks, as `blocking_lock` does.

use crate::runtime::{event::flows, process::state};

/// While this exists, what the running thread awaits belongs to the thread, unless it runs a task.
#[derive(Debug)]
#[must_use = "it is over when this is dropped"]
pub struct Blocking {
    /// Whether the thread did so before; `None` with validation off.
    before: Option<bool>,
}

impl Blocking {
    /// The thread begins to wait.
    #[expect(clippy::new_without_default, reason = "it is a moment, no value")]
    pub fn new() -> Self {
        Self { before: state::is_on().then(|| flows::set_blocks(true)) }
    }
}

impl Drop for Blocking {
    fn drop(&mut self) {
        if let Some(before) = self.before {
            flows::set_blocks(before);
        }
    }
}
