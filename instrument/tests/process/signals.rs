//! Signal handlers that no context announces, on threads with and without a state, on small stacks;
//! an allocator that locks; and what is put aside meanwhile.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lockdep::context;
use lockdep::sync::{Mutex, RwLock};

use super::run;

static A: Mutex<u8> = Mutex::new(0);
static B: Mutex<u16> = Mutex::new(0);
static READ: RwLock<u32> = RwLock::new(0);

/// How often a handler ran.
static N_TICKS: AtomicU64 = AtomicU64::new(0);
/// At which tick the handler ends the process.
static LAST_TICK: AtomicU64 = AtomicU64::new(u64::MAX);
/// What the handler does.
static WORK: AtomicUsize = AtomicUsize::new(0);

const ONE_LOCK: usize = 0;
const TWO_LOCKS: usize = 1;
const READ_LOCK: usize = 2;
const ANNOUNCED: usize = 3;
const BLOCKING: usize = 4;
const THREE_LOCKS: usize = 5;
const ANNOUNCED_BLOCKING: usize = 6;

fn variable<N: std::str::FromStr>(name: &str) -> Option<N> {
    std::env::var(name).ok()?.parse().ok()
}

extern "C" fn on_signal(signal: i32) {
    // ORDERING: Relaxed: a counter.
    let n_ticks = N_TICKS.fetch_add(1, Ordering::Relaxed);
    // ORDERING: Relaxed: set before the handler is installed, as `WORK` is.
    if n_ticks >= LAST_TICK.load(Ordering::Relaxed) {
        // SAFETY: what runs at the exit is what is tested.
        unsafe { libc::exit(3) };
    }
    // ORDERING: Relaxed, as above.
    match WORK.load(Ordering::Relaxed) {
        ONE_LOCK => drop(A.try_lock()),
        TWO_LOCKS => drop((B.try_lock(), A.try_lock())),
        READ_LOCK => drop((READ.try_read(), B.try_lock())),
        ANNOUNCED => {
            let _inside = context::signal(signal).enter();
            drop(A.try_lock());
        }
        BLOCKING => {
            let b = B.lock();
            drop((A.lock(), b));
        }
        ANNOUNCED_BLOCKING => {
            let _inside = context::signal(signal).enter();
            drop(A.lock());
        }
        _ => {
            let _inside = context::signal(signal).enter();
            drop((A.try_lock(), B.try_lock(), READ.try_read()));
        }
    }
}

fn install(signal: i32, flags: i32) {
    // ORDERING: Relaxed: the handler is not installed yet.
    WORK.store(variable("WORK").unwrap_or(ONE_LOCK), Ordering::Relaxed);
    // ORDERING: Relaxed, as above.
    LAST_TICK.store(variable("LAST_TICK").unwrap_or(u64::MAX), Ordering::Relaxed);
    context::signal(signal).register();
    // SAFETY: zero is a valid action, and the handler has the signature that is wanted.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_signal as *const () as usize;
        action.sa_flags = flags;
        libc::sigaction(signal, &raw const action, std::ptr::null_mut());
    }
}

/// A sampling profiler: threads start, allocate and end while a timer has a lock tried in a
/// handler.
pub(crate) fn profiled() {
    let (timer, signal) = match variable::<u64>("ALARM") {
        Some(_) => (libc::ITIMER_REAL, libc::SIGALRM),
        None => (libc::ITIMER_PROF, libc::SIGPROF),
    };
    install(signal, libc::SA_RESTART);
    let every = libc::timeval { tv_sec: 0, tv_usec: 500 };
    let spec = libc::itimerval { it_interval: every, it_value: every };
    // SAFETY: the specification is read, nothing is written.
    unsafe { libc::setitimer(timer, &raw const spec, std::ptr::null_mut()) };
    let end = Instant::now() + Duration::from_millis(variable("MILLISECONDS").unwrap_or(1500));
    let mut sum = 0;
    while Instant::now() < end {
        let work =
            || (0..50).map(|_| (0..100).map(|i| vec![1_u8; i * 29]).collect::<Vec<_>>().len()).sum::<usize>();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(work)).collect();
        sum += threads.into_iter().map(|thread| thread.join().expect("it only counts")).sum::<usize>();
        sum += work();
        // New orders, for a handler to interrupt.
        let fresh = [(); 3].map(|()| Mutex::new(0_u64));
        drop((fresh[0].lock(), fresh[1].lock(), fresh[2].lock()));
    }
    println!("over: {}", sum > 0);
}

/// A thread whose first event is in a handler, and which has no other.
pub(crate) fn first_event_in_handler() {
    install(libc::SIGUSR1, 0);
    {
        let _a = A.lock();
        drop(B.lock());
    }
    let thread = std::thread::Builder::new().name("fresh thread of the test".to_owned());
    // SAFETY: the handler is installed.
    let thread = thread.spawn(|| unsafe { libc::raise(libc::SIGUSR1) }).expect("a thread starts");
    println!("raised: {:?}, unseen: {}", thread.join().ok(), lockdep::counters().unseen);
}

/// A handler that runs many times while the validator is in use, and so puts more aside than fits.
pub(crate) fn full_ring() {
    drop((A.lock(), B.lock(), READ.read()));
    install(libc::SIGUSR1, 0);
    lockdep::set_report_callback(|_| {
        // SAFETY: the handler is installed.
        (0..variable("TIMES").unwrap_or(0))
            .for_each(|_| assert_eq!(unsafe { libc::raise(libc::SIGUSR1) }, 0));
    });
    let worker = std::thread::spawn(|| {
        let b = B.lock();
        drop((A.lock(), b));
    });
    println!("joined: {}, unseen: {}", worker.join().is_ok(), lockdep::counters().unseen > 0);
}

/// A handler on an alternate stack of the smallest size that signal libraries use.
pub(crate) fn alternate_stack() {
    if variable::<u64>("WARM").is_some() {
        drop(A.lock());
        drop(B.lock());
    }
    let mut memory = vec![0_u8; libc::SIGSTKSZ];
    let stack = libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: memory.len() };
    // SAFETY: the memory outlives every signal of this case.
    unsafe { libc::sigaltstack(&raw const stack, std::ptr::null_mut()) };
    install(libc::SIGUSR1, libc::SA_ONSTACK);
    // SAFETY: the handler is installed.
    unsafe { libc::raise(libc::SIGUSR1) };
    std::hint::black_box(&memory);
    println!("over");
}

/// Both orders of two locks on a thread with little stack.
pub(crate) fn small_stack() {
    let kib: usize = variable("KIB").expect("set by the check");
    let thread = std::thread::Builder::new().stack_size(kib << 10);
    let thread = thread.spawn(|| {
        drop((A.lock(), B.lock()));
        let b = B.lock();
        drop((A.lock(), b));
    });
    println!("joined: {}", thread.expect("a thread starts").join().is_ok());
}

/// Threads start and end while every allocation takes a watched lock.
pub(crate) fn locking_allocator() {
    super::cases::lock_in_allocator(variable("WORK").unwrap_or(2));
    for _ in 0..20 {
        let thread = std::thread::Builder::new().name("allocates".to_owned());
        let thread = thread.spawn(|| drop(std::hint::black_box(vec![1_u8; 100]))).expect("a thread starts");
        thread.join().expect("it only allocates");
    }
    let _ = std::thread::current().name();
    println!("over");
}

/// An inversion in a process that may have little more memory than it has.
pub(crate) fn tight_memory() {
    drop((A.lock(), B.lock()));
    let statm = std::fs::read_to_string("/proc/self/statm").expect("readable");
    let n_pages: u64 = statm.split(' ').next().and_then(|n_pages| n_pages.parse().ok()).expect("a number");
    let bytes = n_pages * 4096 + (variable::<u64>("MIB").expect("set by the check") << 20);
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: the limit is read.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
    let b = B.lock();
    drop((A.lock(), b));
    println!("over");
}

pub(crate) fn a_report_needs_little_memory() {
    for mib in ["4", "16", "32"] {
        let ended = run("tight_memory", &[("MIB", mib)]);
        assert_eq!(
            (ended.code, ended.stdout.as_str(), ended.n_reports("LD0003")),
            (Some(0), "over\n", 1),
            "{mib} MiB, {:?}: {}",
            ended.signal,
            ended.stderr
        );
    }
}

pub(crate) fn handlers_neither_allocate_nor_lock() {
    for work in [ONE_LOCK, TWO_LOCKS, READ_LOCK, ANNOUNCED, THREE_LOCKS] {
        for alarm in [false, true] {
            let work = work.to_string();
            let mut env = vec![("WORK", work.as_str())];
            env.extend(alarm.then_some(("ALARM", "1")));
            let ended = run("profiled", &env);
            assert_eq!(
                (ended.code, ended.stdout.as_str()),
                (Some(0), "over: true\n"),
                "work {work}, signal {:?}:\n{}",
                ended.signal,
                ended.stderr
            );
            assert_eq!(ended.n_reports("LD0007") + ended.n_reports("LD0009"), 0, "{}", ended.stderr);
        }
    }
}

pub(crate) fn what_a_handler_does_first_on_a_thread_is_seen() {
    let announced = run("first_event_in_handler", &[("WORK", "6")]);
    assert_eq!((announced.code, announced.n_reports("LD0004")), (Some(0), 1), "{}", announced.stderr);
    assert_eq!(announced.stdout, "raised: Some(0), unseen: 0\n");
    let plain = run("first_event_in_handler", &[("WORK", "4")]);
    assert_eq!((plain.code, plain.n_reports("LD0003")), (Some(0), 1), "{}", plain.stderr);
    assert_eq!(plain.stdout, "raised: Some(0), unseen: 0\n");
}

pub(crate) fn a_full_ring_loses_whole_pairs() {
    for work in [ANNOUNCED, THREE_LOCKS] {
        for times in ["13", "14", "15", "16", "100"] {
            let ended = run("full_ring", &[("WORK", &work.to_string()), ("TIMES", times)]);
            assert_eq!(ended.code, Some(0), "{}", ended.stderr);
            let is_lost = times == "100";
            assert!(ended.stdout.starts_with("joined: true"), "{}", ended.stdout);
            assert!(!is_lost || ended.stdout.ends_with("unseen: true\n"), "{}", ended.stdout);
            assert_eq!(ended.n_reports("LD0007") + ended.n_reports("LD0009"), 0, "{}", ended.stderr);
        }
    }
}

pub(crate) fn small_stacks_are_enough() {
    for warm in [false, true] {
        for work in ["1", "4"] {
            let mut env = vec![("WORK", work)];
            env.extend(warm.then_some(("WARM", "1")));
            let ended = run("alternate_stack", &env);
            assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "over\n"), "{:?}", ended.signal);
        }
    }
    for kib in ["16", "20", "24", "32", "64"] {
        let ended = run("small_stack", &[("KIB", kib)]);
        assert_eq!(
            (ended.code, ended.stdout.as_str(), ended.n_reports("LD0003")),
            (Some(0), "joined: true\n", 1),
            "{kib} KiB: {:?} {}",
            ended.signal,
            ended.stderr
        );
    }
    let json = run("small_stack", &[("KIB", "16"), ("LOCKDEP_FORMAT", "json")]).stderr;
    assert!(json.contains("signals::small_stack"), "the frames are those of the thread: {json}");
}

pub(crate) fn an_allocator_may_lock_anywhere() {
    for work in ["2", "3"] {
        let ended = run("locking_allocator", &[("WORK", work)]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "over\n"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    }
}

pub(crate) fn a_handler_may_end_the_process() {
    for last_tick in 1..=25 {
        let last_tick = last_tick.to_string();
        let env =
            [("LAST_TICK", last_tick.as_str()), ("WORK", "1"), ("ALARM", "1"), ("MILLISECONDS", "30000")];
        let ended = run("profiled", &env);
        assert_eq!(ended.code, Some(3), "signal {:?}: {}", ended.signal, ended.stderr);
    }
}
