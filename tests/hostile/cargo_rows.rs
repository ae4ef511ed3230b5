//! What needs a build: `cargo lockdep` on a fixture, or a shared object with the runtime in it.

use std::ffi::CString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lockdep_tests::child::{self, Ended};
use lockdep_tests::command_line::{self, root};

use super::stage::{Cost, Kept, Program, Row, ensure};

pub(crate) const PROGRAMS: &[Program] = &[("plugin-host", plugin_host)];

pub(crate) const ROWS: &[Row] = &[
    Row {
        item: "A5",
        name: "plugin",
        attempt: "a cdylib with the runtime and 4 KiB of thread-locals is loaded late",
        promise: "it can be loaded",
        cost: Cost::Cargo,
        check: || plugin(|ended| ensure(ended.stdout.contains("loaded"), "the plugin was not loaded", ended)),
    },
    Row {
        item: "B14",
        name: "two-runtimes",
        attempt: "a plugin brings a second copy of the runtime",
        promise: "the copies are one, or it is said that there are two",
        cost: Cost::Cargo,
        check: || {
            plugin(|ended| {
                let is_said =
                    ended.stderr.contains("LD0003") || ended.stderr.contains("another copy of lockdep");
                ensure(is_said, "an inversion across the two is silent", ended)
            })
        },
    },
    Row {
        item: "B11",
        name: "lost-record",
        attempt: "a test finds an error and has no descriptor for its record",
        promise: "the command does not exit with 0",
        cost: Cost::Cargo,
        check: || {
            let ended = lockdep(&fixture(), &["run", "--bin", "nofile"]);
            ensure(!["exit 0", "exit 101"].contains(&&*ended.describe()), "the loss is not told", &ended)
        },
    },
    Row {
        item: "B12",
        name: "unseen-by-command",
        attempt: "events that could not be looked at, under `cargo lockdep run`",
        promise: "the command says their number",
        cost: Cost::Cargo,
        check: || {
            let ended = lockdep(&fixture(), &["run", "--bin", "unseen"]);
            let said = ended.stderr.contains("unseen") || ended.stderr.contains("not looked at");
            ensure(said, "the number is not said", &ended)
        },
    },
    Row {
        item: "D23",
        name: "timeout-leaves-child",
        attempt: "a program that hangs has a child in a session of its own",
        promise: "`--timeout` ends both",
        cost: Cost::Cargo,
        check: timeout_kept,
    },
    Row {
        item: "D24",
        name: "second-interrupt",
        attempt: "the command is interrupted twice",
        promise: "nothing that it started goes on",
        cost: Cost::Cargo,
        check: interrupt_kept,
    },
    Row {
        item: "D0",
        name: "once-cell-features",
        attempt: "once_cell with the feature `critical-section`",
        promise: "what builds without us builds under us",
        cost: Cost::Cargo,
        check: || {
            let ended = lockdep(&fixture().join("once_cell"), &["test"]);
            ensure(ended.describe() == "exit 0", "it does not build", &ended)
        },
    },
    Row {
        item: "D22",
        name: "moved-project",
        attempt: "a project is moved with its target directory",
        promise: "it is built again, or the cause is said",
        cost: Cost::Cargo,
        check: moved_kept,
    },
];

/// Covers a first build of the runtime on a slow machine.
const LIMIT: Duration = Duration::from_secs(900);

fn fixture() -> PathBuf {
    root().join("tests/hostile/fixture")
}

fn lockdep(directory: &Path, args: &[&str]) -> Ended {
    child::run(&mut command_line::command(directory, args), LIMIT).expect("the command can be started")
}

/// Builds the plugin, loads it into a program that has the runtime too, and looks at how that
/// ended.
fn plugin(look: impl FnOnce(&Ended) -> Kept) -> Kept {
    let directory = fixture().join("plugin");
    let target = command_line::target_directory().join("plugin");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet"]).current_dir(&directory).env("CARGO_TARGET_DIR", &target);
    let built = child::run(&mut build, LIMIT).expect("cargo can be started");
    ensure(built.describe() == "exit 0", "the plugin does not build", &built)?;
    let library = target.join("debug/libplugin.so");
    let library = library.to_str().expect("UTF-8");
    look(&super::stage::run("plugin-host", &[("HOSTILE_PLUGIN", library)]))
}

/// The program that loads the plugin.
#[expect(unsafe_code, reason = "to load a library is unsafe")]
fn plugin_host() {
    static A: lockdep::sync::Mutex<u8> = lockdep::sync::Mutex::new(0);
    extern "C" fn take() {
        drop(A.lock());
    }
    let path = std::env::var("HOSTILE_PLUGIN").expect("set by the row");
    let path = CString::new(path).expect("no zero byte");
    // SAFETY: the library is the fixture's, and its two functions have these types.
    unsafe {
        let library = libc::dlopen(path.as_ptr(), libc::RTLD_NOW);
        assert!(!library.is_null(), "{:?}", std::ffi::CStr::from_ptr(libc::dlerror()));
        let under: extern "C" fn() = std::mem::transmute(libc::dlsym(library, c"under".as_ptr()));
        let call_locked: extern "C" fn(extern "C" fn()) =
            std::mem::transmute(libc::dlsym(library, c"call_locked".as_ptr()));
        println!("loaded");
        let held = A.lock();
        under();
        drop(held);
        call_locked(take);
    }
}

/// Returns whether a process with this number runs. One that has ended may lie there until its
/// parent asks for its status.
fn is_alive(pid: &str) -> bool {
    let status = fs::read_to_string(Path::new("/proc").join(pid.trim()).join("status"));
    status.is_ok_and(|status| !status.contains("State:\tZ") && !status.contains("State:\tX"))
}

fn timeout_kept() -> Kept {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("pid");
    let mut command = command_line::command(&fixture(), &["run", "--timeout", "3", "--bin", "setsid"]);
    command.env("HOSTILE_PID_FILE", &file);
    let ended = child::run(&mut command, LIMIT).expect("the command can be started");
    let pid = fs::read_to_string(&file).unwrap_or_default();
    ensure(!pid.is_empty(), "the program did not start its child", &ended)?;
    ensure(!is_alive(&pid), "the child goes on", &ended)
}

/// How many interrupts the command gets, a quarter of a second apart; the second must end it.
const MAX_INTERRUPTS: usize = 80;

#[expect(unsafe_code, reason = "signals are the system's")]
fn interrupt_kept() -> Kept {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("pid");
    let built = lockdep(&fixture(), &["build", "--bins"]);
    ensure(built.describe() == "exit 0", "the fixture does not build", &built)?;
    let mut command = command_line::command(&fixture(), &["run", "--bin", "stubborn"]);
    command.env("HOSTILE_PID_FILE", &file);
    let mut child = command.spawn().expect("the command can be started");
    let pid = loop {
        match fs::read_to_string(&file) {
            Ok(pid) if pid.ends_with('\n') => break pid,
            _ if child.try_wait().is_ok_and(|status| status.is_some()) => {
                return Err("it ended early".to_owned());
            }
            _ => std::thread::yield_now(),
        }
    };
    let command_pid = libc::pid_t::try_from(child.id()).expect("a pid fits");
    // Two signals that follow each other at once are one, so there is time between them; the
    // command needs two.
    let mut n_sent = 0;
    let status = loop {
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            break status;
        }
        if n_sent == MAX_INTERRUPTS {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("the command goes on after {MAX_INTERRUPTS} interrupts"));
        }
        // SAFETY: the command has not been waited for, so the number is its own.
        unsafe { libc::kill(command_pid, libc::SIGINT) };
        n_sent += 1;
        std::thread::park_timeout(Duration::from_millis(250));
    };
    let mut n_looks = 0;
    while is_alive(&pid) && n_looks < 2_000_000 {
        std::thread::yield_now();
        n_looks += 1;
    }
    if is_alive(&pid) { Err(format!("the program goes on; the command ended with {status}")) } else { Ok(()) }
}

fn moved_kept() -> Kept {
    let directory = tempfile::tempdir().expect("a directory");
    let (first, second) = (directory.path().join("first"), directory.path().join("second"));
    fs::create_dir_all(first.join("src")).expect("a directory");
    let manifest = "[package]\nname = \"moved\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n";
    fs::write(first.join("Cargo.toml"), manifest).expect("written");
    fs::write(first.join("src/main.rs"), "fn main() { drop(std::sync::Mutex::new(1).lock()); }\n")
        .expect("written");
    let run = |directory: &Path| {
        let mut command = command_line::command(directory, &["run"]);
        command.env("CARGO_TARGET_DIR", directory.join("target"));
        child::run(&mut command, LIMIT).expect("the command can be started")
    };
    let ended = run(&first);
    ensure(ended.describe() == "exit 0", "it does not run where it is", &ended)?;
    fs::rename(&first, &second).expect("moved");
    let ended = run(&second);
    let names_remedy = ended.stderr.contains("moved") || ended.stderr.contains("cargo lockdep clean");
    ensure(ended.describe() == "exit 0" || names_remedy, "it fails with a riddle", &ended)
}
