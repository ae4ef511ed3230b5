//! The RCU read section: what keeps the nodes of the VMA tree while they are walked.
//!
//! It is `crossbeam-epoch`'s pin. It protects *nodes*, not VMAs: those are recycled at once,
//! whatever sections are open.

use std::cell::Cell;
use std::marker::PhantomData;

use crossbeam_epoch::{Guard, pin};

/// How many sections of the thread are open, and the number of the newest outermost one.
#[derive(Clone, Copy)]
struct Sections {
    n_open: u32,
    newest: u64,
}

std::thread_local! {
    static SECTIONS: Cell<Sections> = const { Cell::new(Sections { n_open: 0, newest: 0 }) };
}

/// An open RCU read section (`rcu_read_lock` … `rcu_read_unlock`). May be nested; must not be kept
/// while blocking.
#[derive(Debug)]
#[must_use = "the section ends when this is dropped"]
pub struct RcuGuard {
    pub(crate) guard: Guard,
    _not_send: PhantomData<*const ()>,
}

/// Opens an RCU read section.
#[inline]
pub fn rcu_read_lock() -> RcuGuard {
    let guard = pin();
    SECTIONS.with(|cell| {
        let Sections { n_open, newest } = cell.get();
        cell.set(Sections { n_open: n_open + 1, newest: newest + u64::from(n_open == 0) });
    });
    RcuGuard { guard, _not_send: PhantomData }
}

/// Returns whether the calling thread is in an RCU read section (`rcu_read_lock_held`).
#[must_use]
pub fn rcu_read_lock_held() -> bool {
    SECTIONS.get().n_open != 0
}

impl RcuGuard {
    /// The number of the outermost section that is open: no two sections of a thread have the same
    /// one.
    // An associated function of the guard, although the number is the thread's: only who is in a
    // section has one.
    #[expect(clippy::unused_self, reason = "the guard proves that a section of this thread is open")]
    pub(crate) fn section(&self) -> u64 {
        SECTIONS.get().newest
    }
}

impl Drop for RcuGuard {
    #[inline]
    fn drop(&mut self) {
        SECTIONS.with(|cell| {
            let Sections { n_open, newest } = cell.get();
            cell.set(Sections { n_open: n_open.saturating_sub(1), newest });
        });
    }
}
