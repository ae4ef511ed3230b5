//! Prints what a report costs the thread that it is about: the first one, which reads the debug
//! information of the program, and those after it.
//!
//! `cargo run --release -p lockdep-tests --bin report_cost`. Each report is that of two locks of
//! classes of their own, acquired in opposite orders by two functions of their own. It is recorded
//! as under `cargo lockdep`, and as text too. The time is that of the acquisition that closes the
//! cycle.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use lockdep::sync::Mutex;

/// A pair of locks, and the two functions that acquire them; the time of the last acquisition.
macro_rules! inversion {
    () => {{
        #[inline(never)]
        fn one_order(a: &Mutex<u32>, b: &Mutex<u32>) -> u32 {
            let held = a.lock().expect("nothing panics");
            *held + *b.lock().expect("nothing panics")
        }
        #[inline(never)]
        fn other_order(a: &Mutex<u32>, b: &Mutex<u32>) -> Duration {
            let held = b.lock().expect("nothing panics");
            let began = Instant::now();
            let wanted = a.lock().expect("nothing panics");
            let took = began.elapsed();
            std::hint::black_box(*held + *wanted);
            took
        }
        let (a, b) = (Mutex::new(1), Mutex::new(2));
        std::hint::black_box(one_order(&a, &b));
        other_order(&a, &b)
    }};
}

#[expect(clippy::print_stdout, reason = "a command that prints a table")]
fn main() -> ExitCode {
    if std::env::var_os("LOCKDEP").is_some() {
        print_costs();
        return ExitCode::SUCCESS;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut own = Command::new(std::env::current_exe().expect("this program"));
    for (name, what) in [("record", "/dev/null"), ("record and text", "text")] {
        let output = if what == "text" { folder.path().join(what) } else { what.into() };
        println!("{name}");
        own.env("LOCKDEP", "1").env("LOCKDEP_DIR", folder.path()).env("LOCKDEP_OUTPUT", output);
        let status = own.status().expect("it can be started");
        if !status.success() && status.code() != Some(3) {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

#[expect(clippy::print_stdout, reason = "a command that prints a table")]
fn print_costs() {
    // Each on a line of its own, because the line is a part of the class.
    let times = [
        inversion!(),
        inversion!(),
        inversion!(),
        inversion!(),
        inversion!(),
        inversion!(),
        inversion!(),
        inversion!(),
        inversion!(),
        inversion!(),
        inversion!(),
        inversion!(),
        inversion!(),
        inversion!(),
        inversion!(),
        inversion!(),
    ];
    let (first, later) = times.split_first().expect("sixteen");
    let mut later: Vec<u128> = later.iter().map(Duration::as_micros).collect();
    later.sort_unstable();
    let (median, longest) = (later[later.len() / 2], later[later.len() - 1]);
    println!(
        "  first report {} us; a later one {median} us (median), {longest} us (longest)",
        first.as_micros()
    );
}
