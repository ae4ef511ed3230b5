//! The RCU read section: what keeps the nodes of the VMA tree while they are walked.
//!
//! It is `crossbeam-epoch`'s pin. It protects *nodes*, not VMAs: those are recycled at once, whatever sections are open.

use std::cell::Cell;
use std::marker::PhantomData;

use crossbeam_epoch::{Guard, pin};

std::thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    static N_SECTIONS: Cell<u64> = const { Cell::new(0) };
}

/// An open RCU read section (`rcu_read_lock` … `rcu_read_unlock`). May be nested; must not be kept while blocking.
#[derive(Debug)]
#[must_use = "the section ends when this is dropped"]
pub struct RcuGuard {
    pub(crate) guard: Guard,
    section: u64,
    _not_send: PhantomData<*const ()>,
}

/// Opens an RCU read section.
#[inline]
pub fn rcu_read_lock() -> RcuGuard {
    let guard = pin();
    // A thread whose thread-locals are gone gets section 0, which no iterator will continue.
    let depth = DEPTH.try_with(|depth| depth.replace(depth.get() + 1)).unwrap_or(0);
    let section = N_SECTIONS
        .try_with(|n| {
            if depth == 0 {
                n.set(n.get() + 1);
            }
            n.get()
        })
        .unwrap_or(0);
    RcuGuard { guard, section, _not_send: PhantomData }
}

/// Whether the calling thread is in an RCU read section (`rcu_read_lock_held`).
#[must_use]
pub fn rcu_read_lock_held() -> bool {
    DEPTH.try_with(Cell::get).unwrap_or(0) != 0
}

impl RcuGuard {
    /// The number of the outermost section that is open: no two sections of a thread have the same one.
    pub(crate) fn section(&self) -> u64 {
        self.section
    }
}

impl Drop for RcuGuard {
    #[inline]
    fn drop(&mut self) {
        let _ = DEPTH.try_with(|depth| depth.set(depth.get().saturating_sub(1)));
    }
}
