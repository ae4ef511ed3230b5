//! `LOCKDEP_ALLOW=@file`: the exceptions that `cargo lockdep` reads, in the running process.

use crate::checks::folder;
use crate::run;

/// Runs the inversion with one line of exceptions; its exit status and what it said.
fn with(line: &str) -> (Option<i32>, String) {
    let folder = folder("exceptions");
    let file = folder.join("lockdep.allow");
    std::fs::write(&file, format!("# comment\n{line}\n")).expect("ours");
    let allow = format!("@{}", file.display());
    let ended = run("inversion", &[("LOCKDEP_EXITCODE", "9"), ("LOCKDEP_ALLOW", &allow)]);
    std::fs::remove_dir_all(&folder).expect("ours");
    assert_eq!(ended.n_reports("LD0003"), 1, "an exception hides nothing: {}", ended.stderr);
    (ended.code, ended.stderr)
}

pub(crate) fn exceptions_are_those_of_the_command() {
    for line in [
        "LD0003  reason: known",
        "class Mutex<*  until 9999-12-31  reason: by the names of both",
        "class *process/cases.rs  reason: by their file",
    ] {
        assert_eq!(with(line).0, Some(0), "{line}");
    }
    for line in
        ["LD0003 until 2001-01-01 reason: it has ended", "class Mutex<u8> reason: one of two is not enough"]
    {
        assert_eq!(with(line).0, Some(9), "{line}");
    }
    let (code, said) = with("LD0003");
    assert_eq!(code, Some(9), "without a reason it is none");
    assert!(said.contains("lockdep.allow:2: an exception needs its reason"), "{said}");
}
