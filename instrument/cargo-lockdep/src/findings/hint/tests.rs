//! What is said about sources that keep a guard alive, and about those that do not.

use lockdep_validator::Code;

use super::*;

/// What is said of the first `lock()` in the text, which is held when the last one is taken.
fn advice(text: &str, manifest: &str) -> Option<String> {
    let folder = std::env::temp_dir().join(format!(
        "lockdep-hint-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    std::fs::write(folder.join("a.rs"), text).expect("written");
    std::fs::write(folder.join("Cargo.toml"), manifest).expect("written");
    let sources = Sources::new(vec![folder.clone()]);
    let place = |at: usize| {
        let before = &text[..at];
        let line = before.lines().count().max(1) + usize::from(before.ends_with('\n'));
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let number = |n: usize| u32::try_from(n).expect("short");
        Place { file: "a.rs".into(), line: number(line), column: number(column), ..Place::default() }
    };
    let (held, wanted) =
        (place(text.find("lock()").expect("a call")), place(text.rfind("lock()").expect("a call")));
    let sighting = Sighting {
        class: "A",
        held: &held,
        wanted_class: "B",
        wanted: &wanted,
        frames_held: &[],
        frames_wanted: &[],
    };
    let call = Call::read(&held, &sources).expect("just written");
    let said = long_life(&sighting, &call, &sources).map(|advice| advice.to_string());
    std::fs::remove_dir_all(folder).expect("ours");
    said
}

#[test]
fn temporaries_in_heads_and_statements_are_found_and_nothing_else_is() {
    for (text, words) in [
        ("match *a.lock().unwrap() {\n    1 => b.lock(),", Some("head of a `match`")),
        ("if let Some(x) = self.a.lock().unwrap().pop() {\n    b.lock();", Some("head of an `if let`")),
        (
            "} else if let Some(x) = self.a.lock().unwrap().pop() {\n    b.lock();",
            Some("head of an `if let`"),
        ),
        (
            "while let Some(job) = queue\n    .inner\n    .lock()\n    .unwrap()\n    .pop() {\n    b.lock();",
            Some("(line 1)"),
        ),
        ("'outer: for x in a.lock().unwrap().iter() {\n    b.lock();", Some("through the whole loop")),
        ("*b.lock().unwrap() = *a.lock().unwrap();", Some("end of its statement")),
        // A closure of the statement runs under a guard that was there before it.
        ("a.lock().get(k).map(|at| b.lock()[*at].clone());", Some("end of its statement")),
        ("f(a.lock().len(),\n    b.lock().len());", Some("end of its statement")),
        ("let n = a.lock().unwrap().len() + b.lock().unwrap().len();", Some("end of its statement")),
        // The only acquisition of the statement, reached again through what it calls.
        ("x.a\n    .lock()\n    .run(f);", None),
        // Bound by a pattern or a `let`: that it lives on is what was written.
        ("if let Ok(guard) = a.lock() {\n    b.lock();", None),
        ("match a.lock() {\n    Ok(guard) => b.lock(),", None),
        ("let guard = a.lock().unwrap();\nb.lock();", None),
        ("let (x, y) = (a.lock().unwrap(), b.lock().unwrap());", None),
        // The condition of a plain `if` or `while` is over before the block.
        ("if a.lock().unwrap().is_empty() {\n    b.lock();", None),
        ("while a.lock().unwrap().is_empty() {\n    b.lock();", None),
        ("match x {\n    1 => a.lock().unwrap().len(),\n    2 => b.lock(),", None),
        ("match x { 1 => a.lock().unwrap().len(), }\nb.lock();", None),
        // Handed to the caller, who may keep it.
        ("fn g(&self) -> G {\n    self.a.lock().unwrap()\n}\nb.lock();", None),
        ("if let Some(guard) = a.lock().ok() {\n    b.lock();", None),
        // Inside a closure it ends with the closure.
        ("if let Some(x) = v.iter().find(|x| x.lock().unwrap().ok) {\n    b.lock();", None),
        ("v.iter().map(|x| x.lock().unwrap().n).zip(b.lock().iter());", None),
        // One call, reached again under its own guard.
        ("a.lock().unwrap().emit(record);", None),
        ("// match\n\na.lock().unwrap().push(1);\nb.lock();", None),
    ] {
        let said = advice(text, "[package]\n");
        match words {
            Some(words) => {
                assert!(said.as_ref().is_some_and(|said| said.contains(words)), "{text}: {said:?}")
            }
            None => assert_eq!(said, None, "{text}"),
        }
    }
}

#[test]
fn the_edition_decides_how_long_an_if_let_holds() {
    let text = "if let Some(x) = a.lock().unwrap().pop() {\n    f(x);\n} else {\n    b.lock();";
    let of = |manifest: &str| advice(text, manifest).expect("advice");
    assert!(of("[package]\nedition = \"2021\"\n").contains("its `else` included"));
    assert!(of("[package]\nedition = \"2024\"\n").contains("not of its `else`"));
    assert!(of("[package]\nedition.workspace = true\n").contains("before edition 2024 of its `else` too"));
    assert!(of("[package]\nname = \"a\"\n").contains("its `else` included"), "2015 is the default");
}

#[test]
fn a_destructor_under_the_last_expression_is_reported_before_edition_2024() {
    let frame =
        |function: &str, line| Frame { function: function.into(), file: "a.rs".into(), line, column: 5 };
    let text = "fn f() -> usize {\n    let _t = T;\n    a.lock().unwrap().len()\n}\n";
    let folder = std::env::temp_dir().join(format!("lockdep-tail-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    std::fs::write(folder.join("a.rs"), text).expect("written");
    let held = Place { file: "a.rs".into(), line: 3, column: 7, ..Place::default() };
    let wanted = Place { file: "b.rs".into(), line: 9, column: 7, ..Place::default() };
    let (by_drop, by_call) = (
        [frame("<m::T as core::ops::drop::Drop>::drop", 9), frame("m::f", 4)],
        [frame("m::g", 9), frame("m::f", 4)],
    );
    let said = |edition: &str, frames: &[Frame]| {
        std::fs::write(folder.join("Cargo.toml"), format!("[package]\nedition = \"{edition}\"\n"))
            .expect("written");
        let sources = Sources::new(vec![folder.clone()]);
        let sighting = Sighting {
            class: "A",
            held: &held,
            wanted_class: "B",
            wanted: &wanted,
            frames_held: &[frame("m::f", 3)],
            frames_wanted: frames,
        };
        let advice = long_life(&sighting, &Call::read(&held, &sources).expect("just written"), &sources);
        advice.map(|advice| advice.to_string())
    };
    assert!(said("2021", &by_drop).is_some_and(|said| said.contains("last expression of its block")));
    assert_eq!(said("2024", &by_drop), None, "there it is dropped first");
    assert_eq!(said("2021", &by_call), None);
    std::fs::remove_dir_all(folder).expect("ours");
}

/// The advice of a recursion in this text.
fn recursion(text: &str, wanted: &[(&str, u32)]) -> Vec<String> {
    let report = recursion_report(text, wanted);
    // Where the function that holds is known, its stack is known as well.
    let is_known = report.help.iter().any(|help| matches!(help, Advice::UnderCall { .. }));
    let held = report.conflict.as_ref().expect("given");
    let known = held.frames.first().map(|frame| frame.line);
    assert_eq!(known, is_known.then_some(held.site.line), "{held:?}");
    report.help.iter().map(Advice::to_string).collect()
}

/// The report of a recursion in this text: `lock()` is called first where the guard is made.
fn recursion_report(text: &str, wanted: &[(&str, u32)]) -> Report {
    let folder = std::env::temp_dir().join(format!(
        "lockdep-under-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    std::fs::write(folder.join("a.rs"), text).expect("written");
    let frames = wanted.iter().map(|&(function, line)| Frame {
        function: function.into(),
        file: "a.rs".into(),
        line,
        column: 5,
    });
    let frames: Vec<Frame> = frames.collect();
    let line = u32::try_from(text.lines().position(|line| line.contains("lock()")).expect("a call") + 1)
        .expect("short");
    let lock = |line, frames| {
        let site = Place { file: "a.rs".into(), line, column: 5, ..Place::default() };
        crate::records::fixture::lock_at(site, frames, true)
    };
    let mut report = crate::records::fixture::inversion_report();
    report.code = Code::Recursion.into();
    report.cycle.clear();
    report.help = vec![General::HeadOfMatch.into()];
    report.conflict = Some(lock(line, Vec::new()));
    report.subject = Some(lock(frames[0].line, frames));
    add(&mut report, &Sources::new(vec![folder.clone()]));
    std::fs::remove_dir_all(folder).expect("ours");
    report
}

#[test]
fn the_call_under_a_guard_is_found_by_its_function_where_no_stack_tells() {
    let text = "fn len(&self) {\n    x\n}\nfn shrink(&self) {\n    self.lock();\n    self.len();\n}\n\
                fn main() {\n    m.shrink();\n}\n";
    let said = recursion(text, &[("len", 2), ("shrink", 6), ("main", 9)]);
    assert!(said[0].contains("is alive during the call at a.rs:6:5, which comes back"), "{said:?}");
    // Who called the function that took it is no help.
    assert_eq!(recursion(text, &[("len", 2), ("main", 9)]).len(), 1);
}

#[test]
fn a_function_that_takes_a_lock_twice_has_the_stack_of_both() {
    let known = |text: &str, function: &str, line: u32| {
        let mut report = recursion_report(text, &[(function, line), ("main", 9)]);
        assert!(!report.help.iter().any(|help| matches!(help, Advice::UnderCall { .. })), "{report:?}");
        report.conflict.take().expect("given").frames.iter().map(|frame| frame.line).collect::<Vec<u32>>()
    };
    let twice = "fn f() {\n    let a = lock();\n    let b = lock();\n}\n";
    assert_eq!(known(twice, "f", 3), [2, 9]);
    let closure = "fn f() {\n    run(|| {\n        let a = lock();\n        let b = lock();\n    });\n}\n";
    assert_eq!(known(closure, "f::{{closure}}", 4), [3, 9]);
    // One function keeps the guard elsewhere, and another one, or a closure of it, takes the lock.
    let apart = "fn f() {\n    lock();\n}\nfn g() {\n    lock();\n}\n";
    assert_eq!(known(apart, "g", 5), [0; 0]);
    for later in ["|| {", "async {"] {
        let text = format!("fn f() {{\n    lock();\n    later({later}\n        lock();\n    }});\n}}\n");
        assert_eq!(known(&text, "f::{{closure}}", 4), [0; 0], "{later}");
    }
    // A loop comes back to the same call.
    let again = "fn f() {\n    for _ in 0..2 {\n        lock();\n    }\n}\n";
    assert_eq!(known(again, "f", 3), [0; 0]);
}

#[test]
fn what_a_macro_writes_is_not_the_users_to_mend() {
    let said = recursion("fn f() {\n    once!(lock());\n}\n", &[("f", 2), ("main", 9)]);
    assert!(said[0].contains("come from the macro expanded at a.rs:2:5"), "{said:?}");
    assert_eq!(said.len(), 1, "and no head of a `match` is looked for: {said:?}");
}

/// What is said where `state` is called again, by `set` in the line with `again`, and the guard is
/// that of an earlier call.
fn behind_wrapper(set: &str) -> Vec<String> {
    let text = format!(
        "fn state(&self) -> G {{\n    self.0.lock().unwrap()\n}}\nfn other(&self) {{\n    let x = self.state();\n}}\n{set}\n"
    );
    let again = text.lines().position(|line| line.contains("// again")).expect("marked") + 1;
    recursion(&text, &[("m::B::state", 2), ("m::B::set", u32::try_from(again).expect("short"))])
}

#[test]
fn the_guard_of_a_wrapper_is_found_where_its_caller_keeps_it() {
    for (set, variable) in [
        ("fn set(&self) {\n    let guard = self.state();\n    self.state().n = 1; // again\n}", "guard"),
        (
            "fn set(&self) {\n    let mut g: G<'_> = self\n        .state();\n    if g.a {\n        f(self.state()); // again\n    }\n}",
            "g",
        ),
        (
            "fn set(&self) {\n    let g = self.state().unwrap();\n    { let h = self.n; }\n    self.state(); // again\n}",
            "g",
        ),
    ] {
        let said = behind_wrapper(set);
        assert!(
            said[0].starts_with(&format!("`{variable}`, which `state` returned at a.rs:")),
            "{set}: {said:?}"
        );
    }
    for set in [
        // It is gone, or nothing that is kept.
        "fn set(&self) {\n    let g = self.state();\n    drop(g);\n    self.state(); // again\n}",
        "fn set(&self) {\n    let n = self.state().n;\n    self.state(); // again\n}",
        "fn set(&self) {\n    let n = *self.state();\n    self.state(); // again\n}",
        "fn set(&self) {\n    let _ = self.state();\n    self.state(); // again\n}",
        "fn set(&self) {\n    self.state();\n    self.state(); // again\n}",
        "fn set(&self) {\n    {\n        let g = self.state();\n    }\n    self.state(); // again\n}",
        // Another function's, another name.
        "fn set(&self) {\n    self.state(); // again\n}",
        "fn set(&self) {\n    let g = self.restate();\n    self.state(); // again\n}",
    ] {
        let said = behind_wrapper(set);
        assert!(!said.iter().any(|said| said.contains("returned at")), "{set}: {said:?}");
    }
}

#[test]
fn a_wrapper_that_is_called_again_names_both_callers_and_the_temporary() {
    let text = "fn main() {\n    let all = All {\n        one: map.get(1).clone(),\n        two: map.get(2).clone(),\n    };\n}\n";
    let get = |line| Frame { function: "w::get".into(), file: "w.rs".into(), line, column: 5 };
    let main = |line| Frame { function: "a::main".into(), file: "a.rs".into(), line, column: 18 };
    with_source(text, |sources| {
        // The known stack of the place goes on, or does not.
        for held in [&[get(5)][..], &[get(5), main(3)]] {
            let mut report = lone(held, &[get(3), main(4)]);
            add(&mut report, sources);
            let lock = |lock: &Option<lockdep_report::model::ReportLock>| {
                lock.as_ref().expect("given").site.outside_wrapper().line
            };
            assert_eq!((lock(&report.conflict), lock(&report.subject)), (3, 4));
            let said: Vec<String> = report.help.iter().map(Advice::to_string).collect();
            assert!(said[0].contains("made at a.rs:3:18 is a temporary"), "{said:?}");
        }
    });
}

#[test]
fn both_sides_of_an_inversion_name_the_callers_of_wrappers() {
    use lockdep_report::advice::{Spot, Way};

    let text = "fn there(&self) {\n    let a = self.inner();\n    self.other();\n}\n\
                fn back(&self) {\n    let b = self.other();\n    self.inner();\n}\n";
    let frame =
        |function: &str, line| Frame { function: function.into(), file: "a.rs".into(), line, column: 10 };
    let wrap = |function: &str, line| Frame { file: "w.rs".into(), ..frame(function, line) };
    let (one, inner, other) = (wrap("w::one", 3), wrap("w::inner", 5), wrap("w::other", 8));
    let wrong = Spot { at: place_of(&frame("a::main", 99)), way: Way::Itself };
    with_source(text, |sources| {
        let mut report = crate::records::fixture::inversion_report();
        let step = |step: &mut lockdep_report::model::ReportDependency, held: &[Frame], wanted: &[Frame]| {
            (step.held_site, step.acquire_site) = (place_of(&held[0]), place_of(&wanted[0]));
            step.frames_held =
                lockdep_report::place::Frames { exact: false, frames: held.to_vec(), ..Default::default() };
            step.frames_acquire =
                lockdep_report::place::Frames { exact: true, frames: wanted.to_vec(), ..Default::default() };
        };
        let main = frame("a::main", 99);
        step(
            &mut report.cycle[0],
            &[one.clone(), inner.clone()],
            &[other.clone(), frame("a::there", 3), main.clone()],
        );
        step(
            &mut report.cycle[1],
            std::slice::from_ref(&other),
            &[one.clone(), inner.clone(), frame("a::forward", 50), frame("a::back", 7), main],
        );
        // Known to be a wrapper all the same.
        let site = &mut report.cycle[1].acquire_site;
        (site.caller, site.in_wrapper) = (Some(Box::new(place_of(&frame("a::back", 7)))), true);
        let (first, second) = (report.cycle[1].to.clone(), report.cycle[1].from.clone());
        report.help = vec![Advice::TakeBefore { first, second, at: wrong.clone() }];
        add(&mut report, sources);
        let lines: Vec<u32> = report
            .cycle
            .iter()
            .flat_map(|step| [&step.held_site, &step.acquire_site])
            .map(|site| site.outside_wrapper().line)
            .collect();
        assert_eq!(lines, [2, 3, 6, 7]);
        let at = report.help.iter().find_map(|help| match help {
            Advice::TakeBefore { at, .. } => Some(at.at.line),
            _ => None,
        });
        assert_eq!(at, Some(7), "{:?}", report.help);
    });
}

#[test]
fn what_an_attribute_writes_gives_way_to_its_caller() {
    let text = "#[double]\nfn depth() {}\nfn go() {\n    depth();\n}\n";
    let frame = |function: &str, file: &str, line| Frame {
        function: function.into(),
        file: file.into(),
        line,
        column: 1,
    };
    let stack = [frame("w::call", "w.rs", 3), frame("a::depth", "a.rs", 1), frame("a::go", "a.rs", 4)];
    with_source(text, |sources| {
        let mut report = lone(&stack[1..], &stack);
        let wanted = report.subject.as_mut().expect("given");
        wanted.site.caller =
            Some(Box::new(Place { function: Some("a::depth".into()), ..place_of(&stack[1]) }));
        let back = place_of(&stack[1]);
        let out = Place { line: 70, ..back.clone() };
        report.help = vec![Advice::ForeignCall {
            class: "A".into(),
            call: None,
            out,
            callee: "f".into(),
            back,
            inside: None,
            destructor: None,
            role: None,
        }];
        let held = report.conflict.as_mut().expect("given");
        held.exact = true;
        add(&mut report, sources);
        let callers = [&report.conflict, &report.subject]
            .map(|lock| lock.as_ref().and_then(|lock| lock.site.caller.as_ref()).map(|caller| caller.line));
        assert_eq!(callers, [Some(4), Some(4)]);
        assert!(report.conflict.as_ref().is_some_and(|held| held.site.in_wrapper));
        assert!(
            matches!(&report.help[0], Advice::ForeignCall { back, .. } if back.line == 4),
            "{:?}",
            report.help
        );
    });
}

#[test]
fn a_holder_that_only_the_source_shows_has_its_caller_outside_of_attributes() {
    // The wrapper's file is here as well, and nothing is known of the stack that holds.
    let text = "#[double]\nfn go() {\n    depth();\n    again();\n}\n";
    let frame = |function: &str, file: &str, line| Frame {
        function: function.into(),
        file: file.into(),
        line,
        column: 1,
    };
    let call = frame("w::find", "w.rs", 3);
    let wanted = [
        frame("w::find", "w.rs", 2),
        frame("a::depth", "a.rs", 1),
        frame("a::go::{{closure}}", "a.rs", 4),
        call,
        frame("a::depth", "a.rs", 1),
        frame("a::go", "a.rs", 3),
    ];
    with_source(text, |sources| {
        let folder = sources.locate_directory(".").expect("given");
        std::fs::write(folder.join("w.rs"), "fn find() {\n    x.lock();\n    y();\n}\n").expect("written");
        let mut report = lone(&wanted[..1], &wanted);
        let held = report.conflict.as_mut().expect("given");
        held.frames.clear();
        add(&mut report, sources);
        let held = report.conflict.as_ref().expect("given");
        assert_eq!(held.site.caller.as_ref().map(|caller| caller.line), Some(3), "{held:#?}");
        let back = report.help.iter().find_map(|help| match help {
            Advice::ForeignCall { back, .. } => Some(back.line),
            _ => None,
        });
        assert_ne!(back, Some(1), "{:?}", report.help);
    });
}

fn place_of(frame: &Frame) -> Place {
    Place { file: frame.file.clone(), line: frame.line, column: frame.column, ..Place::default() }
}

/// The report of a recursion whose held stack is perhaps that of another path.
pub(super) fn lone(held: &[Frame], wanted: &[Frame]) -> Report {
    let lock = |frames: &[Frame], exact| {
        crate::records::fixture::lock_at(place_of(&frames[0]), frames.to_vec(), exact)
    };
    let mut report = crate::records::fixture::inversion_report();
    report.code = Code::Recursion.into();
    report.cycle.clear();
    report.help.clear();
    report.conflict = Some(lock(held, false));
    report.subject = Some(lock(wanted, true));
    report
}

/// Runs `test` with a folder that has the text as `a.rs`.
pub(super) fn with_source(text: &str, test: impl FnOnce(&Sources)) {
    let thread = std::thread::current().id();
    let folder = std::env::temp_dir().join(format!("lockdep-hint-with-{}-{thread:?}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    std::fs::write(folder.join("a.rs"), text).expect("written");
    test(&Sources::new(vec![folder.clone()]));
    std::fs::remove_dir_all(folder).expect("ours");
}
