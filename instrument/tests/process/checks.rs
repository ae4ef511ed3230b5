//! What must be seen of the child processes.

use std::path::PathBuf;
use std::time::Duration;

use lockdep_report::record::{Record, RecordError};

use super::{run, run_for};

/// Every check, by name.
pub(crate) const ALL: &[(&str, fn())] = &[
    #[cfg(target_os = "linux")]
    ("contention_is_counted_and_timed", crate::contention::contention_is_counted_and_timed),
    #[cfg(target_os = "linux")]
    ("late_objects_load", crate::late::late_objects_load),
    ("a_thread_outlives_an_unloaded_object", crate::late::a_thread_outlives_an_unloaded_object),
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    (
        "a_handler_may_come_between_any_two_instructions",
        crate::steps::a_handler_may_come_between_any_two_instructions,
    ),
    #[cfg(target_os = "linux")]
    (
        "handlers_leave_no_release_without_its_acquisition",
        crate::flood::handlers_leave_no_release_without_its_acquisition,
    ),
    #[cfg(target_os = "linux")]
    ("handlers_neither_allocate_nor_lock", crate::signals::handlers_neither_allocate_nor_lock),
    #[cfg(target_os = "linux")]
    (
        "what_a_handler_does_first_on_a_thread_is_seen",
        crate::signals::what_a_handler_does_first_on_a_thread_is_seen,
    ),
    #[cfg(target_os = "linux")]
    ("a_full_ring_loses_whole_pairs", crate::signals::a_full_ring_loses_whole_pairs),
    #[cfg(target_os = "linux")]
    ("small_stacks_are_enough", crate::signals::small_stacks_are_enough),
    #[cfg(target_os = "linux")]
    ("an_allocator_may_lock_anywhere", crate::signals::an_allocator_may_lock_anywhere),
    #[cfg(target_os = "linux")]
    ("a_report_needs_little_memory", crate::signals::a_report_needs_little_memory),
    #[cfg(target_os = "linux")]
    ("a_handler_may_end_the_process", crate::signals::a_handler_may_end_the_process),
    ("exceptions_are_those_of_the_command", crate::exceptions::exceptions_are_those_of_the_command),
    ("off_says_nothing", off_says_nothing),
    ("an_inversion_is_reported_once_with_both_places", an_inversion_is_reported_once_with_both_places),
    ("json_is_one_object_a_line", json_is_one_object_a_line),
    ("the_exit_status_follows_the_policy", the_exit_status_follows_the_policy),
    ("a_self_deadlock_ends_as_asked", a_self_deadlock_ends_as_asked),
    ("a_violation_panics_or_aborts_if_asked", a_violation_panics_or_aborts_if_asked),
    ("the_end_of_a_thread_is_seen", the_end_of_a_thread_is_seen),
    ("variables_that_are_not_understood_are_named", variables_that_are_not_understood_are_named),
    ("outputs_are_files_or_fall_back", outputs_are_files_or_fall_back),
    ("a_record_tells_the_run", a_record_tells_the_run),
    ("forks_are_followed_or_say_so", forks_are_followed_or_say_so),
    ("a_callback_may_lock_and_panic", a_callback_may_lock_and_panic),
    ("a_signal_handler_is_a_context", a_signal_handler_is_a_context),
    ("an_allocator_may_lock", an_allocator_may_lock),
    ("the_steady_state_allocates_nothing", the_steady_state_allocates_nothing),
    ("what_is_held_at_the_end_of_a_scope_counts", what_is_held_at_the_end_of_a_scope_counts),
    ("a_stale_holder_is_dropped_and_counted", a_stale_holder_is_dropped_and_counted),
    ("assertions_report_what_is_false", assertions_report_what_is_false),
    (
        "a_level_that_rises_shows_no_stack_of_what_raised_it",
        a_level_that_rises_shows_no_stack_of_what_raised_it,
    ),
    ("a_declared_order_is_enforced", a_declared_order_is_enforced),
    ("a_class_keeps_its_first_order", a_class_keeps_its_first_order),
    (
        "an_order_with_a_lock_that_was_just_made_is_no_error",
        crate::just_made::an_order_with_a_lock_that_was_just_made_is_no_error,
    ),
];

/// A fresh folder for one check.
pub(crate) fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(folder_prefix() + name);
    std::fs::create_dir_all(&path).expect("the temporary folder can be written");
    path
}

fn folder_prefix() -> String {
    format!("lockdep-process-{}-", std::process::id())
}

/// Removes the folders of checks that failed before they did so themselves.
pub(crate) fn remove_folders() {
    let prefix = folder_prefix();
    let entries = std::fs::read_dir(std::env::temp_dir()).expect("the temporary folder can be read");
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix)) {
        // A check may have made one that it cannot write to itself: that stays.
        let _ = std::fs::remove_dir_all(entry.path());
    }
}

fn off_says_nothing() {
    let ended = run("inversion", &[("LOCKDEP", "0"), ("LOCKDEP_EXITCODE", "9")]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

fn an_inversion_is_reported_once_with_both_places() {
    let ended = run("inversion", &[]);
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.n_reports("LD0003"), 1, "{}", ended.stderr);
    assert!(ended.stderr.starts_with("error[LD0003]: "), "{}", ended.stderr);
    assert!(ended.stderr.contains("Mutex<u8>") && ended.stderr.contains("Mutex<u16>"));
    assert!(
        ended.stderr.contains("cases::inversion"),
        "the stack names the program's function:\n{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("lockdep::runtime"), "and none of ours:\n{}", ended.stderr);
    assert_eq!(run("clean", &[]).stderr, "");
}

fn json_is_one_object_a_line() {
    let ended = run("inversion", &[("LOCKDEP_FORMAT", "json")]);
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert_eq!(lines.len(), 1, "{}", ended.stderr);
    let report: serde_json::Value = serde_json::from_str(lines[0]).expect("JSON");
    assert_eq!((&report["code"], &report["level"]), (&"LD0003".into(), &"error".into()));
    assert_eq!(report["cycle"].as_array().map(Vec::len), Some(2));
}

fn the_exit_status_follows_the_policy() {
    let status = |env: &[(&str, &str)]| run("inversion", env).code;
    assert_eq!(status(&[("LOCKDEP_EXITCODE", "42")]), Some(42));
    assert_eq!(status(&[("LOCKDEP_EXITCODE", "42"), ("LOCKDEP_ALLOW", "LD0003")]), Some(0));
    assert_eq!(status(&[("LOCKDEP_EXITCODE", "42"), ("LOCKDEP_DENY", "LD0001")]), Some(0));
    assert_eq!(run("clean", &[("LOCKDEP_EXITCODE", "42")]).code, Some(0));
}

fn a_self_deadlock_ends_as_asked() {
    let panicked = run("self_deadlock", &[]);
    assert_eq!((panicked.code, panicked.n_reports("LD0001")), (Some(101), 1), "{}", panicked.stderr);
    assert_eq!(panicked.n_reports("LD0007"), 0, "the first guard is released in order:\n{}", panicked.stderr);
    let aborted = run("self_deadlock", &[("LOCKDEP_ON_DEADLOCK", "abort")]);
    assert_eq!((aborted.signal, aborted.n_reports("LD0001")), (Some(libc::SIGABRT), 1));
    let hung = run_for("self_deadlock", &[("LOCKDEP_ON_DEADLOCK", "hang")], Duration::from_secs(5));
    assert_eq!((hung.hung, hung.n_reports("LD0001")), (true, 1), "{}", hung.stderr);
    let unwinding = run("self_deadlock_unwinding", &[]);
    assert_eq!(
        (unwinding.signal, unwinding.n_reports("LD0001")),
        (Some(libc::SIGABRT), 1),
        "{}",
        unwinding.stderr
    );
}

fn a_violation_panics_or_aborts_if_asked() {
    let panicked = run("inversion_panics", &[("LOCKDEP_ON_VIOLATION", "panic")]);
    assert_eq!(panicked.stdout, "panicked: true\na free: true, b poisoned: true\n", "{}", panicked.stderr);
    assert_eq!(panicked.n_reports("LD0007"), 0, "{}", panicked.stderr);
    // Who reads records may be slower than the panic: its message has the title and the place
    // itself.
    let (_, message) = panicked.stderr.split_once("panicked at").expect("a panic message");
    let title = "LOCKDEP_ON_VIOLATION=panic\n  `";
    let (_, rest) = message.split_once(title).unwrap_or_else(|| panic!("{title}: {message}"));
    assert!(rest.lines().nth(1).is_some_and(|line| line.starts_with("  --> ")), "{rest}");
    let allowed = run("inversion_panics", &[("LOCKDEP_ON_VIOLATION", "panic"), ("LOCKDEP_ALLOW", "LD0003")]);
    assert!(allowed.stdout.starts_with("panicked: false\n"), "{}", allowed.stdout);
    assert_eq!(run("inversion", &[("LOCKDEP_ON_VIOLATION", "abort")]).signal, Some(libc::SIGABRT));
}

fn the_end_of_a_thread_is_seen() {
    let late = run("thread_local", &[]);
    assert_eq!(late.stdout, "joined: true\n", "{}", late.stderr);
    assert_eq!(late.n_reports("LD0003"), 1, "{}", late.stderr);
    let forgetful = run("held_at_exit", &[]);
    assert_eq!(forgetful.n_reports("LD0009"), 1, "{}", forgetful.stderr);
    assert!(forgetful.stderr.contains("forgetful"), "{}", forgetful.stderr);
    let exit = run("at_exit", &[]);
    assert_eq!((exit.code, exit.n_reports("LD0003")), (Some(0), 1), "{}", exit.stderr);
}

fn variables_that_are_not_understood_are_named() {
    let ended = run("clean", &[("LOCKDEP_BACKTRAC", "1"), ("LOCKDEP_FORMAT", "yaml")]);
    assert_eq!(ended.stderr.lines().count(), 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("LOCKDEP_BACKTRACE, which accepts `1` or `0`"), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("LOCKDEP_FORMAT=yaml is not understood; it accepts `text` or `json`"),
        "{}",
        ended.stderr
    );
    let switch = run("clean", &[("LOCKDEP", "yes please")]);
    assert!(switch.stderr.contains("LOCKDEP=yes please is not understood"), "{}", switch.stderr);
}

fn outputs_are_files_or_fall_back() {
    let folder = folder("output");
    let pattern = folder.join("reports-%p.txt");
    let ended = run("inversion", &[("LOCKDEP_OUTPUT", pattern.to_str().expect("UTF-8"))]);
    assert_eq!(ended.stderr, "");
    let files: Vec<_> =
        std::fs::read_dir(&folder).expect("there").map(|file| file.expect("readable").path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    assert!(!files[0].to_string_lossy().contains("%p"));
    assert!(std::fs::read_to_string(&files[0]).expect("readable").contains("error[LD0003]"));
    std::fs::remove_dir_all(folder).expect("ours");
    let fallen = run("inversion", &[("LOCKDEP_OUTPUT", "/nonexistent/folder/reports")]);
    assert!(
        fallen.stderr.starts_with("lockdep: cannot open LOCKDEP_OUTPUT=/nonexistent/folder/reports"),
        "{}",
        fallen.stderr
    );
    assert_eq!(fallen.n_reports("LD0003"), 1);
}

/// The lines of every record in the folder, one list for each file. The last line of one that was
/// lost may be half there.
pub(crate) fn records(folder: &PathBuf) -> Vec<Vec<Record>> {
    let files = std::fs::read_dir(folder).expect("the folder was made");
    let is_record = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "jsonl");
    let files = files.map(|file| file.expect("readable").path()).filter(is_record);
    let parse = |bytes: Vec<u8>| {
        let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines
            .map(Record::parse_line)
            .take_while(|line| !line.as_ref().is_err_and(RecordError::is_truncated))
            .map(|line| line.expect("well formed"))
            .collect()
    };
    files.map(|file| parse(std::fs::read(file).expect("readable"))).collect()
}

fn a_record_tells_the_run() {
    let folder = folder("record");
    run("inversion", &[("LOCKDEP_DIR", folder.to_str().expect("UTF-8"))]);
    let records = records(&folder);
    std::fs::remove_dir_all(&folder).expect("ours");
    let [record] = records.as_slice() else { panic!("one file: {records:?}") };
    assert!(
        matches!(record.first(), Some(Record::Run(run)) if run.args == ["case", "inversion"]),
        "{record:?}"
    );
    assert!(matches!(record.last(), Some(Record::End(end)) if end.n_denied == 1), "{record:?}");
    let count = |is: fn(&Record) -> bool| record.iter().filter(|record| is(record)).count();
    assert_eq!(count(|record| matches!(record, Record::Class(_))), 2);
    assert_eq!(count(|record| matches!(record, Record::Dependency(_))), 2);
    assert_eq!(count(|record| matches!(record, Record::Report(_))), 1);
}

fn forks_are_followed_or_say_so() {
    let folder = folder("fork");
    let alone = run("fork_alone", &[("LOCKDEP_DIR", folder.to_str().expect("UTF-8"))]);
    let records = records(&folder);
    std::fs::remove_dir_all(&folder).expect("ours");
    assert_eq!((alone.stdout.as_str(), alone.n_reports("LD0003")), ("child: 0\n", 1), "{}", alone.stderr);
    assert_eq!(records.len(), 2, "the child has a record of its own");
    let forked = records.iter().filter_map(|record| match record.first() {
        Some(Record::Run(run)) => run.forked_from,
        _ => None,
    });
    assert_eq!(forked.count(), 1);
    let threads = run("fork_threads", &[]);
    assert_eq!(threads.stdout, "child: 0\n", "{}", threads.stderr);
    assert_eq!(threads.n_reports("LD0003"), 0, "{}", threads.stderr);
}

fn a_callback_may_lock_and_panic() {
    let ended = run("callback", &[]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "seen: [\"LD0003\"]\n"), "{}", ended.stderr);
    assert!(ended.stderr.contains("the report callback panicked"), "{}", ended.stderr);
}

fn a_signal_handler_is_a_context() {
    let ended = run("signal", &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.n_reports("LD0004"), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("signal 10") || !cfg!(target_os = "linux"), "{}", ended.stderr);
}

fn an_allocator_may_lock() {
    let ended = run("allocator", &[]);
    assert_eq!((ended.code, ended.n_reports("LD0003")), (Some(0), 1), "{}", ended.stderr);
    assert_eq!(ended.stdout, "boxes: 1000, classes: 3\n", "the allocator's lock is seen:\n{}", ended.stderr);
}

fn the_steady_state_allocates_nothing() {
    let ended = run("steady", &[]);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("allocations: 0\n", ""));
}

fn what_is_held_at_the_end_of_a_scope_counts() {
    let ended = run("scope", &[]);
    assert_eq!(ended.n_reports("LD0003"), 1, "{}", ended.stderr);
}

fn a_stale_holder_is_dropped_and_counted() {
    let ended = run("stale", &[]);
    assert_eq!(ended.stdout, "held: No, unseen: 1\n", "{}", ended.stderr);
}

fn a_level_that_rises_shows_no_stack_of_what_raised_it() {
    let ended = run("raised", &[]);
    assert_eq!(ended.n_reports("LD0014"), 2, "a warning, then an error:\n{}", ended.stderr);
    assert!(!ended.stderr.contains("writer_that_raises"), "{}", ended.stderr);
}

fn assertions_report_what_is_false() {
    let ended = run("assertions", &[]);
    assert_eq!(ended.n_reports("LD0010"), 1, "only the exclusive one is false:\n{}", ended.stderr);
}

fn a_class_keeps_its_first_order() {
    let ended = run("two_orders", &[]);
    let notice =
        "the locks of `Mutex<u8>` are already ordered by address; the other order, by key, is ignored";
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains(notice), "{}", ended.stderr);
}

fn a_declared_order_is_enforced() {
    let folder = folder("order");
    let file = folder.join("lockdep.order");
    let label = |ty: &str| format!("instrument/tests/process/cases.rs:Mutex<{ty}>");
    std::fs::write(&file, format!("{} < {}\n", label("u16"), label("u8"))).expect("writable");
    let ended = run("clean", &[("LOCKDEP_ORDER", file.to_str().expect("UTF-8"))]);
    assert_eq!(ended.n_reports("LD0015"), 1, "{}", ended.stderr);
    std::fs::write(&file, "a => b\n").expect("writable");
    let malformed = run("clean", &[("LOCKDEP_ORDER", file.to_str().expect("UTF-8"))]);
    std::fs::remove_dir_all(folder).expect("ours");
    assert!(malformed.stderr.contains("line 1: `a => b` is not one of"), "{}", malformed.stderr);
}
