//! Runs a signal handler between two instructions of an event: the processor traps after every one.
//!
//! Handlers run on the thread that they interrupt. In an optimised build every place is tried, so
//! for known acquisitions that is every interleaving with one handler.

use std::arch::asm;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lockdep::context;
use lockdep::sync::Mutex;

use super::run_for;

static A: Mutex<u8> = Mutex::new(0);
static B: Mutex<u16> = Mutex::new(0);
static IN_HANDLER: Mutex<u32> = Mutex::new(0);
static RING: [Mutex<u64>; 2] = [const { Mutex::new(0) }; 2];
static NEW_IN_HANDLER: [Mutex<i8>; 4096] = [const { Mutex::new(0) }; 4096];
/// How many of these were used.
static N_NEW: AtomicUsize = AtomicUsize::new(0);

/// Counts the instructions that have run.
static STEP: AtomicUsize = AtomicUsize::new(0);
/// After which of them the handler works.
static TARGET: AtomicUsize = AtomicUsize::new(0);
/// Whether the handler says that it is one.
static IS_ANNOUNCED: AtomicUsize = AtomicUsize::new(0);

/// How many traps all runs may take together, for each kind of handler; a trap takes up to 20 µs on
/// a virtual machine. That is enough for every place in an optimised build (a pair has some 200
/// instructions), and for every fiftieth of the 3 000 in another.
const MAX_TRAPS: usize = 100_000;
/// The processor's trap flag.
const TRAP: i64 = 0x100;

extern "C" fn on_step(signal: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // ORDERING: Relaxed, in all of this file: one thread and its handler.
    let step = STEP.fetch_add(1, Ordering::Relaxed);
    // ORDERING: Relaxed, as above.
    if step != TARGET.load(Ordering::Relaxed) {
        return;
    }
    // ORDERING: Relaxed, as above.
    if IS_ANNOUNCED.load(Ordering::Relaxed) == 1 {
        let _inside = context::signal(signal).enter();
        drop(IN_HANDLER.try_lock());
    } else {
        // Known, and what is new under it has its release put aside, until after the handler.
        let held = IN_HANDLER.try_lock();
        new_in_handler();
        drop(held);
    }
    // What was put aside is looked at by the next event: that takes many instructions, and no trap
    // is wanted in it. SAFETY: the system gives the handler the registers to which it returns.
    unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs[libc::REG_EFL as usize] &= !TRAP };
}

/// Takes a lock of the handlers that is new, while there are some.
fn new_in_handler() {
    // ORDERING: Relaxed, as above.
    if let Some(new) = NEW_IN_HANDLER.get(N_NEW.fetch_add(1, Ordering::Relaxed)) {
        drop(new.lock());
    }
}

/// Takes two known locks.
fn pair() {
    drop((A.lock(), B.lock()));
}

/// Takes a lock that is new under a known one. It is not on the stack: an order that ends there is
/// not certain, and is looked at each time.
fn pair_with_new() {
    let _outer = A.lock();
    let new = Box::new(Mutex::new('n'));
    drop(new.lock());
}

/// Runs `work` with a trap after each instruction, up to the one where the handler works; returns
/// how many there were.
fn stepped(target: usize, work: impl FnOnce()) -> usize {
    // ORDERING: Relaxed, as above.
    STEP.store(0, Ordering::Relaxed);
    // ORDERING: Relaxed, as above.
    TARGET.store(target, Ordering::Relaxed);
    // SAFETY: sets the trap flag; the handler is installed.
    unsafe { asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq") };
    work();
    // SAFETY: clears it.
    unsafe { asm!("pushfq", "and qword ptr [rsp], -257", "popfq") };
    // ORDERING: Relaxed, as above.
    STEP.load(Ordering::Relaxed)
}

/// Steps through known acquisitions.
pub(crate) fn single_steps() {
    // What the handler will do under each of the locks, so that it is known.
    drop(IN_HANDLER.try_lock());
    drop((A.lock(), IN_HANDLER.try_lock()));
    drop((A.lock(), B.lock(), IN_HANDLER.try_lock()));
    drop((RING[0].lock(), IN_HANDLER.try_lock()));
    drop((RING[1].lock(), IN_HANDLER.try_lock()));
    drop((RING[0].lock(), RING[1].lock(), IN_HANDLER.try_lock()));
    for _ in 0..8 {
        new_in_handler();
        let _outer = A.lock();
        new_in_handler();
        let new = Box::new(Mutex::new('n'));
        let _new = new.lock();
        new_in_handler();
    }
    context::signal(libc::SIGTRAP).register();
    // SAFETY: an action of zeros is a valid one, and the handler has the signature that SA_SIGINFO
    // wants.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_step as *const () as libc::sighandler_t;
        action.sa_flags = libc::SA_SIGINFO;
        libc::sigaction(libc::SIGTRAP, &raw const action, std::ptr::null_mut());
    }
    let n_tried = [pair, pair_with_new, step_hand_over_hand].map(step_through);
    println!("{}", if n_tried.iter().min() > Some(&100) { "tried" } else { "too few" });
}

/// Goes from one lock to the next of its class.
fn step_hand_over_hand() {
    let first = RING[0].lock();
    let second = RING[1].lock();
    drop(first);
    drop(second);
}

/// Has both kinds of handler come after each instruction of `work`, or after every few; returns how
/// many times one came.
fn step_through(work: fn()) -> usize {
    // A chain that ends at a new lock is looked at again a thousand times, to see whether others
    // have such locks too. After that it is known.
    (0..1100).for_each(|_| work());
    let n_steps = stepped(usize::MAX, work);
    let stride = (n_steps * n_steps / 2 / MAX_TRAPS).max(1);
    let mut n_tried = 0;
    for is_announced in 0..2 {
        // ORDERING: Relaxed, as above.
        IS_ANNOUNCED.store(is_announced, Ordering::Relaxed);
        // The second kind tries the places between.
        for target in (is_announced * stride / 2..n_steps).step_by(stride) {
            stepped(target, work);
            lockdep::assert_none_held!();
            n_tried += 1;
        }
    }
    n_tried
}

pub(crate) fn a_handler_may_come_between_any_two_instructions() {
    // 200 000 traps at most: seconds, and more on a busy machine.
    let ended = run_for("single_steps", &[], Duration::from_secs(120));
    assert!(!ended.hung, "{}", ended.stderr);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "tried\n"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("error["), "{}", ended.stderr);
}
