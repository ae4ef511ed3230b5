//! How a thread sleeps until another one wakes it.
//!
//! Not `std::thread::park`: its token belongs to the program, and a wait inside a lock would take a
//! token that the program sent for a wait of its own.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A place where one thread sleeps. A wake that comes before the sleep ends that.
#[derive(Debug, Default)]
pub(crate) struct Sleeper {
    state: Mutex<State>,
    woken: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Another thread woke this one, and it has not looked yet.
    has_token: bool,
    is_asleep: bool,
}

impl Sleeper {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Makes it the calling thread's.
    pub(crate) fn bind(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// Sleeps until woken, or for `limit`; may end for no reason.
    pub(crate) fn sleep(&self, limit: Option<Duration>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.has_token {
            state.is_asleep = true;
            state = match limit {
                None => self.woken.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(limit) => {
                    self.woken.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner).0
                }
            };
            state.is_asleep = false;
        }
        state.has_token = false;
    }

    /// Ends the present sleep, or the next.
    pub(crate) fn wake(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.has_token = true;
        let is_asleep = state.is_asleep;
        drop(state);
        // A wake-up is a call of the kernel; mostly no thread sleeps.
        if is_asleep {
            self.woken.notify_one();
        }
    }
}
