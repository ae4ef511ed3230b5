//! What a report says about what it has not looked at.

use crate::harness::{assert_ended, command, finish, fixture, run};

/// The places in `src/lib.rs` of the fixture whose line has the mark.
fn marked(mark: &str) -> Vec<String> {
    let source = std::fs::read_to_string(fixture("lock_crates/src/lib.rs")).expect("readable");
    let numbered = (1..).zip(source.lines()).filter(|(_, line)| line.contains(mark));
    numbered.map(|(number, _)| format!("src/lib.rs:{number}")).collect()
}

#[test]
fn what_never_ran_what_is_a_leaf_and_what_is_not_seen_is_said() {
    let records = tempfile::tempdir().expect("a temporary folder");
    let mut tests = command(&fixture("lock_crates"), &["test", "-q", "-p", "lock_crates", "--lib"]);
    let ended = finish(tests.env("LOCKDEP_DIR", records.path()));
    assert_ended(&ended, "exit 0");
    let not_seen = "parking_lot_core (Once, raw parking, what a Condvar waits for)";
    assert!(ended.stderr.contains(&format!("lockdep: not seen here: {not_seen}")), "{}", ended.stderr);

    let records = records.path().to_string_lossy();
    let report = |format: &str| {
        let ended = run(&fixture("lock_crates"), &["report", &records, "--format", format]);
        assert_ended(&ended, "exit 0");
        // Whatever the format is, the last lines on stderr tell it in short.
        assert!(ended.stderr.contains(not_seen), "{}", ended.stderr);
        assert!(ended.stderr.contains(" locks never acquired, 0 dropped"), "{}", ended.stderr);
        ended.stdout
    };
    let never = marked("// never acquired");
    let text = report("text");
    let (head, rest) = text.split_once("were acquired in no run").expect("the section");
    assert_eq!(head, "coverage: locks made here ");
    let listed = rest.lines().skip(1).take_while(|line| line.starts_with(' ')).map(str::trim);
    // The program has others, which the run of the library's tests does not take.
    let listed: Vec<&str> = listed.filter(|place| place.starts_with("src/lib.rs:")).collect();
    assert_eq!(listed, never, "comments, strings and what was taken are not among them: {text}");
    assert!(text.contains("never held while another lock was taken:\n  src/lib.rs:Mutex<u16>\n"), "{text}");
    assert!(text.contains("coverage: 1 more class was only taken alone"), "{text}");
    assert!(text.contains(&format!("has locks that are not seen:\n  {not_seen}")), "{text}");

    let page = report("html").replace("&#x2f;", "/");
    assert!(never.iter().all(|place| page.contains(&format!("<li>{place}</li>"))), "{page}");
    assert!(page.contains("1 leaf class:") && page.contains("not seen</dt><dd>parking_lot_core"), "{page}");
    assert_eq!(report("json"), "", "a report a line, and there is none");
}
