//! All threads of the process made to stand still, and where each of them is.
//!
//! Each thread is sent a signal of ours with the number of its cell. Its handler writes two
//! addresses into the cell and waits for the word [`PHASE`] to change, with a limit of its own. It
//! takes no lock, allocates nothing and keeps `errno`.
//!
//! Not asked are a thread that blocks the signal, and one that waits for signals: it would get ours
//! as if it were the program's.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use crate::runtime::system::thread_state::{self, Look};
use crate::runtime::system::threads;
use crate::runtime::task::stopped;

/// How many threads a report can have.
const MAX_CELLS: usize = 1 << 15;
/// How long threads that were asked are waited for.
const PATIENCE_MS: u64 = 1500;
/// After so long a thread goes on by itself.
const LIMIT_S: libc::time_t = 3;

/// The signal of ours; zero if there is none.
static SIGNAL: AtomicI32 = AtomicI32::new(0);

/// Odd while threads are to stand still; another number each time.
static PHASE: AtomicU32 = AtomicU32::new(0);

/// The cells, mapped by the first report.
static CELLS: AtomicPtr<Cell> = AtomicPtr::new(ptr::null_mut());
static N_CELLS: AtomicUsize = AtomicUsize::new(0);

/// What is known of one thread.
#[derive(Debug)]
pub(super) struct Cell {
    id: AtomicU32,
    state: AtomicU32,
    /// The system call that it was in; negative for none.
    call: AtomicI32,
    /// The first two arguments of that.
    arguments: [AtomicUsize; 2],
    /// Where its code goes on after that; zero if that is unknown.
    at: AtomicUsize,
    /// How often it was switched.
    n_switches: AtomicU64,
    /// Where the kernel has put its registers; zero until it has answered.
    context: AtomicUsize,
    /// What the thread's word says, and its parked state.
    word: AtomicUsize,
    parked: AtomicUsize,
}

/// What a cell says of its thread before it is asked.
const UNKNOWN: u32 = 0;
const RUNS: u32 = 1;
const SLEEPS: u32 = 2;
/// Beside one of those: it must not be asked, because it blocks our signal or waits for signals.
const DEAF: u32 = 1 << 8;
/// It could not be sent the signal.
const REFUSED: u32 = 1 << 9;

impl Cell {
    /// What the system calls the thread.
    pub(super) fn id(&self) -> u32 {
        // ORDERING: Relaxed, as in `is_running`.
        self.id.load(Ordering::Relaxed)
    }

    /// The system call that it was in; negative for none.
    pub(super) fn call(&self) -> i32 {
        // ORDERING: Relaxed, as in `is_running`.
        self.call.load(Ordering::Relaxed)
    }

    /// The first two arguments of the system call; zeros if they are unknown.
    pub(super) fn arguments(&self) -> [usize; 2] {
        // ORDERING: Relaxed, as in `is_running`.
        self.arguments.each_ref().map(|argument| argument.load(Ordering::Relaxed))
    }

    /// Where its code goes on after the system call, if the system said so.
    pub(super) fn at(&self) -> Option<usize> {
        // ORDERING: Relaxed, as in `is_running`.
        Some(self.at.load(Ordering::Relaxed)).filter(|at| *at != 0)
    }

    /// How often it was switched before it was asked.
    pub(super) fn n_switches(&self) -> u64 {
        // ORDERING: Relaxed, as in `is_running`.
        self.n_switches.load(Ordering::Relaxed)
    }

    /// Whether it ran before it was stopped, if the system says.
    pub(super) fn is_running(&self) -> Option<bool> {
        // ORDERING: Relaxed: written by the thread that stops the others, and read by it or by a
        // copy of the process that it made.
        match self.state.load(Ordering::Relaxed) & 0xff {
            RUNS => Some(true),
            SLEEPS => Some(false),
            _ => None,
        }
    }

    /// Why its stack is not known.
    pub(super) fn why_no_stack(&self) -> &'static str {
        // ORDERING: Relaxed, as in `is_running`.
        let state = self.state.load(Ordering::Relaxed);
        if state & DEAF != 0 {
            "not taken: the thread blocks signals, or waits for them"
        } else if state & REFUSED != 0 {
            "not taken: the system refuses the signal that would ask the thread"
        } else {
            "not taken: the thread did not answer"
        }
    }

    /// The state of the thread, if it has answered and no code was using the state.
    pub(super) fn held(&self) -> stopped::Stopped {
        // ORDERING: Relaxed: the Acquire in `has_answered` comes before.
        stopped::Stopped::new(self.word.load(Ordering::Relaxed), self.parked.load(Ordering::Relaxed))
    }

    /// Where its registers are, if it has answered.
    pub(super) fn answer(&self) -> Option<usize> {
        // ORDERING: Acquire pairs with the Release in `answer_in_handler`.
        let context = self.context.load(Ordering::Acquire);
        (context != 0).then_some(context)
    }
}

/// Sets the signal that stops threads.
pub(super) fn set_signal(signal: libc::c_int) {
    // ORDERING: Relaxed: set once, before its handler can run.
    SIGNAL.store(signal, Ordering::Relaxed);
}

/// The signal that stops threads; zero if there is none.
pub(super) fn signal() -> libc::c_int {
    // ORDERING: Relaxed, as above.
    SIGNAL.load(Ordering::Relaxed)
}

/// The cells of the threads that were found last.
pub(super) fn cells() -> &'static [Cell] {
    // ORDERING: Relaxed: the thread that stops the others, or a copy of the process that it made.
    let (cells, n_cells) = (CELLS.load(Ordering::Relaxed), N_CELLS.load(Ordering::Relaxed));
    if cells.is_null() {
        return &[];
    }
    // SAFETY: the mapping is never undone, has room for more, and is all zero at first, which is a
    // valid cell; its fields are atomics.
    unsafe { std::slice::from_raw_parts(cells, n_cells) }
}

fn all_cells() -> Option<&'static [Cell]> {
    // ORDERING: Relaxed: one thread at a time makes a report.
    if CELLS.load(Ordering::Relaxed).is_null() {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let (n_bytes, access) = (MAX_CELLS * size_of::<Cell>(), libc::PROT_READ | libc::PROT_WRITE);
        // SAFETY: asks for memory at a place of the system's choice.
        let memory = unsafe { libc::mmap(ptr::null_mut(), n_bytes, access, flags, -1, 0) };
        if memory == libc::MAP_FAILED {
            return None;
        }
        // ORDERING: Release pairs with the Acquire in `answer_in_handler`.
        CELLS.store(memory.cast(), Ordering::Release);
    }
    // ORDERING: Relaxed, as above.
    let cells = CELLS.load(Ordering::Relaxed);
    // SAFETY: as in `cells`.
    Some(unsafe { std::slice::from_raw_parts(cells, MAX_CELLS) })
}

/// Stops all threads but the running one, whose registers lie at `own` if it is in a handler, and
/// but `except`. They stand still until [`release`].
pub(super) fn stop_all(own: usize, except: u32) {
    let Some(cells) = all_cells() else { return };
    let own_id = threads::own_id();
    let mut n_cells = 0;
    threads::each(|id| {
        if id == except || n_cells == MAX_CELLS {
            return;
        }
        let look = match asked_look(id) {
            Some(look) => look,
            None if id == own_id && own > 1 => interrupted(own),
            None if id == own_id => Look::default(),
            None => thread_state::look(id, signal()),
        };
        let mut state = match look.is_running {
            Some(true) => RUNS,
            Some(false) => SLEEPS,
            None => UNKNOWN,
        };
        if look.is_deaf {
            state |= DEAF;
        }
        let cell = &cells[n_cells];
        // ORDERING: Relaxed, in these lines: the phase below publishes.
        cell.id.store(id, Ordering::Relaxed);
        cell.state.store(state, Ordering::Relaxed); // ORDERING: as above
        cell.call.store(look.call, Ordering::Relaxed); // ORDERING: as above
        for (argument, value) in cell.arguments.iter().zip(look.arguments) {
            argument.store(value, Ordering::Relaxed); // ORDERING: as above
        }
        cell.at.store(look.at, Ordering::Relaxed); // ORDERING: as above
        cell.n_switches.store(look.n_switches, Ordering::Relaxed); // ORDERING: as above
        cell.context.store(0, Ordering::Relaxed); // ORDERING: as above
        n_cells += 1;
    });
    // ORDERING: Relaxed: the phase below publishes.
    N_CELLS.store(n_cells, Ordering::Relaxed);
    // ORDERING: Release pairs with the Acquire in `answer_in_handler`: the cells are as above.
    let phase = PHASE.fetch_add(1, Ordering::Release).wrapping_add(1);
    let mut n_asked = 0;
    for (index, cell) in cells[..n_cells].iter().enumerate() {
        // ORDERING: Relaxed: this thread wrote them.
        let (id, state) = (cell.id.load(Ordering::Relaxed), cell.state.load(Ordering::Relaxed));
        if id == own_id {
            answer(cell, own);
        } else if state & DEAF == 0 && signal() != 0 {
            if threads::send(id, signal(), u64::from(phase) << 32 | index as u64) {
                n_asked += 1;
            } else {
                cell.state.store(state | REFUSED, Ordering::Relaxed); // ORDERING: as above
            }
        }
    }
    wait_for_answers(&cells[..n_cells], n_asked, own_id);
}

/// The thread that was asked for the report, and where its registers are while it runs our handler.
static ASKED_THREAD: AtomicU32 = AtomicU32::new(0);
static ASKED_CONTEXT: AtomicUsize = AtomicUsize::new(0);
/// How many threads read those registers.
static N_READERS: AtomicU32 = AtomicU32::new(0);

/// The running thread was asked for the report; `context` are its registers in the handler.
pub(super) fn set_asked(context: usize) {
    // ORDERING: Relaxed: published by the offer that follows.
    ASKED_CONTEXT.store(context, Ordering::Relaxed);
    ASKED_THREAD.store(threads::own_id(), Ordering::Relaxed); // ORDERING: as above
}

/// The running thread leaves its handler, and its registers are there no longer. Waits for who
/// reads them: a thread that does so waits for nothing.
pub(super) fn withdraw_asked() {
    // ORDERING: SeqCst, here and below: either the reader sees that there is no context any more,
    // or this thread sees the reader.
    ASKED_CONTEXT.store(0, Ordering::SeqCst);
    while N_READERS.load(Ordering::SeqCst) != 0 {
        threads::pause(1);
    }
}

/// The process is the child of a fork: who read there is not here.
pub(super) fn forked() {
    // ORDERING: Relaxed, in this function: the child has one thread.
    N_READERS.store(0, Ordering::Relaxed);
    ASKED_CONTEXT.store(0, Ordering::Relaxed); // ORDERING: as above
}

/// What the thread did that was asked, if this is that one, and if it is still in its handler.
fn asked_look(id: u32) -> Option<Look> {
    // ORDERING: SeqCst, as in `withdraw_asked`.
    N_READERS.fetch_add(1, Ordering::SeqCst);
    let context = ASKED_CONTEXT.load(Ordering::SeqCst);
    // ORDERING: Relaxed: written before the offer that led here.
    let is_asked = ASKED_THREAD.load(Ordering::Relaxed) == id && context > 1;
    let look = is_asked.then(|| interrupted(context));
    // ORDERING: Release: the registers were read before.
    N_READERS.fetch_sub(1, Ordering::Release);
    look
}

/// What the thread did that our handler interrupted. A system call that a signal interrupts is
/// begun anew: then the registers lead to the instruction that makes it. Or it ends with an error.
#[cfg(target_arch = "x86_64")]
fn interrupted(context: usize) -> Look {
    const SYSCALL: [u8; 2] = [0x0f, 0x05];
    let context = ptr::with_exposed_provenance::<libc::ucontext_t>(context);
    // SAFETY: the registers of a thread that is in our handler. Code lies around the instruction,
    // and the two bytes before one that follows a system call are that.
    unsafe {
        let registers = &(*context).uc_mcontext.gregs;
        let result = registers[libc::REG_RAX as usize];
        let Ok(at) = usize::try_from(registers[libc::REG_RIP as usize]) else { return Look::default() };
        let code = |at: usize| ptr::with_exposed_provenance::<[u8; 2]>(at).read_unaligned();
        let running = Look { is_running: Some(true), ..Look::default() };
        if code(at) == SYSCALL {
            let call = i32::try_from(result).unwrap_or(-1);
            let argument = |register: libc::c_int| usize::try_from(registers[register as usize]).unwrap_or(0);
            let arguments = [argument(libc::REG_RDI), argument(libc::REG_RSI)];
            return Look { is_running: Some(false), call, arguments, ..Look::default() };
        }
        if result == -libc::c_longlong::from(libc::EINTR) && code(at - 2) == SYSCALL {
            return Look { is_running: Some(false), ..Look::default() };
        }
        running
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn interrupted(_context: usize) -> Look {
    Look::default()
}

fn wait_for_answers(cells: &[Cell], n_asked: usize, own_id: u32) {
    let start = threads::now_ms();
    loop {
        // ORDERING: Relaxed: the id was written by this thread.
        let others = cells.iter().filter(|cell| cell.id.load(Ordering::Relaxed) != own_id);
        let n_answered = others.filter(|cell| cell.answer().is_some()).count();
        if n_answered >= n_asked || threads::now_ms().saturating_sub(start) > PATIENCE_MS {
            return;
        }
        threads::pause(1);
    }
}

/// Lets the threads go on.
pub(super) fn release() {
    // ORDERING: Release, so that nothing read of the threads is read later.
    PHASE.fetch_add(1, Ordering::Release);
    // SAFETY: wakes those that wait for the word.
    unsafe { libc::syscall(libc::SYS_futex, PHASE.as_ptr(), FUTEX_WAKE, i32::MAX) };
}

/// Both with the flag that says that no other process has the word.
const FUTEX_WAIT: libc::c_int = 128;
const FUTEX_WAKE: libc::c_int = 128 | 1;

fn answer(cell: &Cell, context: usize) {
    let [word, parked] = stopped::of_running();
    // ORDERING: Relaxed: the Release below publishes both.
    cell.word.store(word, Ordering::Relaxed);
    cell.parked.store(parked, Ordering::Relaxed); // ORDERING: as above
    // ORDERING: Release pairs with the Acquire in `Cell::answer`. A thread that is in no handler
    // has no registers there, and answers with an address that is none.
    cell.context.store(context.max(1), Ordering::Release);
}

/// In the handler: answers what the value of the signal asks, and stands still. Returns false if
/// the signal does not ask for that.
pub(super) fn answer_in_handler(value: u64, context: *mut c_void) -> bool {
    let (Ok(phase), index) = (u32::try_from(value >> 32), (value & 0xffff_ffff) as usize) else {
        return false;
    };
    // ORDERING: Acquire pairs with the Release in `stop_all`.
    if phase & 1 == 0 || PHASE.load(Ordering::Acquire) != phase {
        return phase & 1 == 1;
    }
    let Some(cell) = cells().get(index) else { return true };
    // ORDERING: Relaxed: published by the phase.
    if cell.id.load(Ordering::Relaxed) != threads::own_id() {
        return true;
    }
    answer(cell, context.addr());
    let limit = libc::timespec { tv_sec: LIMIT_S, tv_nsec: 0 };
    let start = threads::now_ms();
    // ORDERING: Acquire: what this thread does next comes after.
    while PHASE.load(Ordering::Acquire) == phase
        && threads::now_ms().saturating_sub(start) < LIMIT_S.unsigned_abs() * 1000
    {
        // SAFETY: waits for the word to change, with a limit.
        unsafe { libc::syscall(libc::SYS_futex, PHASE.as_ptr(), FUTEX_WAIT, phase, &raw const limit) };
    }
    true
}
