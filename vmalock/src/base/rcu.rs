//! The RCU read section: it keeps the nodes of the VMA tree alive while a thread walks them.
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
    life: Life,
}

/// Where the thread is in its life.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Life {
    /// It has not opened a section.
    New,
    /// All its pins are one: an inner one lasts as long as the outer one did.
    Running,
    /// Its thread-locals are being destroyed, the epoch's as well: each pin may stand alone.
    Ending,
}

/// Its destructor runs before that of the epoch's own thread-local, which was made before it.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        SECTIONS.set(Sections { life: Life::Ending, ..SECTIONS.get() });
    }
}

std::thread_local! {
    static SECTIONS: Cell<Sections> =
        const { Cell::new(Sections { n_open: 0, newest: 0, life: Life::New }) };
    static END: End = const { End };
}

/// An open RCU read section (`rcu_read_lock` … `rcu_read_unlock`). May be nested; must not be kept
/// while blocking.
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
    let Sections { n_open, newest, mut life } = SECTIONS.get();
    if life == Life::New {
        life = first();
    }
    let section = newest + u64::from(n_open == 0 || life == Life::Ending);
    SECTIONS.set(Sections { n_open: n_open + 1, newest: section, life });
    RcuGuard { guard, section, _not_send: PhantomData }
}

/// The thread opens its first section, and has pinned.
#[cold]
fn first() -> Life {
    if END.try_with(|_| ()).is_ok() { Life::Running } else { Life::Ending }
}

/// Returns whether the calling thread is in an RCU read section (`rcu_read_lock_held`).
#[must_use]
pub fn rcu_read_lock_held() -> bool {
    SECTIONS.get().n_open != 0
}

impl RcuGuard {
    /// The number of the section: what was found in it stays while any guard with this number does.
    pub(crate) fn section(&self) -> u64 {
        self.section
    }
}

impl Drop for RcuGuard {
    #[inline]
    fn drop(&mut self) {
        let sections = SECTIONS.get();
        SECTIONS.set(Sections { n_open: sections.n_open.saturating_sub(1), ..sections });
    }
}
