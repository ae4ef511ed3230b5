//! A program that really hangs, from `--timeout` through its record to every format of `report`.

use std::fs;
use std::path::Path;

use lockdep_report::hang_report::{HangReason, HangReport, HangRole};
use lockdep_report::record::Record;
use lockdep_tests::child::Ended;
use serde_json::Value;

use crate::harness::{assert_ended, command, finish};
use crate::records::folder;

/// A ring of two threads, or a thread that waits for a notification under a lock of another one.
const PROGRAM: &str = r#"
use std::sync::{Barrier, Condvar, Mutex};
use std::thread::Builder;

static TILL: Mutex<u64> = Mutex::new(0);
static STOCK: Mutex<Vec<u32>> = Mutex::new(Vec::new());
static DELIVERED: Condvar = Condvar::new();
static BOTH: Barrier = Barrier::new(2);

fn main() {
    let is_ring = std::env::args().nth(1).as_deref() == Some("ring");
    let clerk = Builder::new().name("clerk".to_owned()).spawn(move || {
        let _till = TILL.lock().unwrap();
        BOTH.wait();
        let stock = STOCK.lock().unwrap();
        drop(DELIVERED.wait_while(stock, |stock| stock.is_empty()).unwrap());
    });
    let carrier = Builder::new().name("carrier".to_owned()).spawn(move || {
        let stock = is_ring.then(|| STOCK.lock().unwrap());
        BOTH.wait();
        drop(TILL.lock().unwrap());
        drop(stock);
    });
    clerk.unwrap().join().unwrap();
    carrier.unwrap().join().unwrap();
}
"#;
const TILL_TAKEN: u32 = 13;
const CLERK_LOCKS: u32 = 15;
const CLERK_WAITS: u32 = 16;
const CARRIER_WAITS: u32 = 21;

/// Runs the program into the records of `directory`.
fn hung(directory: &Path, mode: &str) -> Ended {
    let write = |name: &str, text: &str| fs::write(directory.join(name), text).expect("written");
    write(
        "Cargo.toml",
        "[package]\nname = \"till\"\nedition = \"2021\"\n[[bin]]\nname = \"till\"\npath = \"main.rs\"\n[workspace]\n",
    );
    write("main.rs", PROGRAM);
    let mut command = command(directory, &["run", "-q", "--timeout", "3", "--", mode]);
    finish(command.env("LOCKDEP_DIR", directory.join("records")))
}

fn reported(directory: &Path, format: &str) -> Ended {
    finish(&mut command(directory, &["report", "records", "--format", format]))
}

/// The hang reports among lines of JSON.
fn hangs(lines: &str) -> Vec<HangReport> {
    let records = lines.lines().filter_map(|line| Record::parse_line(line.as_bytes()).ok());
    let hangs = records.filter_map(|record| match record {
        Record::Hang(hang) => Some(*hang),
        _ => None,
    });
    hangs.collect()
}

/// What every text says of the thread `clerk`.
fn assert_says_where(text: &str, clerk_waits: u32) {
    for wanted in [
        &format!("= waits at: main.rs:{clerk_waits}:"),
        &format!("= waits at: main.rs:{CARRIER_WAITS}:"),
        &format!("= holds: `Mutex<u64>` exclusively since main.rs:{TILL_TAKEN}:"),
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
}

#[test]
fn a_hang_ends_with_124_and_every_format_shows_it() {
    let folder = folder();
    let ended = hung(folder.path(), "hang");
    assert_ended(&ended, "exit 124");
    let headline = "2 threads wait for thread `clerk`, which has waited 3 s for a notification, and then `Mutex<Vec<u32>>`";
    // It was asked in the third or the fourth second.
    let said = ended.stderr.replace("waited 2 s", "waited 3 s").replace("waited 4 s", "waited 3 s");
    assert!(said.contains(&format!("hang: {headline}")), "{}", ended.stderr);
    assert_says_where(&ended.stderr, CLERK_WAITS);
    let headline = headline.split("3 s").next().expect("a first part");
    for format in ["text", "json", "html", "sarif", "junit", "github", "rustc"] {
        let ended = reported(folder.path(), format);
        // A hang report accuses no code.
        assert_ended(&ended, "exit 0");
        // As a reader of a page or of XML sees it.
        let text = ended.stdout.replace("&lt;", "<").replace("&gt;", ">");
        match format {
            "json" => assert_is_clerk(&hangs(&text)),
            "html" => {
                let section = text.split_once("id=\"hangs\"").expect("a section").1;
                assert!(section.contains("<svg") && section.contains("marker-end"), "{section}");
                assert_says_where(section, CLERK_WAITS);
            }
            "sarif" => {
                let run = &serde_json::from_str::<Value>(&text).expect("JSON")["runs"][0];
                let note = &run["invocations"][0]["toolExecutionNotifications"][0];
                assert!(note["message"]["text"].as_str().is_some_and(|text| text.starts_with(headline)));
                let place = &note["locations"][0]["physicalLocation"];
                assert_eq!((&run["results"], &note["level"]), (&Value::Array(Vec::new()), &"note".into()));
                assert_eq!(place["region"]["startLine"], CLERK_WAITS, "{text}");
            }
            "rustc" => {
                let message: Value =
                    serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
                assert_eq!(message["message"]["level"], "note");
                assert_eq!(message["message"]["spans"][0]["line_start"], CLERK_WAITS, "{text}");
                let rendered = message["message"]["rendered"].as_str().expect("a text");
                assert!(rendered.contains(headline));
                assert_says_where(rendered, CLERK_WAITS);
            }
            "github" => {
                let place = format!("::notice file=main.rs,line={CLERK_WAITS},");
                let notice = text.lines().find(|line| line.starts_with(&place)).expect("a notice");
                assert!(notice.contains(headline) && !text.contains("::error"), "{text}");
                assert_says_where(notice, CLERK_WAITS);
            }
            _ => {
                assert!(text.contains(headline), "{format}: {text}");
                assert_says_where(&text, CLERK_WAITS);
            }
        }
    }
}

/// The report of the clerk that waits.
fn assert_is_clerk(hangs: &[HangReport]) {
    let [hang] = hangs else { panic!("one report: {hangs:#?}") };
    assert_eq!(hang.reason, HangReason::Timeout);
    let root = &hang.threads[0];
    assert_eq!((root.thread.as_str(), root.role, root.n_waiters), ("clerk", HangRole::Root, 2));
    assert_eq!(root.wait.as_ref().map(|wait| wait.site.line), Some(CLERK_WAITS));
    assert_eq!(root.holds.iter().map(|held| held.site.line).collect::<Vec<_>>(), [TILL_TAKEN]);
}

#[test]
fn a_deadlock_ends_with_3_and_every_format_shows_it_and_its_hang() {
    let folder = folder();
    let ended = hung(folder.path(), "ring");
    assert_ended(&ended, "exit 3");
    let (report, asked) =
        (ended.stderr.find("error[LD0100]"), ended.stderr.find("\nhang: 2 threads wait for each other"));
    assert!(report.is_some() && asked.is_some() && report < asked, "{}", ended.stderr);
    assert_says_where(&ended.stderr, CLERK_LOCKS);
    for (format, hang) in [
        ("text", "hang: 2 threads wait for each other"),
        ("json", "\"record\":\"hang\""),
        ("html", "id=\"hangs\""),
        ("sarif", "\"toolExecutionNotifications\""),
        ("junit", "2 threads wait for each other"),
        ("github", "::notice file=main.rs"),
        ("rustc", "hang: 2 threads wait for each other"),
    ] {
        let ended = reported(folder.path(), format);
        assert_ended(&ended, "exit 3");
        assert!(ended.stdout.contains("LD0100"), "{format}: {}", ended.stdout);
        assert!(ended.stdout.contains(hang), "{format}: {}", ended.stdout);
    }
}
