//! Signals without end: each handler takes locks, and so does the thread that it interrupts.

use std::os::unix::thread::JoinHandleExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lockdep::sync::{Mutex, RwLock};

use super::run_for;

static OF_HANDLERS: Mutex<u64> = Mutex::new(0);
static N_HANDLED: AtomicUsize = AtomicUsize::new(0);

/// Without the cure, one of some thousand handlers left a release without its acquisition.
const N_HANDLERS: usize = 40_000;

extern "C" fn on_signal(_: libc::c_int) {
    // A try: another thread's handler may have it, and this one must not wait inside a handler.
    if let Ok(mut n_handled) = OF_HANDLERS.try_lock() {
        *n_handled += 1;
        drop(Mutex::new(1_u8).lock());
    }
    let list = [Mutex::new('a'), Mutex::new('b'), Mutex::new('c')];
    hand_over_hand(&list);
    // ORDERING: Relaxed, in all of this file: a number that ends the program.
    N_HANDLED.fetch_add(1, Ordering::Relaxed);
}

fn is_over() -> bool {
    // ORDERING: Relaxed, as above.
    N_HANDLED.load(Ordering::Relaxed) >= N_HANDLERS
}

fn hand_over_hand<T>(list: &[Mutex<T>]) {
    let mut held = list[0].lock();
    for next in &list[1..] {
        held = next.lock();
    }
    drop(held);
}

fn work() {
    let outer = Mutex::new(0_i64);
    let list: Vec<Mutex<u64>> = (0..50).map(Mutex::new).collect();
    let shared = RwLock::new(5_i32);
    while !is_over() {
        for n in 0..200_usize {
            drop(Mutex::new(n).lock());
        }
        {
            let _outer = outer.lock();
            for n in 0..50_i16 {
                drop(Mutex::new(n).lock());
            }
        }
        hand_over_hand(&list);
        let first = outer.lock();
        let second = shared.read();
        drop(first);
        drop(second);
    }
}

/// Threads that lock, and one that interrupts them.
pub(crate) fn flood() {
    // SAFETY: the handler has the signature that the system wants.
    unsafe { libc::signal(libc::SIGUSR1, on_signal as *const () as libc::sighandler_t) };
    let threads: Vec<_> = (0..3).map(|_| std::thread::spawn(work)).collect();
    while !is_over() {
        for thread in &threads {
            // SAFETY: the thread has not been joined.
            unsafe { libc::pthread_kill(thread.as_pthread_t(), libc::SIGUSR1) };
        }
        (0..500).for_each(|_| std::hint::spin_loop());
    }
    threads.into_iter().for_each(|thread| thread.join().expect("does not panic"));
    println!("over");
}

pub(crate) fn handlers_leave_no_release_without_its_acquisition() {
    // It works all the time, and takes minutes where other programs have the processors.
    let ended = run_for("flood", &[], Duration::from_secs(900));
    assert!(!ended.hung, "{}", ended.stderr);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "over\n"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("error["), "{}", ended.stderr);
}
