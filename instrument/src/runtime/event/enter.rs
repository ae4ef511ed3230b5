//! Entering a thread's state, which is made by the first event and ends with the thread.
//!
//! Before an event looks at anything, it replays what was deferred. What the state consists of is
//! in `task/`.

use std::cell::UnsafeCell;
use std::ptr::{self, NonNull};

use lockdep_validator::{ContextId, Segment, Site, TaskId};

use super::deferred::replay_all;
use super::found::judge;
use crate::runtime::identity::classes::ClassCache;
use crate::runtime::life::start::Calls;
use crate::runtime::output::report;
use crate::runtime::process::ending;
use crate::runtime::system::stack_bounds::Bounds;
use crate::runtime::system::{errno, exit_key, extra_stack, handler};
use crate::runtime::task::access::{Access, Interrupted, look, park, parked, take};
pub(crate) use crate::runtime::task::entered::Entered;
use crate::runtime::task::parked::ParkedLocks;
use crate::runtime::task::place::{BUSY, DEFERRED, DEFERRED_ALONE, DRAIN, NOT_STARTED, UNBORN, fence};
use crate::runtime::task::pointer::Pointer;
use crate::runtime::task::{self, ExtraWork, Mark, QuickStack, Task, deferred, entered, names};
use crate::runtime::wait::WaitSlot;
use crate::runtime::{self, Runtime};

impl Entered {
    /// Gives the state back and returns `None` if the running code is in a signal handler. Required
    /// before anything is allocated or locked.
    #[inline]
    pub(crate) fn outside_handlers(mut self) -> Option<Self> {
        if !handler::is_inside(self.task().stack) {
            return Some(self);
        }
        self.park();
        None
    }
}

/// Takes the thread's state; `None` if the event cannot be looked at now (it is counted, or must be
/// deferred) or if validation is off. May allocate and lock.
#[inline]
pub(crate) fn enter() -> Option<Entered> {
    enter_anywhere()?.outside_handlers()
}

/// [`enter`] for an event that may be in a signal handler: before it allocates or locks, it must
/// ask [`outside_handlers`](Entered::outside_handlers).
#[inline(always)]
pub(crate) fn enter_anywhere() -> Option<Entered> {
    match entered::take() {
        Ok(entered) => Some(entered),
        Err(sentinel) => enter_slow(sentinel),
    }
}

/// What the runtime calls here.
pub(super) const CALLS: Calls = Calls { finish, catch_up: || drop(enter()) };

#[cold]
#[inline(never)]
fn enter_slow(sentinel: usize) -> Option<Entered> {
    let _errno = errno::Kept::now();
    match sentinel {
        NOT_STARTED | UNBORN => enter_unborn(),
        DRAIN => {
            let task = parked();
            // SAFETY: a parked state lives, and no other code uses it.
            let stack = unsafe { task.as_ref() }.map_or(Bounds::UNKNOWN, |task| task.stack);
            // In a handler the caller defers the event.
            if handler::is_inside(stack) { None } else { Some(unpark()) }
        }
        // The caller defers the event.
        DEFERRED | DEFERRED_ALONE => None,
        _ => {
            names::interrupted();
            runtime::count_unseen();
            None
        }
    }
}

/// The first event of a thread, or the first outside a handler.
fn enter_unborn() -> Option<Entered> {
    if handler::is_inside(Bounds::UNKNOWN) {
        leave_unborn();
        return None;
    }
    // Set before the environment, the lazy global or an allocator is touched: any of them may take
    // a watched lock.
    Pointer::of_this_thread().mark::<BUSY>();
    fence();
    let entered = begin(None);
    if entered.is_none() {
        deferred::uninstall();
        Pointer::of_this_thread().mark::<NOT_STARTED>();
    }
    entered
}

/// Makes the running thread's state, where there is room for it; `None` if validation is off.
fn begin(born: Option<(TaskId, Segment)>) -> Option<Entered> {
    let mut entered = None;
    let stack = Bounds::of_this_thread();
    extra_stack::run(stack, || {
        entered = runtime::life::start::start(CALLS).map(|runtime| start(runtime, stack, born));
        if let Some(entered) = &mut entered {
            replay_all(entered.task());
        }
    });
    entered
}

/// Events of a thread without a state are about to be deferred, or were. May run in a handler.
fn leave_unborn() {
    if !matches!(look(), Access::Closed(UNBORN)) {
        Pointer::of_this_thread().mark::<UNBORN>();
        // The end of the thread, if nothing comes before, starts the state.
        exit_key::arm_in_handler(ptr::without_provenance_mut(UNBORN));
    }
}

/// Takes the state back after a deferred context, and looks at the events that were deferred there.
fn unpark() -> Entered {
    let mut entered = entered::unpark();
    replay_all(entered.task());
    entered
}

/// Leaves a deferred context. The thread's next event looks at what was deferred, or this call does
/// if `now` and nothing was interrupted.
pub(crate) fn leave_deferred(interrupted: &Interrupted, now: bool) {
    if task::put_back(interrupted, deferred::is_pending()) {
        leave_unborn();
    }
    if now && matches!(look(), Access::Closed(DRAIN | UNBORN)) {
        drop(enter());
    }
    deferred::wait_if_pending();
}

/// Makes the running thread's state. The thread-local pointer must hold BUSY.
fn start(runtime: &'static Runtime, stack: Bounds, born: Option<(TaskId, Segment)>) -> Entered {
    let is_spawned = born.is_some();
    let (id, spawned_by) = match born {
        Some((id, segment)) => (id, Some(segment)),
        None => (task::new_id(), None),
    };
    let starting = names::Starting::begin();
    let task = Task {
        context: runtime.validator.start_task(id, spawned_by),
        quick: QuickStack::new(),
        runtime,
        classes: ClassCache::default(),
        pending: None,
        upgraded_at: Site::UNKNOWN,
        transactions: Vec::new(),
        extra: runtime
            .stats
            .as_ref()
            .map(|stats| Box::new(ExtraWork { stat: Some(stats.start_thread()), ..ExtraWork::default() })),
        n_masks: [0; ContextId::LIMIT as usize],
        wait: WaitSlot::claim(id),
        mark: Mark::of(id),
        n_learned: 0,
        stack,
        is_ending: false,
        flow: None,
        parked: ParkedLocks::default(),
        blocks: false,
    };
    task.wait.set_word(task::word_address());
    deferred::install();
    task::count_started();
    let task = NonNull::from(Box::leak(Box::new(UnsafeCell::new(task))));
    let mut entered = Entered::new(task);
    entered.task().settle();
    exit_key::arm(task.as_ptr().cast());
    drop(starting);
    if is_spawned || !names::is_dangerous() {
        runtime.names.add(id);
    } else {
        runtime.names.add_certain(id);
    }
    entered
}

/// Gives the running thread the number its parent chose for it, if it has no state yet. Called
/// where std has given the thread its name.
pub(crate) fn start_spawned(id: TaskId, spawned_by: Segment) {
    let is_new = matches!(look(), Access::Closed(NOT_STARTED));
    if is_new && !handler::is_inside(Bounds::UNKNOWN) {
        Pointer::of_this_thread().mark::<BUSY>();
        fence();
        match begin(Some((id, spawned_by))) {
            Some(entered) => drop(entered),
            None => Pointer::of_this_thread().mark::<NOT_STARTED>(),
        }
    } else if let Some(mut entered) = enter() {
        // An allocator that locks, or a signal, came before.
        let task = entered.task();
        task.runtime.names.add(task.context.id());
    }
}

/// The running thread ends, after its thread-local destructors: what it still holds is judged, its
/// state freed. A lock taken later still (in another library's pthread-key destructor) starts a new
/// state, which ends in the same way.
///
/// # Safety
///
/// `task` is the pointer that [`start`] or [`leave_unborn`] armed the exit key with, on this
/// thread, and has not been passed before.
unsafe extern "C" fn finish(task: *mut std::ffi::c_void) {
    names::over();
    if task.addr() == UNBORN {
        // Starts the state if none was, looks at what was deferred, and has this called again.
        drop(enter());
        return;
    }
    let Some(task) = NonNull::new(task.cast::<UnsafeCell<Task>>()) else { return };
    match look() {
        Access::Free(top) => {
            // SAFETY: the word led to it.
            unsafe { take(top) };
        }
        Access::Closed(sentinel) => {
            Pointer::of_this_thread().mark::<BUSY>();
            fence();
            if sentinel == DRAIN {
                // SAFETY: as below. The state is parked: what is held is on its quick stack.
                unsafe { (*task.as_ref().get()).catch_up() };
            }
        }
    }
    names::ended();
    // SAFETY: the caller passes what `start` leaked, once; the pointer says BUSY, so no other code
    // has a way to it.
    let mut task = unsafe { Box::from_raw(task.as_ptr()) };
    let (stack, is_ending, wait) = (task.get_mut().stack, task.get_mut().is_ending, task.get_mut().wait);
    park(ptr::null_mut());
    // Freed in there, before the pointer says that there is no state: the allocator may lock.
    extra_stack::run(stack, move || {
        replay_all(task.get_mut());
        deferred::uninstall();
        thread_exit(task.get_mut());
    });
    wait.free();
    if is_ending {
        ending::end();
    }
    task::count_ended();
    // The last state of a thread that goes on locking: no destructor would end another one.
    if !names::was_last_life() {
        Pointer::of_this_thread().mark::<NOT_STARTED>();
    }
}

/// The running thread ends.
#[cold]
fn thread_exit(task: &mut Task) {
    // No place in the program is at work here; the report names where each lock was acquired.
    let mut outcome = task.take_held_back();
    outcome.append(judge(|| task.runtime.validator.thread_exit(&mut task.context, Site::UNKNOWN)));
    if !outcome.is_clean() {
        // The thread is past every place that could panic.
        report::handle(task, outcome).forget();
    }
    let runtime = task.runtime;
    if let (Some(stats), Some(thread)) = (&runtime.stats, task.stat()) {
        stats.end_thread(thread);
    }
}
