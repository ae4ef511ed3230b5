//! A small program for the tests of run records: `LOCKDEP=1 LOCKDEP_DIR=… recorded MODE`.
//!
//! Each mode takes the same two statics in one order, so that only records together show both.

#![expect(clippy::print_stdout, reason = "the test waits for what is printed")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use lockdep::sync::{Mutex, RwLock};

static LEDGER: Mutex<u8> = Mutex::new(0);
static AUDIT: Mutex<u16> = Mutex::new(0);
static TRAIL: Mutex<u32> = Mutex::new(0);

fn forwards() {
    let _ledger = LEDGER.lock();
    let _audit = AUDIT.lock();
}

fn backwards() {
    let _audit = AUDIT.lock();
    let _ledger = LEDGER.lock();
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("forwards") => forwards(),
        Some("backwards") => backwards(),
        Some("until-killed") => {
            backwards();
            // The last line of the record, which the test cuts.
            let _audit = AUDIT.lock();
            let _trail = TRAIL.lock();
            println!("ready");
            std::io::stdout().flush().expect("the test listens");
            loop {
                std::thread::park();
            }
        }
        Some("fork") => {
            forwards();
            fork(backwards);
        }
        Some("by-the-library") => by_the_library(),
        other => panic!("no mode {other:?}"),
    }
}

#[derive(Default)]
struct Derived {
    shared: Arc<Mutex<u64>>, // here: derived
}

/// Has the library make locks, and takes each under another, so that it is recorded. The test knows
/// the marked lines.
fn by_the_library() {
    let outer = Mutex::new(());
    let _outer = outer.lock();
    drop(Arc::<Mutex<u8>>::default().lock()); // here: Arc::default
    let none: Option<Mutex<u16>> = std::hint::black_box(None);
    drop(none.unwrap_or_default().lock()); // here: unwrap_or_default
    drop(BTreeMap::<u8, Mutex<u32>>::new().entry(1).or_default().lock()); // here: or_default
    drop(Derived::default().shared.lock());
    let make: fn() -> RwLock<i8> = RwLock::default;
    drop(make().read()); // here: function
    let made: Vec<Mutex<i16>> = [1].into_iter().map(Mutex::from).collect(); // here: from
    drop(made[0].lock());
    let made: [Mutex<i32>; 1] = Default::default(); // here: array
    drop(made[0].lock());
    for _ in 0..2 {
        let one: Arc<Mutex<char>> = Arc::default();
        drop(one.lock());
    }
    let another: Arc<Mutex<char>> = Arc::default();
    drop(another.lock());
}

#[expect(unsafe_code, reason = "fork has no safe form")]
fn fork(work: fn()) {
    // SAFETY: only this thread runs, so the child may go on as the parent could.
    match unsafe { libc::fork() } {
        -1 => panic!("cannot fork"),
        0 => {
            work();
            std::process::exit(0);
        }
        child => {
            let mut status = 0;
            // SAFETY: the pointer is to a local.
            let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
            assert_eq!((waited, status), (child, 0), "the child ended well");
        }
    }
}
