//! Exceptions, baselines and the lock-order file, from the command line as their owner uses them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use lockdep_report::record::ClassRecord;
use lockdep_tests::child::{self, Ended};

use crate::harness::{assert_ended, command, finish, run, run_strictly};
use crate::records::{class, folder, one_order, record, recorded};

/// Records of two processes with opposite orders of the two classes, in a directory of their own.
fn inversion(directory: &Path, name: &str, first: &ClassRecord, second: &ClassRecord) {
    let records = directory.join(name);
    fs::create_dir_all(&records).expect("created");
    fs::write(records.join("1-0.jsonl"), one_order(1, first, second)).expect("written");
    fs::write(records.join("2-0.jsonl"), one_order(2, second, first)).expect("written");
}

/// Two processes each know half of a cycle, so it is a warning: denied here.
fn report(directory: &Path, args: &[&str]) -> Ended {
    let line: Vec<&str> = ["report"].iter().chain(args).copied().collect();
    run_strictly(directory, &line)
}

fn write(directory: &Path, name: &str, text: &str) {
    fs::write(directory.join(name), text).expect("written");
}

fn read(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).expect("readable")
}

#[test]
fn a_baseline_is_green_survives_moved_code_grows_and_keeps_new_reports_red() {
    let folder = folder();
    let at = folder.path();
    inversion(at, "before", &class("src/a.rs", 3), &class("src/b.rs", 4));
    assert_ended(&report(at, &["before"]), "exit 3");
    let ended = report(at, &["before", "--baseline", "lockdep.allow"]);
    assert_ended(&ended, "exit 2");
    assert!(ended.stderr.contains("--reason"), "a reason is needed: {}", ended.stderr);
    assert_ended(
        &report(at, &["before", "--baseline", "lockdep.allow", "--reason", "there before"]),
        "exit 0",
    );
    let ended = report(at, &["before"]);
    assert_ended(&ended, "exit 0");
    let first = ended.stdout.lines().next().unwrap_or_default();
    assert!(first.starts_with("excepted: LD0003 ") && first.ends_with(" (there before)"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("warning["), "a line is enough: {}", ended.stdout);
    let ended = report(at, &["before", "--all"]);
    assert!(ended.stdout.contains("= excepted: there before"), "{}", ended.stdout);
    // The same locks, made and taken further down.
    inversion(at, "moved", &class("src/a.rs", 30), &class("src/b.rs", 400));
    assert_ended(&report(at, &["moved"]), "exit 0");
    inversion(at, "new", &class("src/a.rs", 3), &class("src/c.rs", 4));
    let ended = report(at, &["before", "new"]);
    assert_ended(&ended, "exit 3");
    assert!(
        ended.stderr.contains("2 warnings, 0 notes (2 seen only by joining, 1 excepted)"),
        "{}",
        ended.stderr
    );
    // Written again it keeps what it had.
    assert_ended(
        &report(at, &["before", "new", "--baseline", "lockdep.allow", "--reason", "found later"]),
        "exit 0",
    );
    let text = read(at, "lockdep.allow");
    assert!(text.contains("reason: there before") && text.contains("reason: found later"), "{text}");
    assert_ended(&report(at, &["before", "new"]), "exit 0");
    assert!(!text.contains(at.to_str().expect("UTF-8")), "no path of this machine: {text}");
}

#[test]
fn warnings_are_printed_and_counted_and_denied_on_request() {
    let folder = folder();
    let at = folder.path();
    inversion(at, "records", &class("src/a.rs", 3), &class("src/b.rs", 4));
    for (deny, how) in [
        (None, "exit 0"),
        (Some("errors"), "exit 0"),
        (Some("warnings"), "exit 3"),
        (Some("LD0003"), "exit 3"),
    ] {
        let mut child = command(at, &["report", "records"]);
        let ended = finish(child.envs(deny.map(|deny| ("LOCKDEP_DENY", deny))));
        assert_ended(&ended, how);
        assert!(ended.stdout.contains("warning[LD0003]"), "{}", ended.stdout);
        assert!(ended.stderr.contains("0 errors, 1 warning"), "{}", ended.stderr);
    }
}

#[test]
fn exceptions_are_by_code_class_and_fingerprint_with_a_reason_and_an_end() {
    let folder = folder();
    let at = folder.path();
    inversion(at, "records", &class("legacy/src/a.rs", 3), &class("legacy/src/b.rs", 4));
    let of = |text: &str| {
        write(at, "lockdep.allow", text);
        report(at, &["records"])
    };
    for text in [
        "LD0003  reason: x",
        "class legacy/*  reason: x",
        "class Mutex<u8>*  reason: x",
        "LD0003 until 2999-12-31 reason: x",
    ] {
        assert_ended(&of(&format!("# why\n{text}\n")), "exit 0");
    }
    for text in
        ["class legacy/src/a.rs  reason: one of two is not enough\n", "LD0001  reason: another code\n"]
    {
        let ended = of(text);
        assert_ended(&ended, "exit 3");
        assert!(
            ended.stderr.contains("lockdep.allow:1: no report needs this exception; remove it"),
            "{}",
            ended.stderr
        );
    }
    let ended = of("LD0003 until 2020-02-29 reason: soon\n");
    assert_ended(&ended, "exit 3");
    assert!(
        ended.stderr.contains("lockdep.allow:1: this exception ended on 2020-02-29 and no longer counts"),
        "{}",
        ended.stderr
    );
    for (text, words) in [
        ("LD0003\n", "lockdep.allow:1: an exception needs its reason"),
        ("\nLD9999  reason: x\n", "lockdep.allow:2: "),
        ("LD0003 until soon reason: x\n", "lockdep.allow:1: "),
    ] {
        let ended = of(text);
        assert_ended(&ended, "exit 2");
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
}

#[test]
fn an_inversion_that_is_accepted_is_said_to_be_one() {
    let folder = folder();
    let at = folder.path();
    inversion(at, "records", &class("src/a.rs", 3), &class("src/b.rs", 4));
    for _ in 0..2 {
        let ended = run(at, &["order", "records", "--bless"]);
        assert_ended(&ended, "exit 0");
        let said = "lockdep.order accepts `src/a.rs:Mutex<u8>` and `src/b.rs:Mutex<u8>` in both orders";
        assert_eq!(ended.stderr.matches(said).count(), 1, "{}", ended.stderr);
    }
    fs::remove_file(at.join("lockdep.order")).expect("written above");
    fs::remove_file(at.join("records/2-0.jsonl")).expect("written above");
    let ended = run(at, &["order", "records", "--bless"]);
    assert!(!ended.stderr.contains("in both orders"), "{}", ended.stderr);
}

/// Records of three orders in `records`, and of a fourth in `new`.
fn four_orders(at: &Path) {
    let classes = [
        "crates/net/src/a.rs",
        "crates/net/src/b.rs",
        "pool-1.2.0/src/lib.rs",
        "/elsewhere/deep/store/src/c.rs",
    ];
    let [a, b, c, mut d] = classes.map(|file| class(file, 3));
    // What the runtime hashes an absolute path by.
    d.file = "store/src/c.rs".into();
    for (name, records) in [("records", vec![(&a, &b), (&b, &c), (&a, &d)]), ("new", vec![(&a, &c)])] {
        fs::create_dir_all(at.join(name)).expect("created");
        for (pid, (from, to)) in (1..).zip(records) {
            write(&at.join(name), &format!("{pid}-0.jsonl"), &one_order(pid, from, to));
        }
    }
}

#[test]
fn the_order_file_is_written_checked_and_kept() {
    let folder = folder();
    let at = folder.path();
    four_orders(at);
    let order = |args: &[&str]| {
        let line: Vec<&str> = ["order"].iter().chain(args).copied().collect();
        run(at, &line)
    };
    let ended = order(&["records", "--check"]);
    assert_ended(&ended, "exit 2");
    assert!(
        ended.stderr.contains("does not exist: write it with `cargo lockdep order --bless`"),
        "{}",
        ended.stderr
    );
    assert_ended(&order(&["records", "--bless"]), "exit 0");
    let text = read(at, "lockdep.order");
    let body = text.split_once("\n\n").expect("a head").1;
    assert_eq!(
        body,
        "[crates/net]\n\
         crates/net/src/a.rs:Mutex<u8> -> crates/net/src/b.rs:Mutex<u8>\n\
         crates/net/src/a.rs:Mutex<u8> -> store/src/c.rs:Mutex<u8>\n\
         crates/net/src/b.rs:Mutex<u8> -> pool/src/lib.rs:Mutex<u8>\n\n\
         [pool]\nleaf pool/src/lib.rs:Mutex<u8>\n\n\
         [store]\nleaf store/src/c.rs:Mutex<u8>\n"
    );
    assert_ended(&order(&["records", "--check"]), "exit 0");
    // A person names a class, the wrong way round at first, and says why.
    write(at, "lockdep.order", &text.replace("[pool]", "[pool]\nname pool/src/lib.rs:Mutex<u8> = the-pool"));
    let ended = order(&["records", "--check"]);
    assert!(
        ended.stderr.contains("is reversed: `name the-pool = pool/src/lib.rs:Mutex<u8>`"),
        "{}",
        ended.stderr
    );
    let edited = text
        .replace("-> pool/src/lib.rs:Mutex<u8>", "-> pool/src/lib.rs:Mutex<u8>  # connections last")
        .replace("[pool]", "[pool]\nname the-pool = pool/src/lib.rs:Mutex<u8>");
    write(at, "lockdep.order", &edited);
    assert_ended(&order(&["records", "--check"]), "exit 0");
    assert_ended(&order(&["records", "--bless"]), "exit 0");
    let named = read(at, "lockdep.order");
    assert!(named.contains("-> the-pool  # connections last") && named.contains("leaf the-pool"), "{named}");
    let ended = order(&["records", "new", "--check"]);
    assert_ended(&ended, "exit 3");
    let lines: Vec<&str> = ended.stdout.lines().skip(3).collect();
    assert_eq!(
        lines,
        [
            " crates/net/src/a.rs:Mutex<u8> -> store/src/c.rs:Mutex<u8>",
            "+crates/net/src/a.rs:Mutex<u8> -> the-pool",
            " crates/net/src/b.rs:Mutex<u8> -> the-pool  # connections last",
        ],
        "{}",
        ended.stdout
    );
    assert_ended(&order(&["records", "new", "--bless"]), "exit 0");
    let blessed = read(at, "lockdep.order");
    assert!(
        blessed.contains("# connections last")
            && blessed.contains("name the-pool = pool/src/lib.rs:Mutex<u8>"),
        "{blessed}"
    );
    assert_ended(&order(&["records", "new", "--check"]), "exit 0");
    assert_ended(&order(&["new", "--bless", "--prune"]), "exit 0");
    let pruned = read(at, "lockdep.order");
    assert!(pruned.contains("a.rs:Mutex<u8> -> the-pool") && !pruned.contains("-> store/src"), "{pruned}");
    assert!(!blessed.contains("/elsewhere") && !blessed.contains(at.to_str().expect("UTF-8")), "{blessed}");
}

#[test]
fn a_line_of_the_order_file_that_is_not_understood_is_named() {
    let folder = folder();
    let at = folder.path();
    four_orders(at);
    write(at, "lockdep.order", "a => b\n");
    let ended = run(at, &["order", "records", "--check"]);
    assert_ended(&ended, "exit 2");
    assert!(ended.stderr.contains("lockdep.order: line 1: `a => b` is not one of"), "{}", ended.stderr);
}

#[test]
fn a_declared_order_is_enforced_from_the_first_contradiction() {
    let folder = folder();
    let at = folder.path();
    record("forwards", &at.join("records"));
    let label = |ty: &str| format!("tests/src/bin/recorded.rs:Mutex<{ty}>");
    write(at, "lockdep.order", &format!("{} < {}\n", label("u8"), label("u16")));
    let ended = run(at, &["order", "records", "--check"]);
    assert_ended(&ended, "exit 0");
    let live = |mode: &str| {
        let mut program = recorded(mode, &at.join("live"));
        let program = program.env("LOCKDEP_ORDER", at.join("lockdep.order")).env("LOCKDEP_OUTPUT", "stderr");
        child::run(program.env("LOCKDEP_EXITCODE", "9"), Duration::from_secs(60)).expect("started")
    };
    assert_ended(&live("forwards"), "exit 0");
    // One acquisition against the declared order, and no cycle anywhere.
    let ended = live("backwards");
    assert_ended(&ended, "exit 9");
    assert!(ended.stderr.contains("error[LD0015]") && !ended.stderr.contains("LD0003"), "{}", ended.stderr);
    let ended = finish(&mut command(at, &["order", "live", "--check"]));
    assert_ended(&ended, "exit 3");
    assert!(ended.stderr.contains("lockdep.order declares the opposite"), "{}", ended.stderr);
}
