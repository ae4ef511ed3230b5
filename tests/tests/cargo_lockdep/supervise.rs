//! A run as a whole: what a timeout counts and ends, what a signal ends, what is reported when the
//! records have gaps, and a project that was moved.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{assert_ended, command, finish, run, target_directory};
use crate::records::folder;

/// Takes a lock, and does what its argument says.
const PROGRAM: &str = r##"
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::Mutex;

static LOCK: Mutex<u32> = Mutex::new(0);
static OTHER: Mutex<u32> = Mutex::new(0);

fn rest() {
    std::thread::park_timeout(std::time::Duration::from_secs(600));
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match &*args[0] {
        // The same program, with a handful of descriptors.
        "few" => {
            let mut shell = Command::new("sh");
            shell.args(["-c", "ulimit -n 16; exec \"$0\" full"]).arg(std::env::current_exe().unwrap());
            assert!(shell.status().unwrap().success());
            return;
        }
        // No descriptor is left when the first lock is taken, and then the locks are taken in both
        // orders.
        "full" => {
            while let Ok(file) = std::fs::File::open("/dev/null") {
                std::mem::forget(file);
            }
            {
                let _first = LOCK.lock().unwrap();
                let _second = OTHER.lock().unwrap();
            }
            let _second = OTHER.lock().unwrap();
            let _first = LOCK.lock().unwrap();
            return;
        }
        _ => *LOCK.lock().unwrap() += 1,
    }
    match &*args[0] {
        // Ends without any destructor, and without what runs at exit.
        "exec" => panic!("{}", Command::new("true").exec()),
        // A daemon: its parent has ended, and it is in a session of its own.
        "daemon" => {
            let script = "(setsid sleep \"$1\" &)";
            let mut shell = Command::new("sh");
            shell.args(["-c", script, "sh", &args[1]]).stdin(Stdio::null());
            shell.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
            rest();
        }
        // The record of a process that could not look at everything.
        "unseen" => {
            let directory = std::env::var("LOCKDEP_DIR").unwrap();
            let lines = "{\"record\":\"run\",\"schema\":1,\"pid\":1,\"program\":\"other\"}\n\
                {\"record\":\"end\",\"counters\":{\"classes\":0,\"dependencies\":0,\"chains\":0,\"dropped\":3,\"unseen\":412},\
                \"unseen\":[[\"events in a signal handler\",412]]}\n";
            std::fs::write(format!("{directory}/other-0.jsonl"), lines).unwrap();
        }
        _ => {}
    }
}

#[test]
fn waits() {
    *LOCK.lock().unwrap() += 1;
    println!("ready {}", std::process::id());
    rest();
}
"##;

/// A package of its own in `directory`, which uses the shared runtime.
fn project(directory: &Path, build: &str) {
    let write = |name: &str, text: &str| fs::write(directory.join(name), text).expect("written");
    write(
        "Cargo.toml",
        "[package]\nname = \"supervised\"\nedition = \"2021\"\n[[bin]]\nname = \"supervised\"\npath = \"main.rs\"\n[workspace]\n",
    );
    write("main.rs", PROGRAM);
    if !build.is_empty() {
        write("build.rs", build);
    }
}

/// The processes whose command line has this word.
fn processes_with(word: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("this is Linux").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes())
    })
    .collect()
}

#[test]
fn a_timeout_ends_what_left_its_session_too() {
    let folder = folder();
    project(folder.path(), "");
    // No other program sleeps that long.
    let seconds = format!("601.{:09}", std::process::id());
    let ended = run(folder.path(), &["run", "-q", "--timeout", "2", "--", "daemon", &seconds]);
    let left = processes_with(&seconds);
    for pid in &left {
        let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
    }
    assert_ended(&ended, "exit 124");
    assert_eq!(left, [0_u32; 0], "{}", ended.stderr);
    assert!(
        ended.stderr.contains("ended 2 s after its first program started (--timeout)"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_timeout_does_not_count_the_build() {
    let folder = folder();
    project(folder.path(), "fn main() { std::thread::sleep(std::time::Duration::from_secs(5)); }");
    let ended = run(folder.path(), &["run", "-q", "--timeout", "4", "--", "nothing"]);
    assert_ended(&ended, "exit 0");
    assert!(!ended.stderr.contains("--timeout"), "{}", ended.stderr);
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "it is there until it is waited for");
}

#[test]
fn a_signal_to_the_command_leaves_no_program() {
    let folder = folder();
    project(folder.path(), "");
    // The first Ctrl-C is cargo's and the program's: here it went to the command alone.
    for (name, least) in [("-INT", 2), ("-TERM", 1), ("-HUP", 1)] {
        let mut lockdep = command(folder.path(), &["test", "-q", "--", "--nocapture"]);
        let mut lockdep = lockdep.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("started");
        let lines = BufReader::new(lockdep.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let pid = lines.filter_map(|line| Some(line.split_once("ready ")?.1.trim().to_owned())).next();
        let program = PathBuf::from("/proc").join(pid.expect("the test has started"));
        let began = Instant::now();
        let mut n_sent = 0;
        while lockdep.try_wait().expect("it can be waited for").is_none() {
            if n_sent < least || began.elapsed() > Duration::from_secs(30) {
                signal(&lockdep, name);
                n_sent += 1;
            }
            assert!(began.elapsed() < Duration::from_secs(120), "{name}: it does not end");
            // Signals that come together are one.
            std::thread::sleep(Duration::from_millis(300));
        }
        // Its new parent may not have waited for it yet.
        let stat = fs::read_to_string(program.join("stat")).unwrap_or_default();
        let is_left = !stat.is_empty() && !stat.contains(") Z ");
        if is_left {
            let pid = program.file_name().expect("a number").to_owned();
            let _ = Command::new("kill").arg("-KILL").arg(pid).status();
        }
        assert!(!is_left, "{name}: the program runs on");
    }
}

#[test]
fn what_was_not_looked_at_is_reported_in_the_summary() {
    let folder = folder();
    project(folder.path(), "");
    let ended = run(folder.path(), &["run", "-q", "--", "unseen"]);
    assert_ended(&ended, "exit 0");
    assert!(ended.stderr.contains("; 3 dropped; 412 unseen"), "{}", ended.stderr);
    assert!(ended.stderr.contains("not looked at: 412 events in a signal handler"), "{}", ended.stderr);
}

#[test]
fn a_record_that_cannot_be_opened_is_no_clean_run() {
    let folder = folder();
    project(folder.path(), "");
    let ended = run(folder.path(), &["run", "-q", "--", "few"]);
    assert_ended(&ended, "exit 4");
    let said =
        "error: 1 record could not be opened or written in full, so a report may be missing (exit code 4)";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
}

#[test]
fn a_process_without_a_last_line_is_named_and_is_no_failure() {
    let folder = folder();
    project(folder.path(), "");
    let ended = run(folder.path(), &["run", "-q", "--", "exec"]);
    assert_ended(&ended, "exit 0");
    assert!(ended.stderr.contains("1 process ended without the last line of a record"), "{}", ended.stderr);
}

#[test]
fn a_target_directory_that_was_moved_works() {
    let folder = folder();
    project(folder.path(), "");
    // The shared runtime is there from now on.
    assert_ended(&run(folder.path(), &["build", "-q"]), "exit 0");
    let [first, moved] = ["first", "moved"].map(|name| folder.path().join(name));
    fs::create_dir_all(first.join("lockdep")).expect("created");
    for entry in fs::read_dir(target_directory().join("lockdep")).expect("it was created").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // One with whole paths in it is of an older version.
        let manifest = fs::read_to_string(entry.path().join("runtime.json")).unwrap_or_default();
        if name.starts_with("runtime-") && !manifest.is_empty() && !manifest.contains("\"/") {
            // Links: a copy would be large, and nothing writes to a runtime.
            let copied = Command::new("cp").arg("-rl").arg(entry.path()).arg(first.join("lockdep")).status();
            assert!(copied.is_ok_and(|status| status.success()));
        }
    }
    for target in [&first, &moved] {
        if target == &moved {
            fs::rename(&first, &moved).expect("moved");
        }
        let ended =
            finish(command(folder.path(), &["run", "-q", "--", "nothing"]).env("CARGO_TARGET_DIR", target));
        assert_ended(&ended, "exit 0");
        assert!(!ended.stderr.contains("building the runtime"), "{}", ended.stderr);
        assert!(ended.stderr.contains("1 lock class"), "{}", ended.stderr);
    }
}
