//! A thread says that it is about to block, and that it no longer is.

use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::thread::ThreadId;

use lockdep_validator::{AcquireFlags, EventKind, HeldRecord, LockId, Mode, N_WORDS, TaskId};

use super::clock::now_ms;
use super::event_words::Event;
use super::kind;
use super::slot::{WaitSlot, all};
use super::unparked;
use crate::lock::Slot;
use crate::runtime::event::enter_anywhere;
use crate::runtime::hang;
use crate::runtime::identity::site::site;
use crate::runtime::system::handler;
use crate::runtime::task::Task;

/// How many threads wait for the end of another: while there is none, a thread that holds nothing
/// is on no ring.
static N_ENDS_AWAITED: AtomicUsize = AtomicUsize::new(0);

/// What a thread is about to wait for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted<'a> {
    /// The lock of the newest acquisition of this slot.
    Lock { slot: &'a Slot, is_timed: bool },
    /// The other readers of a lock that was announced to become exclusive.
    Upgrade { slot: &'a Slot, is_timed: bool },
    /// A notification, and then the lock, which was announced to be taken again.
    Notification { slot: &'a Slot, event: Option<&'static Event>, is_timed: bool },
    /// The end of an initialiser that another thread runs, or that the running thread is about to
    /// run: which of the two cannot be seen.
    Initialiser(&'a Slot),
    /// The end of a thread.
    End(TaskId),
    /// The end of the threads of a scope.
    ScopeEnd(u64),
    /// What other threads bring to an object, or time.
    Event { kind: EventKind, event: Option<&'static Event>, is_timed: bool },
    /// That another thread unparks this one, which is the running one.
    Token { thread: ThreadId, is_timed: bool },
}

/// A wait that is published; dropping it withdraws it.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(super) slot: &'static WaitSlot,
    lock: u64,
    target: u64,
    n_held: u32,
    /// Whether the thread holds the lock already that it waits for: as a reader, behind a writer.
    is_again: bool,
    is_for_end: bool,
    /// Whether the wait ends by itself.
    pub(super) is_timed: bool,
    /// Whether a report waits for the look at the ring.
    pub(super) is_holding_back: bool,
}

/// The running thread is about to block. `None` if nothing is known of the thread now, or if it is
/// in a signal handler that interrupted another wait. Neither allocates nor locks.
#[cold]
pub(crate) fn begin(wanted: Wanted<'_>, caller: &'static Location<'static>) -> Option<Waiting> {
    let mut entered = enter_anywhere()?;
    let task = entered.task();
    let slot = task.wait;
    // A thread that waits inside of an initialiser does not wait for that one: it runs it. Any
    // other wait that is left was ended by a panic.
    let is_handler = slot.is_waiting() && handler::is_inside(task.stack);
    if is_handler || slot.is_being_written() {
        return None;
    }
    let at = site(caller).0;
    let is_holding_back = task.is_holding_back();
    let mut waiting = match wanted {
        Wanted::Lock { slot: lock, is_timed } => of_lock(task, lock.id()?, kind::LOCK, is_timed, at)?,
        Wanted::Upgrade { slot: lock, is_timed } => of_lock(task, lock.id()?, kind::UPGRADE, is_timed, at)?,
        Wanted::Notification { slot: lock, event, is_timed } => {
            let waiting = of_lock(task, lock.id()?, kind::NOTIFICATION, is_timed, at)?;
            slot.set_target(event.map_or(0, Event::address));
            event.inspect(|event| event.wait_begins());
            waiting
        }
        Wanted::Event { kind, event, is_timed } => {
            let waiting = of_event(task, kind, event.map_or(0, Event::address), is_timed, at);
            event.inspect(|event| event.wait_begins());
            waiting
        }
        Wanted::Token { thread, is_timed } => {
            let number = unparked::number(thread);
            unparked::wait_begins(number);
            of_event(task, EventKind::Token, number, is_timed, at)
        }
        Wanted::Initialiser(lock) => of_lock(task, lock.id()?, kind::INITIALISER, false, at)?,
        Wanted::End(child) => of_end(task, kind::END, u64::from(child.0), at),
        Wanted::ScopeEnd(scope) => of_end(task, kind::SCOPE_END, scope, at),
    };
    // ORDERING: SeqCst. Of two threads that begin to wait for each other, each publishes, passes
    // this fence and looks: at least one of them sees the other's wait.
    fence(Ordering::SeqCst);
    let is_outside = task.runtime.config.hang_after.is_some() && !handler::is_inside(task.stack);
    drop(entered);
    if is_outside {
        hang::wait_began();
    }
    waiting.is_holding_back = is_holding_back;
    Some(waiting)
}

impl Waiting {
    /// The running thread has announced an acquisition, and may wait for it soon: publishes that
    /// wait for a moment.
    pub(super) fn for_a_look(task: &mut Task, lock: LockId) -> Option<Self> {
        if task.wait.is_waiting() || task.wait.is_being_written() {
            return None;
        }
        let waiting = of_lock(task, lock, kind::LOCK, false, 0);
        // ORDERING: SeqCst, as in `begin`.
        fence(Ordering::SeqCst);
        waiting
    }
}

fn of_lock(task: &mut Task, lock: LockId, kind: u64, is_timed: bool, at: u64) -> Option<Waiting> {
    // What another thread has released is not held.
    task.runtime.validator.notice_releases(&mut task.context);
    let slot = task.wait;
    let mut wanted = task.context.held_records().find(|record| record.lock == lock)?;
    let is_upgrade = kind == kind::UPGRADE;
    let is_again =
        kind == kind::LOCK && task.context.held_records().filter(|record| record.lock == lock).count() > 1;
    let mut is_wanted_left = true;
    let held = task.context.held_records().filter_map(|record| {
        if record.lock != lock || !std::mem::take(&mut is_wanted_left) {
            return Some(record.to_words());
        }
        // The acquisition that is waited for. An upgradable read stays one until the others left.
        let flags = record.flags.union(AcquireFlags::UPGRADABLE);
        is_upgrade.then(|| HeldRecord { mode: Mode::Shared, flags, ..record }.to_words())
    });
    if is_upgrade {
        wanted.mode = Mode::Exclusive;
    }
    let at = match kind {
        kind::LOCK | kind::INITIALISER => wanted.site.0,
        kind::UPGRADE => task.upgraded_at.0,
        _ => at,
    };
    let kind = if is_timed { kind | kind::TIMED } else { kind };
    let n_held = slot.publish([kind, 0, at, now_ms()], wanted.to_words(), held);
    Some(Waiting {
        slot,
        lock: lock.raw(),
        target: 0,
        n_held,
        is_again,
        is_for_end: false,
        is_timed,
        is_holding_back: false,
    })
}

fn of_end(task: &mut Task, kind: u64, target: u64, at: u64) -> Waiting {
    task.runtime.validator.notice_releases(&mut task.context);
    let held = task.context.held_records().map(|record| record.to_words());
    let n_held = task.wait.publish([kind, target, at, now_ms()], [0; N_WORDS], held);
    // ORDERING: Relaxed: the fence in `begin` orders it before the look, on both sides.
    N_ENDS_AWAITED.fetch_add(1, Ordering::Relaxed);
    Waiting {
        slot: task.wait,
        lock: 0,
        target,
        n_held,
        is_again: false,
        is_for_end: true,
        is_timed: false,
        is_holding_back: false,
    }
}

fn of_event(task: &mut Task, kind: EventKind, target: u64, is_timed: bool, at: u64) -> Waiting {
    task.runtime.validator.notice_releases(&mut task.context);
    let held = task.context.held_records().map(|record| record.to_words());
    let kind = kind::of(kind) | if is_timed { kind::TIMED } else { 0 };
    let n_held = task.wait.publish([kind, target, at, now_ms()], [0; N_WORDS], held);
    Waiting {
        slot: task.wait,
        lock: 0,
        target: 0,
        n_held,
        is_again: false,
        is_for_end: false,
        is_timed,
        is_holding_back: false,
    }
}

impl Waiting {
    /// Whether a ring may have been closed by this wait: a first look, which is cheap.
    pub(super) fn may_close_ring(&self) -> bool {
        // ORDERING: Relaxed: after the fence in `begin`; who waits for this thread's end counted
        // before its own fence.
        if self.n_held == 0 && N_ENDS_AWAITED.load(Ordering::Relaxed) == 0 {
            return false;
        }
        self.is_again
            || all().any(|other| {
                !std::ptr::eq(other, self.slot)
                    && if self.is_for_end {
                        let is_it = other.owner().is_some_and(|owner| u64::from(owner.0) == self.target);
                        other.is_waiting() && (is_it || other.scope() == self.target)
                    } else {
                        other.seems_to_hold(self.lock)
                    }
            })
    }
}

/// A wait for a lock that is published until it is [over](Self::over).
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct Published(&'static WaitSlot);

impl Waiting {
    /// Leaves the wait, which is for a lock, published.
    pub(crate) fn leave(self) -> Published {
        let slot = self.slot;
        std::mem::forget(self);
        Published(slot)
    }
}

impl Published {
    /// The wait is over.
    #[inline(always)]
    pub(crate) fn over(self) {
        self.0.withdraw();
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.is_for_end {
            // ORDERING: Relaxed, as in `of_end`.
            N_ENDS_AWAITED.fetch_sub(1, Ordering::Relaxed);
        }
        self.slot.withdraw();
    }
}
