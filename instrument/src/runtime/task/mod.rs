//! What the runtime keeps for each thread, and the way to it.
//!
//! One thread-local word leads to everything. It is constant-initialised and has no destructor, so that reading it is one
//! instruction, and so that it works before main, in other thread-locals' destructors and after main. The state behind it is
//! freed by a pthread-key destructor, which runs after Rust's own thread-local destructors.

pub(crate) mod deferred;
mod names;
pub(crate) mod spawn;
mod word;

use std::cell::UnsafeCell;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering, compiler_fence};

use lockdep_validator::base::id::TaskId;
use lockdep_validator::state::segment::Segment;
use lockdep_validator::{Acquire, ContextId, TaskContext, Violation, WoundWait};

use crate::runtime::identity::classes::ClassCache;
use crate::runtime::output::stat::ThreadStat;
use crate::runtime::process::ending;
use crate::runtime::system::stack_bounds::Bounds;
use crate::runtime::system::{extra_stack, handler};
use crate::runtime::{self, Runtime, event};
pub(crate) use names::allocator_locks;
use word::Word;

/// Everything the runtime keeps for one thread.
#[derive(Debug)]
pub(crate) struct Task {
    /// What the thread holds, and what it has validated.
    pub(crate) context: TaskContext,
    /// The process's runtime; here, so that the fast path needs no other way to it.
    pub(crate) runtime: &'static Runtime,
    /// Classes this thread has used, by creation site and type.
    pub(crate) classes: ClassCache,
    /// An acquisition that would deadlock with the thread itself, until its wrapper has tried the real lock.
    pub(crate) pending: Option<Box<Pending>>,
    /// Its wound/wait transactions that are open.
    pub(crate) transactions: Vec<WoundWait>,
    /// What is left to do beside validating. For almost every thread there is nothing, and one test tells.
    pub(crate) errand: Option<Box<Errand>>,
    /// Where the thread's stack lies.
    pub(crate) stack: Bounds,
    /// How many guards mask each context.
    pub(crate) n_masks: [u16; ContextId::LIMIT as usize],
    /// Whether the thread's function is over: the end of the process waits for what its end has to say.
    pub(crate) is_ending: bool,
}

/// See [`Task::errand`]. INVARIANT: never empty.
#[derive(Debug, Default)]
pub(crate) struct Errand {
    /// A denied report was made where a panic was not possible; the next blocking acquisition panics with it.
    pub(crate) panic_due: Option<String>,
    /// What the thread counts under `LOCKDEP_STAT=1`.
    pub(crate) stat: Option<ThreadStat>,
}

impl Task {
    /// Has the next blocking acquisition panic with this message.
    pub(crate) fn owe_panic(&mut self, message: String) {
        self.errand.get_or_insert_default().panic_due = Some(message);
    }

    /// The message of a panic that is due.
    pub(crate) fn take_panic(&mut self) -> Option<String> {
        let errand = self.errand.as_mut()?;
        let message = errand.panic_due.take();
        if errand.stat.is_none() {
            self.errand = None;
        }
        message
    }

    /// What the thread counts, if it counts.
    pub(crate) fn stat(&mut self) -> Option<&mut ThreadStat> {
        self.errand.as_mut()?.stat.as_mut()
    }
}

/// See [`Task::pending`].
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) acquire: Acquire,
    /// Whether an upgradable hold is to become exclusive, rather than a lock to be taken.
    pub(crate) is_upgrade: bool,
    pub(crate) violation: Violation,
}

thread_local! {
    /// The state while the word says [`DEFERRED`] or [`DRAIN`]. INVARIANT: null, or the state of this thread.
    static PARKED: AtomicPtr<Task> = const { AtomicPtr::new(ptr::null_mut()) };
}

/// No event of this thread was seen yet, or its state has been freed.
const NOT_STARTED: usize = 0;
/// The thread is inside the validator: events now come from an allocator, a signal handler or a callback below it.
const BUSY: usize = 1;
/// The thread is in a context where nothing may be allocated or locked: events are put [aside](deferred).
const DEFERRED: usize = 2;
/// Events were put aside, in such a context or in a signal handler that nobody announced. The state is
/// in [`PARKED`], and what was put aside must be looked at first.
const DRAIN: usize = 3;
/// The same for a thread that has no state yet.
const UNBORN: usize = 4;

/// [`DEFERRED`], where the state was in use or there is none.
const DEFERRED_ALONE: usize = 5;

const LAST_SENTINEL: usize = DEFERRED_ALONE;

/// Keeps the compiler from moving what is done to the state across the word that says who has it.
#[inline(always)]
fn fence() {
    // ORDERING: SeqCst, for the compiler only: a signal handler of this thread sees the state as the word says it is. The processor
    // shows a thread its own stores in order.
    compiler_fence(Ordering::SeqCst);
}

/// How many threads have a state; fork asks.
static N_TASKS: AtomicUsize = AtomicUsize::new(0);
/// The next task's number.
static NEXT_TASK: AtomicU32 = AtomicU32::new(1);

/// The thread's state, taken out of its thread-local word until this is dropped.
#[derive(Debug)]
pub(crate) struct Entered(NonNull<UnsafeCell<Task>>);

impl Entered {
    /// The state.
    #[inline(always)]
    pub(crate) fn task(&mut self) -> &mut Task {
        // SAFETY: the word gave the pointer out to us alone (it holds BUSY until we are dropped), and the state lives until
        // the thread ends. The borrow of `self` keeps a second reference from being made.
        unsafe { &mut *self.0.as_ref().get() }
    }
}

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

    /// Gives the state back; the next event looks at what was put aside before it does anything else.
    #[cold]
    fn park(self) {
        let task = std::mem::ManuallyDrop::new(self).0.as_ptr().cast();
        fence();
        // ORDERING: Relaxed: only this thread and its signal handlers touch the word.
        PARKED.with(|parked| parked.store(task, Ordering::Relaxed));
        Word::of_this_thread().mark::<DRAIN>();
    }
}

impl Drop for Entered {
    #[inline(always)]
    fn drop(&mut self) {
        // A handler of a context that interrupted the use of the state has put its events aside.
        if deferred::is_pending() {
            return Self(self.0).park();
        }
        fence();
        Word::of_this_thread().store(self.0.as_ptr().cast());
    }
}

/// Takes the thread's state; `None` if the event cannot be looked at now (it is counted, or must be
/// put aside) or if validation is off. May allocate and lock.
#[inline]
pub(crate) fn enter() -> Option<Entered> {
    enter_anywhere()?.outside_handlers()
}

/// [`enter`] for an event that may be in a signal handler: before it allocates or locks, it must ask
/// [`outside_handlers`](Entered::outside_handlers).
#[inline(always)]
pub(crate) fn enter_anywhere() -> Option<Entered> {
    let task = Word::of_this_thread().load();
    if task.addr() <= LAST_SENTINEL {
        return enter_slow(task.addr());
    }
    if deferred::is_pending() {
        return enter_pending(task);
    }
    Word::of_this_thread().mark::<BUSY>();
    fence();
    NonNull::new(task.cast()).map(Entered)
}

/// A handler put events aside after the thread had read its word: only now they are found.
#[cold]
#[inline(never)]
fn enter_pending(task: *mut Task) -> Option<Entered> {
    // ORDERING: Relaxed: only this thread and its signal handlers touch the word.
    PARKED.with(|parked| parked.store(task, Ordering::Relaxed));
    Word::of_this_thread().mark::<DRAIN>();
    enter_slow(DRAIN)
}

/// Runs `run` on the thread's state, and gives back what it says; false if the state cannot be had just now.
///
/// `run` must not unwind: the state would count as taken for ever. On the fast path it calls nothing, so that this costs no frame.
#[inline(always)]
pub(crate) fn quickly(run: impl FnOnce(&mut Task) -> bool) -> bool {
    let Some(word) = Word::near() else { return false };
    let task = word.load();
    if task.addr() <= LAST_SENTINEL {
        return false;
    }
    word.mark::<BUSY>();
    fence();
    // SAFETY: the word gave the pointer out to us alone (it holds BUSY until we put it back), and the state lives until the
    // thread ends.
    let is_done = run(unsafe { &mut *task });
    fence();
    word.store(task);
    is_done
}

/// Looks at the thread's state without taking it; false if it cannot be had just now.
#[inline(always)]
pub(crate) fn peek(look: impl FnOnce(&Task) -> bool) -> bool {
    let Some(word) = Word::near() else { return false };
    let task = word.load();
    // SAFETY: a state that is in the word is borrowed by nobody but us; a signal handler that takes it meanwhile leaves it as it
    // found it, but for what `look` does not read (its caller decides nothing that a handler could change).
    task.addr() > LAST_SENTINEL && look(unsafe { &*task })
}

#[cold]
#[inline(never)]
fn enter_slow(sentinel: usize) -> Option<Entered> {
    match sentinel {
        NOT_STARTED | UNBORN => enter_unborn(),
        DRAIN => {
            // ORDERING: Relaxed: only this thread and its signal handlers touch the word.
            let task = PARKED.with(|parked| parked.load(Ordering::Relaxed));
            // SAFETY: a parked state lives, and no other code uses it.
            let stack = unsafe { task.as_ref() }.map_or(Bounds::UNKNOWN, |task| task.stack);
            // In a handler the caller puts the event aside.
            if handler::is_inside(stack) { None } else { Some(unpark()) }
        }
        // The caller puts the event aside.
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
    // Set before the environment, the lazy global or an allocator is touched: any of them may take a watched lock.
    Word::of_this_thread().mark::<BUSY>();
    fence();
    let entered = begin(None);
    if entered.is_none() {
        deferred::uninstall();
        Word::of_this_thread().mark::<NOT_STARTED>();
    }
    entered
}

/// Makes the running thread's state, where there is room for it; `None` if validation is off.
fn begin(born: Option<(TaskId, Segment)>) -> Option<Entered> {
    let mut entered = None;
    let stack = Bounds::of_this_thread();
    extra_stack::run(stack, || {
        entered = runtime::start().map(|runtime| start(runtime, stack, born));
        if let Some(entered) = &mut entered {
            deferred::drain(entered.task());
        }
    });
    entered
}

/// Events of a thread without a state are about to be put aside, or were. May run in a handler.
fn leave_unborn() {
    if Word::of_this_thread().load().addr() != UNBORN {
        Word::of_this_thread().mark::<UNBORN>();
        // The end of the thread, if nothing comes before, starts the state.
        if let Some(runtime) = runtime::running() {
            runtime.exit_key.arm_in_handler(ptr::without_provenance_mut(UNBORN));
        }
    }
}

/// Takes the state back after a deferred context, and looks at what was put aside there.
fn unpark() -> Entered {
    // ORDERING: Relaxed: only this thread and its signal handlers touch the word.
    let task = PARKED.with(|parked| parked.load(Ordering::Relaxed));
    Word::of_this_thread().mark::<BUSY>();
    fence();
    let mut entered =
        Entered(NonNull::new(task.cast()).expect("INVARIANT: DRAIN is only set with a state parked"));
    deferred::drain(entered.task());
    entered
}

/// For an event whose [`enter`] returned `None`: whether it must be put aside; then the thread's state,
/// if it has one that was not being used when its code was interrupted.
pub(crate) fn deferred_state() -> Option<Option<&'static mut Task>> {
    match Word::of_this_thread().load().addr() {
        DEFERRED | DRAIN => {}
        UNBORN | DEFERRED_ALONE => return Some(None),
        _ => return None,
    }
    // ORDERING: Relaxed: only this thread and its signal handlers touch the word.
    let parked = PARKED.with(|parked| parked.load(Ordering::Relaxed));
    // SAFETY: a parked state is used by nobody but the code in the deferred context, which is one thread, one event at a time:
    // a nested context parks nothing (it finds DEFERRED), and only counts and puts aside.
    Some(unsafe { parked.as_mut() })
}

/// What a deferred context found when it was entered, to be put back by [`leave_deferred`].
#[derive(Debug)]
pub(crate) struct Interrupted(*mut Task);

/// Enters a deferred context.
pub(crate) fn enter_deferred() -> Interrupted {
    let found = Word::of_this_thread().load();
    match found.addr() {
        // A context inside another.
        DEFERRED | DEFERRED_ALONE => return Interrupted(found),
        NOT_STARTED | UNBORN | BUSY => Word::of_this_thread().mark::<DEFERRED_ALONE>(),
        DRAIN => Word::of_this_thread().mark::<DEFERRED>(),
        _ => {
            // ORDERING: Relaxed: only this thread and its signal handlers touch the word.
            PARKED.with(|parked| parked.store(found, Ordering::Relaxed));
            Word::of_this_thread().mark::<DEFERRED>();
        }
    }
    fence();
    Interrupted(found)
}

/// Leaves it. What was put aside is looked at by the thread's next event, or now if `now` and nothing was interrupted.
pub(crate) fn leave_deferred(interrupted: &Interrupted, now: bool) {
    fence();
    let found = interrupted.0;
    let is_pending = deferred::is_pending();
    match found.addr() {
        NOT_STARTED if is_pending => leave_unborn(),
        // Nothing happened, or the use of the state goes on.
        NOT_STARTED | UNBORN | BUSY | DEFERRED | DEFERRED_ALONE | DRAIN => {
            Word::of_this_thread().store(found);
        }
        _ if is_pending => Word::of_this_thread().mark::<DRAIN>(),
        _ => Word::of_this_thread().store(found),
    }
    if now && matches!(Word::of_this_thread().load().addr(), DRAIN | UNBORN) {
        drop(enter());
    }
}

/// A number for a task that is about to start.
pub(crate) fn new_id() -> TaskId {
    // ORDERING: Relaxed: the numbers need to be distinct, nothing else.
    TaskId(NEXT_TASK.fetch_add(1, Ordering::Relaxed))
}

/// How many threads have a state.
pub(crate) fn n_tasks() -> usize {
    // ORDERING: Relaxed: exact only if no other thread is starting or ending, which is the case fork asks about.
    N_TASKS.load(Ordering::Relaxed)
}

/// Makes the running thread's state. The word must hold BUSY.
fn start(runtime: &'static Runtime, stack: Bounds, born: Option<(TaskId, Segment)>) -> Entered {
    let is_spawned = born.is_some();
    let (id, spawned_by) = match born {
        Some((id, segment)) => (id, Some(segment)),
        None => (new_id(), None),
    };
    let starting = names::Starting::begin();
    let task = Task {
        context: runtime.validator.start_task(id, spawned_by),
        runtime,
        classes: ClassCache::default(),
        pending: None,
        transactions: Vec::new(),
        errand: runtime
            .stats
            .as_ref()
            .map(|stats| Box::new(Errand { stat: Some(stats.start_thread()), ..Errand::default() })),
        n_masks: [0; ContextId::LIMIT as usize],
        stack,
        is_ending: false,
    };
    deferred::install();
    // ORDERING: Relaxed: a statistic that fork reads.
    N_TASKS.fetch_add(1, Ordering::Relaxed);
    let task = NonNull::from(Box::leak(Box::new(UnsafeCell::new(task))));
    runtime.exit_key.arm(task.as_ptr().cast());
    drop(starting);
    if is_spawned || !names::is_dangerous() {
        runtime.names.add(id);
    } else {
        runtime.names.add_certain(id);
    }
    Entered(task)
}

/// Gives the running thread the number its parent chose for it, if it has no state yet. Called where
/// std has told the thread its name.
pub(crate) fn start_spawned(id: TaskId, spawned_by: Segment) {
    let found = Word::of_this_thread().load().addr();
    if found == NOT_STARTED && !handler::is_inside(Bounds::UNKNOWN) {
        Word::of_this_thread().mark::<BUSY>();
        fence();
        match begin(Some((id, spawned_by))) {
            Some(entered) => drop(entered),
            None => Word::of_this_thread().mark::<NOT_STARTED>(),
        }
    } else if let Some(mut entered) = enter() {
        // An allocator that locks, or a signal, came before.
        let task = entered.task();
        task.runtime.names.add(task.context.id());
    }
}

/// The running thread ends, after its thread-local destructors: what it still holds is judged, its state freed. A lock taken
/// later still (in another library's pthread-key destructor) starts a new state, which ends in the same way.
///
/// # Safety
///
/// `task` is the pointer that [`start`] or [`leave_unborn`] armed the exit key with, on this thread,
/// and has not been passed before.
pub(crate) unsafe extern "C" fn finish(task: *mut std::ffi::c_void) {
    names::over();
    if task.addr() == UNBORN {
        // Starts the state if none was, looks at what was put aside, and has this called again.
        drop(enter());
        return;
    }
    let Some(task) = NonNull::new(task.cast::<UnsafeCell<Task>>()) else { return };
    Word::of_this_thread().mark::<BUSY>();
    fence();
    names::ended();
    // SAFETY: the caller passes what `start` leaked, once; the word says BUSY, so nobody else has a way to it.
    let mut task = unsafe { Box::from_raw(task.as_ptr()) };
    let (stack, is_ending) = (task.get_mut().stack, task.get_mut().is_ending);
    // ORDERING: Relaxed: only this thread and its signal handlers touch the word.
    PARKED.with(|parked| parked.store(ptr::null_mut(), Ordering::Relaxed));
    // Freed in there, before the word says that there is no state: the allocator may lock.
    extra_stack::run(stack, move || {
        deferred::drain(task.get_mut());
        deferred::uninstall();
        event::thread_exit(task.get_mut());
    });
    if is_ending {
        ending::end();
    }
    // ORDERING: Relaxed: a statistic.
    N_TASKS.fetch_sub(1, Ordering::Relaxed);
    // The last state of a thread that goes on locking: no destructor would end another one.
    if !names::was_last_life() {
        Word::of_this_thread().mark::<NOT_STARTED>();
    }
}

/// Whether the running thread is inside the validator.
pub(crate) fn is_busy() -> bool {
    Word::of_this_thread().load().addr() == BUSY
}

/// Forgets the running thread's state without looking at it: in the child of a fork, where it belongs to the parent.
pub(crate) fn abandon() {
    Word::of_this_thread().mark::<NOT_STARTED>();
}
