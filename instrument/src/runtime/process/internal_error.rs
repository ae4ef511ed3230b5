//! Internal errors, panics of our own: they turn validation off, with one line, and never reach the
//! watched program.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::runtime::process::{state, stderr};

/// Runs `run`; `None` if it panicked, which turns validation off.
pub(crate) fn guard<T>(run: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(value) => Some(value),
        Err(payload) => {
            disable(&*payload);
            None
        }
    }
}

/// Turns validation off for good. Said once.
#[cold]
#[inline(never)]
pub(crate) fn disable(payload: &(dyn Any + Send)) {
    static SAID: AtomicBool = AtomicBool::new(false);
    state::set(false);
    // ORDERING: Relaxed: one thread sees false and speaks.
    if SAID.swap(true, Ordering::Relaxed) {
        return;
    }
    let what = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message");
    stderr::notice(&format!("internal error, validation is off from here on: {what}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_through() {
        assert_eq!(guard(|| 7), Some(7));
    }
}
