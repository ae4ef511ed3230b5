//! A test that hangs under nextest: SIGTERM brings its hang report, with the name of the test.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;

use crate::harness::{assert_ended, command, finish};
use crate::records::folder;

/// A test that waits for a notification under another lock, and one that passes.
const TESTS: &str = r#"
use std::sync::{Condvar, Mutex};

static TILL: Mutex<u64> = Mutex::new(0);
static STOCK: Mutex<Vec<u32>> = Mutex::new(Vec::new());
static DELIVERED: Condvar = Condvar::new();

#[test]
fn a_delivery_is_counted() {
    let clerk = std::thread::Builder::new().name("clerk".to_owned()).spawn(|| {
        let _till = TILL.lock().unwrap();
        let mut stock = STOCK.lock().unwrap();
        while stock.is_empty() {
            stock = DELIVERED.wait(stock).unwrap();
        }
    });
    clerk.unwrap().join().unwrap();
}

#[test]
fn an_empty_till_is_counted() {
    assert_eq!(*TILL.lock().unwrap(), 0);
}
"#;

fn project(directory: &Path) {
    let write = |name: &str, text: &str| {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        fs::write(path, text).expect("written");
    };
    write(
        "Cargo.toml",
        "[package]\nname = \"shop\"\nedition = \"2021\"\n[[test]]\nname = \"shop\"\npath = \"shop.rs\"\n\
         [workspace]\n",
    );
    write("shop.rs", TESTS);
    write(
        ".config/nextest.toml",
        "[profile.default]\nslow-timeout = { period = \"5s\", terminate-after = 1 }\nfail-fast = false\n",
    );
}

/// What the hang report has to say, wherever it was printed.
fn assert_explained(said: &str) {
    let head = "hang: 1 thread waits for thread `clerk`, which has waited ";
    assert_eq!(said.matches(head).count(), 1, "{said}");
    assert!(said.contains(", test `a_delivery_is_counted`, with 3 threads"), "{said}");
    assert!(said.contains("= asked by: SIGTERM, which ends the process after this report"), "{said}");
    assert!(said.contains("= waits at: shop.rs:14:"), "{said}");
    assert!(said.contains("= holds: `Mutex<u64>` exclusively since shop.rs:11:"), "{said}");
    assert!(!said.contains("an_empty_till_is_counted`"), "the other test does not hang: {said}");
}

#[test]
fn a_test_that_hangs_under_nextest_is_explained() {
    let version = Command::new(env!("CARGO")).args(["nextest", "--version"]).output();
    if !version.is_ok_and(|version| version.status.success()) {
        // It is not part of the toolchain. libtest keeps the text of a macro to itself.
        let skipped = "skipped: a_test_that_hangs_under_nextest_is_explained: cargo-nextest is not installed";
        writeln!(io::stderr(), "{skipped}").expect("writable");
        return;
    }
    let folder = folder();
    project(folder.path());
    let ended = finish(&mut command(folder.path(), &["nextest", "run"]));
    assert_ended(&ended, "exit 100");
    assert!(ended.stderr.contains("TIMEOUT") || ended.stdout.contains("TIMEOUT"), "{}", ended.stderr);
    assert_explained(&ended.stderr);
}
