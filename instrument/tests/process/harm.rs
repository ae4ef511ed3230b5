//! What the watched program may do with its descriptors, limits, signals and children, and what
//! must not come of it.

use std::ffi::CString;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use lockdep_report::record::Record;
use lockdep_report::record::ledger::{FILE_NAME, Ledger, blank};

use super::checks::{folder, records};
use super::{Ended, cases, command, run, run_for, watch};

/// Every check, by name.
pub(crate) const ALL: &[(&str, fn())] = &[
    ("files_that_reuse_our_descriptors_are_left_alone", files_that_reuse_our_descriptors_are_left_alone),
    (
        "files_that_reuse_the_standard_streams_are_left_alone",
        files_that_reuse_the_standard_streams_are_left_alone,
    ),
    ("a_stream_that_was_redirected_is_still_written", a_stream_that_was_redirected_is_still_written),
    ("no_standard_stream_is_kept_alive", no_standard_stream_is_kept_alive),
    ("a_write_of_ours_raises_no_signal", a_write_of_ours_raises_no_signal),
    ("a_lost_record_is_counted", a_lost_record_is_counted),
    ("a_full_disk_is_survived_and_counted", a_full_disk_is_survived_and_counted),
    ("a_ledger_that_was_cut_short_is_left_alone", a_ledger_that_was_cut_short_is_left_alone),
    ("special_files_neither_hang_nor_fill_the_memory", special_files_neither_hang_nor_fill_the_memory),
    ("a_forked_child_answers_for_itself_alone", a_forked_child_answers_for_itself_alone),
    ("a_child_that_is_not_validated_is_counted", a_child_that_is_not_validated_is_counted),
    ("what_was_not_seen_is_said_at_the_end", what_was_not_seen_is_said_at_the_end),
    ("elevated_rights_turn_validation_off", elevated_rights_turn_validation_off),
    ("relative_paths_start_where_the_process_did", relative_paths_start_where_the_process_did),
    ("foreign_text_is_printable", foreign_text_is_printable),
];

/// Where a case finds its folder.
const FOLDER: &str = "CASE_FOLDER";

/// The programs; false if none is called so.
pub(crate) fn run_case(name: &str) -> bool {
    match name {
        "close_all" => close_all(),
        "reuse_streams" => reuse_streams(),
        "redirect" => redirect(),
        "copies_of_streams" => copies_of_streams(),
        "reader_gone" => reader_gone(),
        "small_files" => limited(libc::RLIMIT_FSIZE, 1000),
        "few_descriptors" => limited(libc::RLIMIT_NOFILE, 3),
        "hard_exit" => hard_exit(),
        "fork_denied" => fork_denied(),
        "change_directory" => change_directory(),
        "hostile_name" => hostile_name(),
        _ => return false,
    }
    true
}

fn case_folder() -> PathBuf {
    std::env::var_os(FOLDER).expect("the check names a folder").into()
}

fn open(path: &Path) -> libc::c_int {
    let path = CString::new(path.as_os_str().as_bytes()).expect("no zero byte");
    // SAFETY: the path ends in a zero byte.
    unsafe { libc::open(path.as_ptr(), libc::O_CREAT | libc::O_RDWR, 0o600) }
}

/// What a daemon does: it closes all descriptors that it does not know, and opens its own.
fn close_all() {
    cases::take_one();
    // SAFETY: none of them is used by this program.
    (3..5000).for_each(|descriptor| assert!(unsafe { libc::close(descriptor) } <= 0));
    let folder = case_folder();
    let files = [0, 1, 2, 3].map(|number| open(&folder.join(format!("db{number}"))));
    cases::inversion();
    assert!(files.iter().all(|file| *file >= 3));
    // And where ours is high now, too. SAFETY: `files[0]` is open, and the other numbers belong to
    // no thread that this program knows of.
    (1000..5000).for_each(|descriptor| assert!(unsafe { libc::dup2(files[0], descriptor) } >= -1));
    cases::second_inversion();
}

/// A program whose first files get the numbers of the standard streams.
fn reuse_streams() {
    let folder = case_folder();
    // SAFETY: the program writes to none of them.
    (0..3).for_each(|descriptor| assert!(unsafe { libc::close(descriptor) } <= 0));
    let files = [0, 1, 2].map(|number| open(&folder.join(format!("db{number}"))));
    cases::inversion();
    let is_reused = files == [0, 1, 2];
    std::fs::write(folder.join("done"), is_reused.to_string()).expect("writable");
}

/// A program that sends both of its streams into a log.
fn redirect() {
    let log = open(&case_folder().join("log"));
    // SAFETY: `log` is open.
    (1..3).for_each(|stream| assert!(unsafe { libc::dup2(log, stream) } >= 0));
    cases::inversion();
}

fn copies_of_streams() {
    cases::inversion();
    let file = |descriptor| {
        // SAFETY: a place for the result, read if it was written.
        unsafe {
            let mut stat: libc::stat = std::mem::zeroed();
            (libc::fstat(descriptor, &raw mut stat) == 0).then_some((stat.st_dev, stat.st_ino))
        }
    };
    let stderr = file(2);
    println!("copies: {}", (3..5000).filter(|descriptor| file(*descriptor) == stderr).count());
}

/// Writes to a pipe whose reader is gone end a program that did not ask for more.
fn reader_gone() {
    // SAFETY: sets the action of a C program.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    // The check closes the other end of standard error, and then of standard input.
    std::io::stdin().read_to_end(&mut Vec::new()).expect("a pipe");
    cases::inversion();
    println!("alive");
}

fn limited(resource: libc::__rlimit_resource_t, most: libc::rlim_t) {
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: a limit, and the actions of a C program.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_DFL);
        assert_eq!(libc::setrlimit(resource, &raw const limit), 0);
    }
    cases::inversion();
    cases::second_inversion();
    println!("alive");
}

fn hard_exit() {
    cases::take_one();
    // SAFETY: ends the process.
    unsafe { libc::_exit(0) }
}

fn fork_denied() {
    cases::inversion();
    cases::fork(|| ());
}

fn change_directory() {
    std::env::set_current_dir("/").expect("there is a root");
    cases::inversion();
    cases::fork(cases::second_inversion);
}

fn hostile_name() {
    let name = "\u{1b}[2Jevil\n::error ::forged";
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(cases::inversion).expect("a thread starts").join().expect("it only locks");
}

/// The ledger of a folder.
fn ledger(folder: &Path) -> Ledger {
    let bytes = std::fs::read(folder.join(FILE_NAME)).expect("there is a ledger");
    Ledger::parse(&bytes).expect("of this version")
}

/// Runs a case with a folder for its files, and records in another.
fn run_with_records(name: &str, folder: &Path, env: &[(&str, &str)]) -> (Ended, Vec<Vec<Record>>) {
    let directory = folder.join("records");
    let mut all =
        vec![(FOLDER, folder.to_str().expect("UTF-8")), ("LOCKDEP_DIR", directory.to_str().expect("UTF-8"))];
    all.extend_from_slice(env);
    let ended = run(name, &all);
    let records = if directory.is_dir() { records(&directory) } else { Vec::new() };
    (ended, records)
}

fn n_reports(record: &[Record]) -> usize {
    record.iter().filter(|line| matches!(line, Record::Report(_))).count()
}

fn files_that_reuse_our_descriptors_are_left_alone() {
    let folder = folder("close-all");
    let output = folder.join("reports.txt");
    let (ended, records) =
        run_with_records("close_all", &folder, &[("LOCKDEP_OUTPUT", output.to_str().expect("UTF-8"))]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    for number in 0..4 {
        let bytes = std::fs::read(folder.join(format!("db{number}"))).expect("the program made it");
        assert_eq!(String::from_utf8_lossy(&bytes), "", "db{number} is the program's");
    }
    let [record] = records.as_slice() else { panic!("one record: {records:?}") };
    assert_eq!(n_reports(record), 2, "what was lost was opened again");
    assert!(matches!(record.last(), Some(Record::End(_))));
    let text = std::fs::read_to_string(&output).expect("opened again");
    assert_eq!(text.matches("[LD0003]: ").count(), 2, "{text}");
    let expected = Ledger { n_announced: 1, n_ended: 1, ..Ledger::default() };
    assert_eq!(ledger(&folder.join("records")), expected);
    std::fs::remove_dir_all(folder).expect("ours");
}

fn files_that_reuse_the_standard_streams_are_left_alone() {
    let folder = folder("reuse");
    let (_, records) = run_with_records("reuse_streams", &folder, &[]);
    assert_eq!(std::fs::read_to_string(folder.join("done")).expect("it came to its end"), "true");
    for number in 0..3 {
        let bytes = std::fs::read(folder.join(format!("db{number}"))).expect("the program made it");
        assert_eq!(String::from_utf8_lossy(&bytes), "", "db{number} is the program's");
    }
    assert_eq!(records.iter().map(|record| n_reports(record)).sum::<usize>(), 1);
    assert_eq!(ledger(&folder.join("records")).n_lost_reports, 1, "and its text is counted");
    std::fs::remove_dir_all(folder).expect("ours");
}

fn a_stream_that_was_redirected_is_still_written() {
    let folder = folder("redirect");
    let ended = run("redirect", &[(FOLDER, folder.to_str().expect("UTF-8"))]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let log = std::fs::read_to_string(folder.join("log")).expect("the program made it");
    assert!(log.contains("[LD0003]: "), "{log}");
    std::fs::remove_dir_all(folder).expect("ours");
}

fn no_standard_stream_is_kept_alive() {
    let ended = run("copies_of_streams", &[("LOCKDEP_OUTPUT", "/dev/stderr")]);
    assert_eq!((ended.stdout.as_str(), ended.n_reports("LD0003")), ("copies: 0\n", 1), "{}", ended.stderr);
}

fn a_write_of_ours_raises_no_signal() {
    let mut piped = command("reader_gone", &[]);
    piped.stdin(Stdio::piped());
    let ended = watch(piped, Duration::from_secs(60), |child| {
        drop(child.stderr.take());
        drop(child.stdin.take());
    });
    assert_eq!((ended.code, ended.signal, ended.stdout.as_str()), (Some(0), None, "alive\n"));
    let folder = folder("small-files");
    let mut command = command("inversion", &[("LOCKDEP_DIR", folder.to_str().expect("UTF-8"))]);
    // SAFETY: one system call, between fork and exec.
    unsafe {
        command.pre_exec(|| {
            let limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit), 0);
            Ok(())
        });
    }
    let ended = watch(command, Duration::from_secs(60), |_| ());
    assert_eq!((ended.code, ended.signal, ended.n_reports("LD0003")), (Some(0), None, 1), "{}", ended.stderr);
    let output = folder.join("reports.txt");
    let ended = run("small_files", &[("LOCKDEP_OUTPUT", output.to_str().expect("UTF-8"))]);
    assert_eq!(
        (ended.code, ended.signal, ended.stdout.as_str()),
        (Some(0), None, "alive\n"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("reports go to stderr"), "{}", ended.stderr);
    assert_eq!(ended.n_reports("LD0003"), 2, "{}", ended.stderr);
    std::fs::remove_dir_all(folder).expect("ours");
}

fn a_lost_record_is_counted() {
    let folder = folder("lost");
    let directory = folder.join("records");
    std::fs::create_dir_all(&directory).expect("writable");
    std::fs::write(directory.join(FILE_NAME), blank()).expect("writable");
    // Without a command that makes the ledger, the loader's call before main does.
    std::fs::remove_file(directory.join(FILE_NAME)).expect("ours");
    let (lost, records) = run_with_records("few_descriptors", &folder, &[]);
    assert_eq!((lost.stdout.as_str(), records.len()), ("alive\n", 0), "{}", lost.stderr);
    assert_eq!(ledger(&directory), Ledger { n_announced: 1, n_lost_records: 1, ..Ledger::default() });
    std::fs::write(directory.join(FILE_NAME), blank()).expect("writable");
    let mut expected = Ledger::default();
    let (clean, _) = run_with_records("inversion", &folder, &[]);
    (expected.n_announced, expected.n_ended) = (1, 1);
    assert_eq!((clean.code, ledger(&directory)), (Some(0), expected));
    let (hard, _) = run_with_records("hard_exit", &folder, &[]);
    expected.n_announced += 1;
    assert_eq!((hard.code, ledger(&directory)), (Some(0), expected), "no end, and nothing is lost");
    for name in ["few_descriptors", "small_files"] {
        let (lost, _) = run_with_records(name, &folder, &[]);
        expected.n_announced += 1;
        expected.n_lost_records += 1;
        assert_eq!((lost.stdout.as_str(), ledger(&directory)), ("alive\n", expected), "{}", lost.stderr);
        assert!(lost.stderr.contains("cannot write the run record"), "{}", lost.stderr);
    }
    std::fs::remove_dir_all(folder).expect("ours");
}

/// Needs the right to mount; without it there is no disk to fill.
fn a_full_disk_is_survived_and_counted() {
    let folder = folder("full");
    let directory = folder.join("records");
    std::fs::create_dir_all(&directory).expect("writable");
    let target = CString::new(directory.as_os_str().as_bytes()).expect("no zero byte");
    // SAFETY: texts that end in a zero byte.
    let is_mounted = unsafe {
        libc::mount(c"none".as_ptr(), target.as_ptr(), c"tmpfs".as_ptr(), 0, c"size=16k".as_ptr().cast()) == 0
    };
    if is_mounted {
        std::fs::write(directory.join(FILE_NAME), blank()).expect("there is room");
        // Fills the rest.
        let _ = std::fs::write(directory.join("full"), vec![1; 64 << 10]);
        let (ended, _) = run_with_records("inversion", &folder, &[]);
        let counted = ledger(&directory);
        // SAFETY: as above.
        unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) };
        assert_eq!((ended.code, ended.n_reports("LD0003")), (Some(0), 1), "{}", ended.stderr);
        assert_eq!(counted, Ledger { n_announced: 1, n_lost_records: 1, ..Ledger::default() });
    } else {
        println!("a_full_disk_is_survived_and_counted: no right to mount, nothing was checked");
    }
    std::fs::remove_dir_all(folder).expect("ours");
}

fn a_ledger_that_was_cut_short_is_left_alone() {
    let folder = folder("cut");
    let directory = folder.join("records");
    std::fs::create_dir_all(&directory).expect("writable");
    // Each is no ledger; the last is one until a process cuts it while the program runs.
    for bytes in [&b""[..], b"lockdep\n", &[0; 64]] {
        std::fs::write(directory.join(FILE_NAME), bytes).expect("writable");
        let (ended, records) = run_with_records("inversion", &folder, &[]);
        assert_eq!(
            (ended.code, ended.signal, records.last().map(|r| n_reports(r))),
            (Some(0), None, Some(1))
        );
        assert_eq!(std::fs::read(directory.join(FILE_NAME)).expect("there"), bytes);
    }
    std::fs::write(directory.join(FILE_NAME), blank()).expect("writable");
    let mut command = command("reader_gone", &[("LOCKDEP_DIR", directory.to_str().expect("UTF-8"))]);
    command.stdin(Stdio::piped());
    let ended = watch(command, Duration::from_secs(60), |child| {
        wait_until_mapped(child.id());
        std::fs::write(directory.join(FILE_NAME), b"").expect("writable");
        drop(child.stdin.take());
    });
    assert_eq!(
        (ended.code, ended.signal, ended.stdout.as_str()),
        (Some(0), None, "alive\n"),
        "{}",
        ended.stderr
    );
    std::fs::remove_dir_all(folder).expect("ours");
}

fn wait_until_mapped(pid: u32) {
    let maps = format!("/proc/{pid}/maps");
    let start = std::time::Instant::now();
    while !std::fs::read_to_string(&maps).expect("the child lives").contains(&format!("/{FILE_NAME}")) {
        assert!(start.elapsed() < Duration::from_secs(60), "the ledger is never mapped");
        std::thread::yield_now();
    }
}

fn special_files_neither_hang_nor_fill_the_memory() {
    let folder = folder("special");
    let fifo = folder.join("fifo");
    let name = CString::new(fifo.as_os_str().as_bytes()).expect("no zero byte");
    // SAFETY: the path ends in a zero byte.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    let fifo = fifo.to_str().expect("UTF-8");
    let cases = [
        ("LOCKDEP_OUTPUT", fifo.to_owned(), "it is a pipe that no process reads"),
        ("LOCKDEP_OUTPUT", folder.to_str().expect("UTF-8").to_owned(), "it is a directory"),
        ("LOCKDEP_ALLOW", format!("@{fifo}"), "it is not a regular file"),
        ("LOCKDEP_ORDER", fifo.to_owned(), "it is not a regular file"),
        ("LOCKDEP_SUSPECTS", fifo.to_owned(), "it is not a regular file"),
        ("LOCKDEP_ALLOW", "@/dev/zero".to_owned(), "it is not a regular file"),
        ("LOCKDEP_ORDER", "/dev/zero".to_owned(), "it is not a regular file"),
        ("LOCKDEP_SUSPECTS", "/dev/zero".to_owned(), "it is not a regular file"),
    ];
    for (variable, value, why) in cases {
        let ended = run_for("inversion", &[(variable, &value)], Duration::from_secs(20));
        assert!(!ended.hung, "{variable}={value} hangs");
        assert_eq!(ended.n_reports("LD0003"), 1, "{}", ended.stderr);
        assert!(ended.stderr.contains(&value) && ended.stderr.contains(why), "{variable}: {}", ended.stderr);
    }
    // A pipe that is read gets the reports.
    let reader = std::fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(fifo);
    let mut reader = reader.expect("there is the pipe");
    let ended = run("inversion", &[("LOCKDEP_OUTPUT", fifo)]);
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("its writer has ended");
    assert!(ended.stderr.is_empty() && text.contains("[LD0003]: "), "{}", ended.stderr);
    std::fs::remove_dir_all(folder).expect("ours");
}

fn a_forked_child_answers_for_itself_alone() {
    let folder = folder("fork-denied");
    let (ended, records) = run_with_records("fork_denied", &folder, &[("LOCKDEP_EXITCODE", "42")]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(42), "child: 0\n"), "{}", ended.stderr);
    let denied: Vec<u64> = records
        .iter()
        .filter_map(|record| match (record.first(), record.last()) {
            (Some(Record::Run(run)), Some(Record::End(end))) if run.forked_from.is_some() => {
                Some(end.n_denied)
            }
            _ => None,
        })
        .collect();
    assert_eq!(denied, [0], "the child found nothing");
    std::fs::remove_dir_all(folder).expect("ours");
}

fn a_child_that_is_not_validated_is_counted() {
    let folder = folder("unwatched");
    let (ended, _) = run_with_records("fork_threads", &folder, &[]);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("child: 0\n", ""));
    let expected = Ledger { n_announced: 1, n_ended: 1, n_unwatched_children: 1, ..Ledger::default() };
    assert_eq!(ledger(&folder.join("records")), expected);
    let alone = run("fork_threads", &[]);
    let said = "1 forked child took locks and was not validated";
    assert_eq!(
        (alone.stderr.lines().count(), alone.stderr.matches(said).count()),
        (1, 1),
        "{}",
        alone.stderr
    );
    std::fs::remove_dir_all(folder).expect("ours");
}

fn what_was_not_seen_is_said_at_the_end() {
    let alone = run("stale", &[]);
    let said = "lockdep: not everything was validated: 1 unseen (events that the validator could not look at), \
                0 dropped (entries that did not fit)\n";
    assert_eq!(alone.stderr, said);
    assert_eq!(run("clean", &[]).stderr, "");
    let folder = folder("unseen");
    let (recorded, _) = run_with_records("stale", &folder, &[]);
    assert_eq!(recorded.stderr, "", "the command says it");
    std::fs::remove_dir_all(folder).expect("ours");
}

/// Needs the right to make a program that runs with another user's rights.
fn elevated_rights_turn_validation_off() {
    // SAFETY: asks for a number.
    if unsafe { libc::geteuid() } != 0 {
        println!("elevated_rights_turn_validation_off: not the superuser, nothing was checked");
        return;
    }
    let folder = folder("elevated");
    let program = folder.join("program");
    std::fs::copy(std::env::current_exe().expect("it runs"), &program).expect("writable");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).expect("ours");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o4755)).expect("ours");
    let secret = folder.join("secret");
    std::fs::write(&secret, "the first line\n").expect("writable");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).expect("ours");
    let (output, directory) = (folder.join("output"), folder.join("records"));
    let env = [
        ("LOCKDEP_OUTPUT", output.to_str().expect("UTF-8")),
        ("LOCKDEP_DIR", directory.to_str().expect("UTF-8")),
        ("LOCKDEP_SUSPECTS", secret.to_str().expect("UTF-8")),
        ("LOCKDEP_NONSENSE", "1"),
    ];
    let mut command = command("inversion", &env);
    let mut elevated = std::process::Command::new(&program);
    elevated
        .args(command.get_args())
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command = elevated;
    command.uid(65534).current_dir("/");
    let ended = watch(command, Duration::from_secs(60), |_| ());
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(!output.exists() && !directory.exists(), "nothing was made with the other user's rights");
    std::fs::remove_dir_all(folder).expect("ours");
}

fn relative_paths_start_where_the_process_did() {
    let folder = folder("relative");
    let mut command =
        command("change_directory", &[("LOCKDEP_DIR", "records"), ("LOCKDEP_OUTPUT", "reports.txt")]);
    command.current_dir(&folder);
    let ended = watch(command, Duration::from_secs(60), |_| ());
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let records = records(&folder.join("records"));
    assert_eq!(
        (records.len(), records.iter().map(|r| n_reports(r)).sum::<usize>()),
        (2, 2),
        "parent and child"
    );
    let text = std::fs::read_to_string(folder.join("reports.txt")).expect("beside the records");
    assert_eq!(text.matches("[LD0003]: ").count(), 2, "{text}");
    std::fs::remove_dir_all(folder).expect("ours");
}

fn foreign_text_is_printable() {
    let printable = |text: &str| text.chars().all(|c| c == '\n' || !c.is_control());
    let ended = run("hostile_name", &[("LOCKDEP_FORMAT", "\u{1b}[2J\n::error ::forged")]);
    assert!(printable(&ended.stderr), "{:?}", ended.stderr);
    assert!(!ended.stderr.lines().any(|line| line.trim_start().starts_with("::error")), "{}", ended.stderr);
    assert!(ended.stderr.contains(r"LOCKDEP_FORMAT=\u{1b}[2J\n::error ::forged is not"), "{}", ended.stderr);
    assert!(ended.stderr.contains(r"`\u{1b}[2Jevil\n::error ::forged`"), "{}", ended.stderr);
    let json = run("hostile_name", &[("LOCKDEP_FORMAT", "json")]);
    assert!(printable(&json.stderr) && json.stderr.lines().count() == 1, "{:?}", json.stderr);
}
