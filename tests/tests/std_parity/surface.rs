//! What std documents, against what the other files of this suite name: a method or type that a new
//! release makes stable is noticed here, not by a user whose code no longer compiles under the
//! façade.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::{with_lockdep, with_std};

/// The types of `std::sync` and `std::thread` that go through as they are, because they are no
/// locks and no threads.
const PASSED_ON: &[&str] = &[
    "sync/enum.TryLockError",
    "sync/struct.Arc",
    "sync/struct.BarrierWaitResult",
    "sync/struct.PoisonError",
    "sync/struct.WaitTimeoutResult",
    "sync/struct.Weak",
    "sync/mpsc/enum.RecvTimeoutError",
    "sync/mpsc/enum.TryRecvError",
    "sync/mpsc/enum.TrySendError",
    "sync/mpsc/struct.RecvError",
    "sync/mpsc/struct.SendError",
    "thread/struct.AccessError",
    "thread/struct.LocalKey",
    "thread/struct.ThreadId",
];

/// The functions of `std::thread` that exist in a version of our own.
const REPLACED_FUNCTIONS: &[&str] =
    &["current", "park", "park_timeout", "park_timeout_ms", "scope", "sleep", "sleep_ms", "spawn"];

/// The functions of `std::thread` that go through as they are.
const PASSED_ON_FUNCTIONS: &[&str] = &["available_parallelism", "panicking", "yield_now"];

/// The traits that `traits.rs` asks about, and those that hold for every type.
const ASKED: &[&str] = &[
    "Clone",
    "Debug",
    "Default",
    "Deref",
    "DerefMut",
    "Display",
    "Drop",
    "Eq",
    "From",
    "PartialEq",
    "RefUnwindSafe",
    "Send",
    "Sync",
    "UnwindSafe",
    "JoinHandleExt",
    "AsHandle",
    "AsRawHandle",
    "IntoRawHandle",
    "IntoIterator",
    "Iterator",
];

/// The documentation of the running toolchain's std, if it was installed with it.
fn documentation() -> Option<PathBuf> {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output().ok()?;
    let sysroot = String::from_utf8(output.stdout).ok()?;
    let pages = PathBuf::from(sysroot.trim()).join("share/doc/rust/html/std");
    pages.join("sync/index.html").exists().then_some(pages)
}

/// The text between `start` and the next `end`, for every `start` in `text`.
fn between<'t>(text: &'t str, start: &str, end: &str) -> Vec<&'t str> {
    text.split(start).skip(1).filter_map(|rest| rest.split(end).next()).collect()
}

/// The methods that a page of rustdoc lists in its own `impl` blocks, without those marked
/// unstable.
fn stable_methods(page: &str) -> BTreeSet<&str> {
    let own = page.split("id=\"trait-implementations\"").next().unwrap_or_default();
    own.split("<section id=\"method.")
        .skip(1)
        .filter(|method| !method.contains("class=\"stab unstable\""))
        .filter_map(|method| method.split('"').next())
        .collect()
}

/// The names of a module's items of one kind (`struct`, `fn`), without those marked unstable.
fn stable_items<'p>(index: &'p str, kind: &str) -> BTreeSet<&'p str> {
    between(index, &format!("href=\"{kind}."), "</dd>")
        .into_iter()
        .filter(|item| !item.contains("class=\"stab unstable\""))
        .filter_map(|item| item.split(".html").next())
        .collect()
}

#[test]
fn both_libraries_have_every_method_by_name() {
    assert_eq!(with_std::names::methods(), with_lockdep::names::methods());
}

#[test]
fn the_same_traits_hold() {
    let (theirs, ours) = (with_std::traits::answers(), with_lockdep::traits::answers());
    assert!(theirs.len() > 500, "only {} questions", theirs.len());
    assert!(theirs.iter().any(|(_, holds)| *holds) && theirs.iter().any(|(_, holds)| !*holds));
    let differing: Vec<_> = theirs.iter().zip(&ours).filter(|(theirs, ours)| theirs != ours).collect();
    assert!(differing.is_empty(), "(std, lockdep): {differing:#?}");
}

#[test]
fn std_documents_no_method_that_is_not_named_here() {
    let Some(pages) = documentation() else {
        return skipped();
    };
    let mut unnamed = Vec::new();
    let mut n_methods = 0;
    for (owner, named) in with_lockdep::names::methods() {
        let page = fs::read_to_string(pages.join(format!("{owner}.html"))).expect("std documents the type");
        let documented = stable_methods(&page);
        n_methods += documented.len();
        unnamed.extend(
            documented.iter().filter(|name| !named.contains(*name)).map(|name| format!("{owner}: {name}")),
        );
        // The other way round, so that a page that is no longer understood is noticed.
        unnamed.extend(
            named
                .iter()
                .filter(|name| !documented.contains(*name))
                .map(|name| format!("{owner}: {name} is not in std")),
        );
        let traits = page.split("id=\"trait-implementations-list\"").nth(1).unwrap_or_default();
        let traits = traits.split("id=\"synthetic-implementations\"").next().unwrap_or_default();
        for header in between(traits, "<section id=\"impl-", "-for-") {
            let name = header.split("%3C").next().unwrap_or_default().trim_start_matches('!');
            if !ASKED.contains(&name) {
                unnamed.push(format!("{owner}: impl {name}"));
            }
        }
    }
    assert!(n_methods > 50, "only {n_methods} methods were found in the pages");
    assert!(unnamed.is_empty(), "{unnamed:#?}");
}

#[test]
fn std_documents_no_type_that_was_not_decided_about() {
    let Some(pages) = documentation() else {
        return skipped();
    };
    let decided: BTreeSet<&str> = with_lockdep::names::methods()
        .iter()
        .map(|(owner, _)| *owner)
        .chain(PASSED_ON.iter().copied())
        .collect();
    let mut undecided = Vec::new();
    let mut n_types = 0;
    for module in ["sync", "sync/mpsc", "thread"] {
        let index =
            fs::read_to_string(pages.join(module).join("index.html")).expect("std documents the module");
        for kind in ["struct", "enum"] {
            for name in stable_items(&index, kind) {
                n_types += 1;
                let name = format!("{module}/{kind}.{name}");
                if !decided.contains(name.as_str()) {
                    undecided.push(name);
                }
            }
        }
    }
    let index = fs::read_to_string(pages.join("thread/index.html")).expect("std documents the module");
    for name in stable_items(&index, "fn") {
        if !REPLACED_FUNCTIONS.contains(&name) && !PASSED_ON_FUNCTIONS.contains(&name) {
            undecided.push(format!("thread::{name}"));
        }
    }
    assert!(n_types >= 29, "only {n_types} types were found in the pages");
    assert!(undecided.is_empty(), "{undecided:#?}");
}

#[expect(clippy::print_stdout, reason = "a skipped test has to say so")]
fn skipped() {
    println!("skipped: the running toolchain has no rust-docs component to compare with");
}
