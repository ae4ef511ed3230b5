//! Tests of guards that a wrapper has returned.

use lockdep_report::advice::Advice;
use lockdep_report::place::{Frame, Place};
use lockdep_validator::Code;

use super::add;
use super::tests::{lone, with_source};
use crate::source::Sources;

/// The line of the caller of the wrapper `lock` that holds, and the first advice; the text is a
/// file of which `main` is active.
fn returned(text: &str, wanted: &[(&str, u32, u32)]) -> (Option<u32>, String) {
    let folder = std::env::temp_dir().join(format!(
        "lockdep-hint-returned-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    std::fs::write(folder.join("a.rs"), text).expect("written");
    let frame = |&(function, line, column): &(&str, u32, u32)| Frame {
        function: function.into(),
        file: if function == "w::lock" { "w.rs" } else { "a.rs" }.into(),
        line,
        column,
    };
    let frames: Vec<Frame> = wanted.iter().map(frame).collect();
    let site = Place { file: "w.rs".into(), line: 3, column: 9, ..Place::default() };
    let lock = |frames, exact| crate::records::fixture::lock_at(site.clone(), frames, exact);
    let mut report = crate::records::fixture::inversion_report();
    report.code = Code::Recursion.into();
    report.cycle.clear();
    report.help.clear();
    report.conflict = Some(lock(frames[..1].to_vec(), false));
    report.subject = Some(lock(frames, true));
    add(&mut report, &Sources::new(vec![folder.clone()]));
    std::fs::remove_dir_all(folder).expect("ours");
    let held = report.conflict.expect("given");
    assert!(!held.exact, "the source shows it, not the run");
    assert_eq!(
        held.frames.get(1).map(|frame| frame.line),
        held.site.caller.as_ref().map(|caller| caller.line)
    );
    (
        held.site.caller.map(|caller| caller.line),
        report.help.first().map(Advice::to_string).unwrap_or_default(),
    )
}

#[test]
fn the_holder_of_a_returned_guard_is_the_active_function_that_still_has_it() {
    let look = "fn look(&self) {\n    self.tail.lock().len()\n}\n";
    let stack =
        |line, column| [("w::lock", 3, 9), ("a::look", 2, 15), ("a::send", line, column), ("a::main", 99, 1)];
    let said = |send: &str, line, column| returned(&format!("{look}{send}"), &stack(line, column));
    // Bound by a `let`, and alive at the call.
    let send =
        "fn send(&self) {\n    let mut tail = self.tail.lock();\n    tail.notify();\n    drop(tail);\n}\n";
    let (line, advice) = said(send, 6, 10);
    assert_eq!(line, Some(5));
    assert!(advice.contains("is alive during the call at a.rs:6:10"), "{advice}");
    // A temporary of the statement that calls.
    assert_eq!(said("fn send(&self) {\n    self.tail.lock().each(f);\n}\n", 5, 22).0, Some(5));
    // Dropped, or its block has ended, or its statement has.
    for gone in [
        "fn send(&self) {\n    let tail = self.tail.lock();\n    drop(tail);\n    notify();\n}\n",
        "fn send(&self) {\n    { let tail = self.tail.lock();\n    }\n    notify();\n}\n",
        "fn send(&self) {\n    self.tail.lock().push(1);\n\n    notify();\n}\n",
    ] {
        assert_eq!(said(gone, 7, 5).0, None, "{gone}");
    }
    // Two guards that the run does not tell apart.
    let two = "fn send(&self) {\n    let a = self.a.lock();\n    let b = self.b.lock();\n    notify();\n}\n";
    assert_eq!(said(two, 7, 5).0, None);
}

#[test]
fn a_guard_that_a_variable_from_outside_is_given_outlives_its_block() {
    let frame = |function: &str, file: &str, line| Frame {
        function: function.into(),
        file: file.into(),
        line,
        column: 15,
    };
    let lock = frame("w::lock", "w.rs", 3);
    let found = |text: &str, first: u32, again: u32| {
        let held = [lock.clone(), frame("a::poll", "a.rs", first)];
        let closure = frame("a::poll::{{closure}}", "a.rs", again);
        let wanted = [lock.clone(), frame("b::drop", "b.rs", 9), closure, frame("a::poll", "a.rs", again)];
        let mut found = None;
        with_source(text, |sources| {
            let mut report = lone(&held, &wanted);
            add(&mut report, sources);
            let caller = report.conflict.expect("given").site.caller;
            found = caller.map(|caller| (caller.line, report.help.first().map(Advice::to_string)));
        });
        found
    };
    let text = "fn poll(&self) {\n    let mut waiters = loop {\n        if empty {\n            lock = Some(self.list.lock());\n        \
                }\n        if queued {\n            break self.list.lock();\n        }\n        break lock.unwrap();\n    };\n    \
                set(waker);\n}\n";
    let (line, advice) = found(text, 4, 11).expect("the only function that has it");
    assert_eq!(line, 4, "the one on the path that is known");
    assert!(advice.is_some_and(|advice| advice.contains("during the call at a.rs:11:15")));
    assert_eq!(
        found(&text.replace("set(waker)", "drop(lock); set(waker)"), 7, 11).map(|found| found.0),
        Some(7)
    );
    // What is made of the guard is kept, not the guard; or an argument ends with its call.
    for other in ["lock = self.list.lock().len();", "lock = count(self.list.lock());"] {
        let text = text
            .replace("lock = Some(self.list.lock());", other)
            .replace("break self.list.lock();", "break 0;");
        assert_eq!(found(&text, 4, 11), None, "{other}");
    }
}

#[test]
fn wrappers_that_both_locks_went_through_are_read_where_the_run_shows_no_path() {
    let frame =
        |function: &str, line, column| Frame { function: function.into(), file: "a.rs".into(), line, column };
    let wanted = |column| {
        [
            frame("a::guard", 2, 14),
            frame("a::entries", 5, column),
            frame("a::count", 8, 10),
            frame("a::go::{{closure}}", 12, 18),
            frame("a::go", 12, 5),
        ]
    };
    let found = |entries: &str, go: &str| {
        let text = format!(
            "fn guard(&self) -> Guard {{\n    self.map.lock()\n}}\nfn entries(&self) -> Guard {{\n    {entries}\n}}\n\
             fn count(&self) -> usize {{\n    self.entries().len()\n}}\nfn go(store: &Store) {{\n    {go}\n    \
             run(|| store.count());\n}}\n"
        );
        let column = u32::try_from(entries.find("guard").expect("a call") + 5).expect("short");
        let wanted = wanted(column);
        let mut found = Vec::new();
        with_source(&text, |sources| {
            let mut report = lone(&wanted[..1], &wanted);
            add(&mut report, sources);
            let held = report.conflict.expect("given");
            found = held.frames.iter().map(|frame| frame.line).collect();
        });
        found
    };
    let keeps = "let kept = store.entries();";
    assert_eq!(found("self.inner.guard()", keeps), [2, 5, 11]);
    assert_eq!(found("return self.inner.guard();", keeps), [2, 5, 11]);
    // What it returns is no guard, or its caller has let it go.
    for entries in ["self.inner.guard().len()", "let all = { self.inner.guard() }; all.clone()"] {
        assert_eq!(found(entries, keeps), [2], "{entries}");
    }
    assert_eq!(found("self.inner.guard()", "store.entries();"), [2]);
}

#[test]
fn a_guard_that_went_through_two_wrappers_is_found_by_the_outer_call() {
    let text = "fn one(&self) {\n    let held = self.map.get(1);\n    self.map.insert(2, held);\n}\n";
    let frame = |function: &str, file: &str, line| Frame {
        function: function.into(),
        file: file.into(),
        line,
        column: 5,
    };
    let held = [frame("w::shard", "w.rs", 3), frame("w::get", "w.rs", 30)];
    let wanted =
        [frame("w::shard_mut", "w.rs", 9), frame("w::insert", "w.rs", 40), frame("a::one", "a.rs", 3)];
    with_source(text, |sources| {
        let mut report = lone(&held, &wanted);
        add(&mut report, sources);
        let held = report.conflict.as_ref().expect("given");
        assert_eq!(held.site.outside_wrapper().line, 2);
        let lines: Vec<u32> = held.frames.iter().map(|frame| frame.line).collect();
        assert_eq!(lines, [3, 30, 2]);
        assert_eq!(report.subject.expect("given").site.outside_wrapper().line, 9, "another function");
    });
}

#[test]
fn wrappers_that_the_wanted_lock_went_through_as_well_do_not_hide_the_holder() {
    let frame = |function: &str, file: &str, line| Frame {
        function: function.into(),
        file: file.into(),
        line,
        column: 5,
    };
    let way = [frame("w::raw", "w.rs", 8), frame("w::lock", "w.rs", 11), frame("w::len", "w.rs", 23)];
    let wanted = [&way[..], &[frame("a::hold", "a.rs", 3)]].concat();
    let found = |text: &str| {
        let mut lines = Vec::new();
        with_source(text, |sources| {
            let mut report = lone(&way, &wanted);
            add(&mut report, sources);
            let held = report.conflict.expect("given");
            lines = held.frames.iter().map(|frame| frame.line).collect();
        });
        lines
    };
    assert_eq!(found("fn hold(t: &T) {\n    let rows = t.lock();\n    t.len();\n}\n"), [8, 11, 2]);
    // A guard that came from elsewhere: the wrappers of the other acquisition are not its own.
    assert_eq!(found("fn hold(t: &T) {\n    let view = t.view();\n    t.len();\n}\n"), [8]);
}
