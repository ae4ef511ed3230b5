//! Measures how long a deadlock is there before it is reported (LD0100), and looks whether slow
//! programs are said to hang.
//!
//! `cargo run --release -p lockdep-tests --bin hang_delay [N]`: N runs of each kind, 1000 by
//! default. Each run is a process of its own. The time begins at the last step to the deadlock, and
//! ends when the report is written. The lines of the table:
//!
//! * `known order`: the two orders were reported before (LD0003), by other threads;
//! * `new order`: the last step makes the second order, so that LD0003 is found by it too;
//! * `slow`: the corpus's programs that wait for long, or often, and go on.
#![expect(clippy::print_stdout, reason = "a command that prints a table")]

use std::process::{Command, ExitCode, Stdio};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lockdep::sync::Mutex;
use lockdep_tests::child;

#[path = "../../corpus/mod.rs"]
#[expect(dead_code, reason = "only the slow programs are run here")]
mod corpus;

/// A report that comes later is too late.
const MOST: Duration = Duration::from_secs(1);
/// After so long a process counts as one that reports nothing.
const LIMIT: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<&str>>()[..] {
        ["child", "known order"] => deadlock(true),
        ["child", "new order"] => deadlock(false),
        ["child", name] => corpus::cases().filter(|case| case.name == name).for_each(|case| (case.run)()),
        [] => return measure(1000),
        [n, ..] => return n.parse().map_or(ExitCode::from(2), measure),
    };
    ExitCode::SUCCESS
}

fn measure(n_runs: usize) -> ExitCode {
    let mut is_right = true;
    for kind in ["known order", "new order"] {
        let mut times: Vec<Duration> = (0..n_runs).filter_map(|_| delay(kind)).collect();
        times.sort_unstable();
        let at = |share: usize| times.get((times.len() * share / 100).min(times.len() - 1)).copied();
        let ms = |time: Option<Duration>| time.unwrap_or_default().as_millis();
        let n_late = times.iter().filter(|time| **time > MOST).count();
        println!(
            "{kind}: {} of {n_runs} reported; {} ms (median), {} ms (99 %), {} ms (longest); {n_late} above {} ms",
            times.len(),
            if times.is_empty() { 0 } else { ms(at(50)) },
            if times.is_empty() { 0 } else { ms(at(99)) },
            ms(times.last().copied()),
            MOST.as_millis()
        );
        is_right &= times.len() == n_runs && n_late == 0;
    }
    for name in ["slow_holder", "slow_crowd"] {
        let n_said = (0..n_runs).filter(|_| is_said_to_hang(name)).count();
        println!("{name}: {n_said} of {n_runs} said to hang");
        is_right &= n_said == 0;
    }
    if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn child(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["child", name]).env("LOCKDEP", "1").stdin(Stdio::null());
    command
}

/// How long one deadlock was there; `None` if it was not reported.
fn delay(kind: &str) -> Option<Duration> {
    let ended = child::run(&mut child(kind), LIMIT).ok()?;
    let micros = ended.stdout.lines().find_map(|line| line.strip_prefix("after "))?;
    micros.parse().ok().map(Duration::from_micros)
}

fn is_said_to_hang(name: &str) -> bool {
    let mut command = child(name);
    command.env("LOCKDEP_HANG_AFTER", "0.2").env("LOCKDEP_FORMAT", "json");
    let ended = child::run(&mut command, LIMIT).expect("it starts");
    let said = ["\"LD0100\"", "\"record\":\"hang\""].iter().any(|text| ended.stderr.contains(text));
    said || ended.describe() != "exit 0"
}

/// When the last step began, in microseconds since the start.
static LAST_STEP: AtomicU64 = AtomicU64::new(0);

fn deadlock(is_known: bool) {
    static A: Mutex<u8> = Mutex::new(1);
    static B: Mutex<u16> = Mutex::new(2);
    static BOTH: Barrier = Barrier::new(2);
    let start = Instant::now();
    let now = move || u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
    lockdep::set_report_callback(move |report| {
        if report.code == "LD0100" {
            // ORDERING: Relaxed: the report comes after the steps.
            println!("after {}", now() - LAST_STEP.load(Ordering::Relaxed));
            std::process::exit(0);
        }
    });
    let forth = || {
        let _a = A.lock();
        drop(B.lock());
    };
    let back = || {
        let _b = B.lock();
        drop(A.lock());
    };
    if is_known {
        // Each thread is over before the next one begins.
        let _ = (lockdep::thread::spawn(forth).join(), lockdep::thread::spawn(back).join());
    }
    // ORDERING: Relaxed: the later of two steps.
    let step = move || LAST_STEP.fetch_max(now(), Ordering::Relaxed);
    let a = lockdep::thread::spawn(move || {
        let held = A.lock();
        BOTH.wait();
        step();
        drop(B.lock());
        drop(held);
    });
    let b = lockdep::thread::spawn(move || {
        let held = B.lock();
        BOTH.wait();
        step();
        drop(A.lock());
        drop(held);
    });
    let _ = (a.join(), b.join());
}
