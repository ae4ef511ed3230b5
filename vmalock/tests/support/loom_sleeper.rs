//! `sleeper.rs` over loom: its park has a token as well, and no program shares it with us.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use loom::thread::{Thread, current, park};

#[derive(Debug)]
pub(crate) struct Sleeper(Mutex<Option<Thread>>);

impl Sleeper {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(None))
    }

    pub(crate) fn bind(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(current());
    }

    /// No time passes in a model: a wait that no thread ends is a deadlock, which the model looks
    /// for.
    #[expect(clippy::unused_self, reason = "as the real one")]
    pub(crate) fn sleep(&self, _limit: Option<Duration>) {
        park();
    }

    pub(crate) fn wake(&self) {
        // The handle is cloned out, so that no lock is held across the unpark.
        let thread = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(thread) = thread {
            thread.unpark();
        }
    }
}
