//! What the runtime keeps for each thread, and the way to it.
//!
//! One thread-local word leads to everything. It is constant-initialised and has no destructor, so that reading it is one
//! instruction, and so that it works before main, in other thread-locals' destructors and after main. The state behind it is
//! freed by a pthread-key destructor, which runs after Rust's own thread-local destructors.

mod word;

use std::cell::UnsafeCell;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering, compiler_fence};

use lockdep_validator::base::id::TaskId;
use lockdep_validator::state::segment::Segment;
use lockdep_validator::{Acquire, ContextId, TaskContext, Violation, WoundWait};

use crate::classes::ClassCache;
use crate::runtime::{self, Runtime};
use crate::stat::ThreadStat;
use crate::{deferred, ending};
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
    /// The state while the word says [`DEFERRED`] or [`DRAIN`]; null if the context interrupted the validator itself.
    static PARKED: AtomicPtr<Task> = const { AtomicPtr::new(ptr::null_mut()) };
}

/// No event of this thread was seen yet, or its state has been freed.
const NOT_STARTED: usize = 0;
/// The thread is inside the validator: events now come from an allocator, a signal handler or a callback below it.
const BUSY: usize = 1;
/// The thread is in a context where nothing may be allocated or locked: events are put [aside](deferred).
const DEFERRED: usize = 2;
/// The thread has left such a context; its state is in [`PARKED`], and what was put aside must be looked at first.
const DRAIN: usize = 3;

const LAST_SENTINEL: usize = DRAIN;

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

impl Drop for Entered {
    #[inline(always)]
    fn drop(&mut self) {
        fence();
        Word::of_this_thread().store(self.0.as_ptr().cast());
    }
}

/// Takes the thread's state; `None` if the event cannot be looked at now (it is counted) or if validation is off.
#[inline(always)]
pub(crate) fn enter() -> Option<Entered> {
    let task = Word::of_this_thread().load();
    if task.addr() <= LAST_SENTINEL {
        return enter_slow(task.addr());
    }
    Word::of_this_thread().mark::<BUSY>();
    fence();
    NonNull::new(task.cast()).map(Entered)
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
        NOT_STARTED => {}
        // The caller puts the event aside.
        DEFERRED => return None,
        DRAIN => return Some(unpark()),
        _ => {
            runtime::count_unseen();
            return None;
        }
    }
    // Set before the environment, the lazy global or an allocator is touched: any of them may take a watched lock.
    Word::of_this_thread().mark::<BUSY>();
    fence();
    let entered = runtime::start().map(|runtime| start(runtime, None));
    if entered.is_none() {
        Word::of_this_thread().mark::<NOT_STARTED>();
    }
    entered
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

/// Whether the running thread is in a deferred context; then its state, if the context did not interrupt the validator.
pub(crate) fn deferred_state() -> Option<Option<&'static mut Task>> {
    if Word::of_this_thread().load().addr() != DEFERRED {
        return None;
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

/// Enters a deferred context; `None` if there is nobody to tell (the thread has no state, or validation is off).
pub(crate) fn enter_deferred() -> Option<Interrupted> {
    let found = Word::of_this_thread().load();
    match found.addr() {
        NOT_STARTED => return None,
        // A context inside another: nothing is parked anew.
        DEFERRED => return Some(Interrupted(found)),
        DRAIN => {}
        // ORDERING: Relaxed: only this thread and its signal handlers touch the word.
        BUSY => PARKED.with(|parked| parked.store(ptr::null_mut(), Ordering::Relaxed)),
        // ORDERING: Relaxed, as above.
        _ => PARKED.with(|parked| parked.store(found, Ordering::Relaxed)),
    }
    Word::of_this_thread().mark::<DEFERRED>();
    fence();
    Some(Interrupted(found))
}

/// Leaves it. What was put aside is looked at by the thread's next event, or now if `now` and nothing was interrupted.
pub(crate) fn leave_deferred(interrupted: &Interrupted, now: bool) {
    fence();
    let next = match interrupted.0.addr() {
        BUSY | DEFERRED | DRAIN => interrupted.0,
        _ => ptr::without_provenance_mut(DRAIN),
    };
    Word::of_this_thread().store(next);
    if now && next.addr() == DRAIN {
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
fn start(runtime: &'static Runtime, born: Option<(TaskId, Segment)>) -> Entered {
    let (id, spawned_by) = match born {
        Some((id, segment)) => (id, Some(segment)),
        None => (new_id(), None),
    };
    runtime.names.add(id);
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
        is_ending: false,
    };
    deferred::install();
    // ORDERING: Relaxed: a statistic that fork reads.
    N_TASKS.fetch_add(1, Ordering::Relaxed);
    let task = NonNull::from(Box::leak(Box::new(UnsafeCell::new(task))));
    runtime.exit_key.arm(task.as_ptr().cast());
    Entered(task)
}

/// Gives the running thread the number its parent chose for it, if it has no state yet.
pub(crate) fn start_spawned(id: TaskId, spawned_by: Segment) {
    if Word::of_this_thread().load().addr() != NOT_STARTED {
        return;
    }
    Word::of_this_thread().mark::<BUSY>();
    fence();
    match runtime::start() {
        Some(runtime) => drop(start(runtime, Some((id, spawned_by)))),
        None => Word::of_this_thread().mark::<NOT_STARTED>(),
    }
}

/// The running thread ends, after its thread-local destructors: what it still holds is judged, its state freed. A lock taken
/// later still (in another library's pthread-key destructor) starts a new state, which ends in the same way.
///
/// # Safety
///
/// `task` is the pointer that [`start`] armed the exit key with, on this thread, and has not been passed before.
pub(crate) unsafe extern "C" fn finish(task: *mut std::ffi::c_void) {
    let Some(task) = NonNull::new(task.cast::<UnsafeCell<Task>>()) else { return };
    Word::of_this_thread().mark::<BUSY>();
    fence();
    // SAFETY: the caller passes what `start` leaked, once; the word says BUSY, so nobody else has a way to it.
    let mut task = unsafe { Box::from_raw(task.as_ptr()) };
    deferred::drain(task.get_mut());
    deferred::uninstall();
    let is_ending = task.get_mut().is_ending;
    crate::event::thread_exit(task.into_inner());
    if is_ending {
        ending::end();
    }
    // ORDERING: Relaxed: a statistic.
    N_TASKS.fetch_sub(1, Ordering::Relaxed);
    Word::of_this_thread().mark::<NOT_STARTED>();
}

/// Whether the running thread is inside the validator.
pub(crate) fn is_busy() -> bool {
    Word::of_this_thread().load().addr() == BUSY
}

/// Forgets the running thread's state without looking at it: in the child of a fork, where it belongs to the parent.
pub(crate) fn abandon() {
    Word::of_this_thread().mark::<NOT_STARTED>();
}
