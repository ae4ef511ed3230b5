//! What a report advises, on sources whose repair is known. Advice that is wrong is worse than
//! none.

use std::collections::BTreeMap;

use lockdep_report::advice::Advice;
use lockdep_report::model::Report;
use lockdep_validator::{Code, Level};

use crate::harness::{assert_ended, fixture, run};

/// The advice of each report, by the test that it is about.
fn advice(package: &str) -> BTreeMap<String, Vec<Report>> {
    let args = ["test", "-q", "-p", package, "--format", "json", "--", "--test-threads=1"];
    let ended = run(&fixture("advice"), &args);
    assert_ended(&ended, "exit 3");
    let mut of_test: BTreeMap<String, Vec<Report>> = BTreeMap::new();
    for report in ended.stderr.lines().filter_map(|line| serde_json::from_str::<Report>(line).ok()) {
        assert!(
            !report.help.iter().any(|help| help.to_string().contains("gate")),
            "a gate lock is never advised: {report:?}"
        );
        of_test.entry(report.thread.clone()).or_default().push(report);
    }
    of_test
}

/// What a report advises, in words.
fn said(report: &Report) -> Vec<String> {
    report.help.iter().map(Advice::to_string).collect()
}

/// The advice of the only report of a test.
fn only<'a>(of_test: &'a BTreeMap<String, Vec<Report>>, test: &str) -> &'a Report {
    match of_test.get(test).map(Vec::as_slice) {
        Some([report]) => report,
        other => panic!("{test}: one report expected: {other:#?}"),
    }
}

fn line(file: &str, text: &str) -> usize {
    let source = std::fs::read_to_string(fixture("advice").join(file)).expect("readable");
    source.lines().position(|line| line.contains(text)).expect("it is there") + 1
}

#[test]
fn what_keeps_a_guard_alive_is_named_and_what_was_meant_is_not() {
    let found = advice("young");
    for (test, first) in [
        ("tests::head_of_match", "is a temporary in the head of a `match`"),
        (
            "tests::head_of_if_let",
            "and lives to the end of its block (not of its `else`): put what you need of it into a `let` before it",
        ),
        ("tests::head_of_while_let", "is a temporary in the head of a `while let`"),
        ("tests::head_of_for", "lives through the whole loop"),
        ("tests::one_statement", "lives to the end of its statement, in which `Mutex<Other<"),
        ("tests::kept_on_purpose", "take `"),
        ("tests::bound_by_a_pattern", "take `"),
        ("tests::two_of_one_class", "give the locks of `Mutex<u8>` one order, for example by address"),
        ("tests::head_of_match_in_another_file", "is a temporary in the head of a `match`"),
        ("tests::closure_of_one_statement", "lives to the end of its statement, in which `Mutex<Other<"),
        ("tests::comes_back", "is alive during the call at young/src/apart.rs:"),
        ("tests::read_again", "pass the guard on instead of reading again"),
    ] {
        let report = only(&found, test.trim_start_matches("tests::"));
        assert!(said(report)[0].contains(first), "{test}: {:#?}", said(report));
        let is_temporary = |help: &&Advice| matches!(help, Advice::Temporary { .. });
        let n_temporaries = report.help.iter().filter(is_temporary).count();
        assert_eq!(
            n_temporaries,
            usize::from(!first.starts_with("take") && test.contains("head") || test.contains("statement")),
            "{test}: {:#?}",
            report.help
        );
    }
    // The lock is of std, which has no recursive read.
    assert!(!only(&found, "read_again").help.iter().any(|help| help.to_string().contains("read_recursive")));
    let call = format!("young/src/apart.rs:{}:", line("young/src/apart.rs", "// under the guard"));
    assert!(
        only(&found, "comes_back").help[0].to_string().contains(&call),
        "{:#?}",
        only(&found, "comes_back").help
    );
    let repair = only(&found, "many_paths_against_one");
    let place = format!("young/src/lib.rs:{}:", line("young/src/lib.rs", "// the one path to change"));
    assert!(
        repair.help[0].to_string().contains(&place),
        "one path is less work than three: {:#?}",
        repair.help
    );
    assert!(
        repair.help.iter().any(|help| help.to_string().contains("with a try-lock at young/src/lib.rs:")),
        "{:#?}",
        repair.help
    );
    names_who_calls_a_wrapper(&found);
    names_who_keeps_what_a_wrapper_gave(&found);
    an_order_that_its_owner_takes_is_a_warning(&found);
    an_order_of_a_maker_counts_where_others_take_it(&found);
    what_runs_under_a_guard_is_told(&found);
    assert!(
        !found.contains_key("tail_of_a_block") && !found.contains_key("else_of_an_if_let"),
        "edition 2024 drops these guards in time"
    );
}

/// The order of two locks cannot be changed in the line of a wrapper.
fn names_who_calls_a_wrapper(found: &BTreeMap<String, Vec<Report>>) {
    let at = |text: &str| format!("young/src/lib.rs:{}:", line("young/src/lib.rs", text));
    let order = only(found, "behind_wrappers");
    assert!(
        order.help[0]
            .to_string()
            .contains(&format!("release `Mutex<Vec<u32>>` first, at {}", at("// under the list"))),
        "{:#?}",
        order.help
    );
    // Spawned, and so without a name.
    let is_again = |report: &&Report| report.code == Code::Recursion && report.title.contains("Vec<u32>");
    let again = found.values().flatten().find(is_again).expect("a thread waits for itself");
    let guard = format!("the guard acquired at {}", at("// the guard to drop"));
    assert!(again.help.iter().any(|help| help.to_string().contains(&guard)), "{:#?}", again.help);
}

/// The stack that is known of the first acquisition is that of another thread.
fn names_who_keeps_what_a_wrapper_gave(found: &BTreeMap<String, Vec<Report>>) {
    let report = only(found, "apart::twice_through_one_method");
    let at = |text: &str| format!("young/src/apart.rs:{}", line("young/src/apart.rs", text));
    let (kept, again) = (at("// kept here"), at("// wanted again"));
    let said = report.help[0].to_string();
    assert!(said.starts_with(&format!("`guard`, which `state` returned at {kept}:")), "{said}");
    assert!(said.contains(&format!("when `state` is called again at {again}:")), "{said}");
    let innocent = at("self.state()[0]");
    let steps = lockdep_report::render::interleaving(report).expect("it hangs").steps;
    assert!(steps.iter().all(|step| !step.place.to_string().starts_with(&innocent)), "{steps:#?}");
}

/// Each lock was taken by others before.
fn what_runs_under_a_guard_is_told(found: &BTreeMap<String, Vec<Report>>) {
    let file = "young/src/under.rs";
    let line_of = |text: &str| u32::try_from(line(file, text)).expect("short");
    for (test, holds, wants, advice) in [
        (
            "a_method_of_a_trait_calls_back",
            "// a trait's own method holds",
            "// looks",
            "Visitor<_>>::visit` runs under the guard of",
        ),
        (
            "a_guard_goes_into_a_field_of_the_caller",
            "// in a field",
            "// looks",
            "drop the guard acquired at",
        ),
        (
            "a_value_is_shown_under_the_guard",
            "// shown",
            "// looks",
            "Format the value before the guard is made",
        ),
        ("a_value_is_dropped_under_the_guard", "// dropped", "// looks", "drop it after the guard"),
        (
            "an_exporter_runs_under_the_guard",
            "// exported",
            "// looks",
            "Exporter>::export` runs under the guard of",
        ),
        (
            "wrappers_of_wrappers_on_both_sides",
            "// kept by wrappers",
            "// wanted by wrappers",
            "is alive during the call at",
        ),
        ("twice_in_one_function", "// first of two", "// second of two", "drop the guard acquired at"),
        ("twice_by_a_macro", "// first expansion", "// second expansion", "drop the guard acquired at"),
    ] {
        let report = only(found, &format!("under::{test}"));
        assert_eq!(report.code.known(), Some(Code::Recursion), "{test}");
        let (held, wanted) = report.conflict.as_ref().zip(report.subject.as_ref()).expect("both sides");
        let place = |lock: &lockdep_report::model::ReportLock| {
            let place = lock.site.outside_wrapper();
            (place.file.clone(), place.line)
        };
        let of_file = |text: &str| (file.to_owned(), line_of(text));
        assert_eq!((place(held), place(wanted)), (of_file(holds), of_file(wants)), "{test}: {report:#?}");
        assert!(said(report)[0].contains(advice), "{test}: {:#?}", said(report));
        let names_test = |lock: &lockdep_report::model::ReportLock| {
            lock.frames.iter().any(|frame| frame.function.ends_with(test))
        };
        // The function that took the guard for its caller has returned.
        assert_eq!(held.frames.is_empty(), holds == "// in a field", "{test}: {held:#?}");
        assert!(names_test(wanted) && (held.frames.is_empty() || names_test(held)), "{test}: {report:#?}");
    }
}

/// The types say that no other thread can be there, and only the source tells the types.
fn an_order_that_its_owner_takes_is_a_warning(found: &BTreeMap<String, Vec<Report>>) {
    let owned = only(found, "owned::an_owner_takes_its_locks_in_both_orders");
    assert_eq!(
        (owned.code.known(), owned.level),
        (Some(Code::CircularDependency), Level::Warning),
        "{owned:#?}"
    );
    assert!(owned.evidence.owned && owned.evidence.same_instances, "{:?}", owned.evidence);
    let place = format!("young/src/owned.rs:{}:", line("young/src/owned.rs", "// to itself"));
    let why = "`Transaction::compact(&mut self)` has `self.tables` to itself at ";
    assert!(owned.notes[0].to_string().starts_with(&format!("{why}{place}")), "{:#?}", owned.notes);
    assert!(
        owned.notes[0].to_string().contains("The level is `warning` for that reason"),
        "{:#?}",
        owned.notes
    );
    assert!(
        owned.help[0].to_string().starts_with(&format!("`self.tables.get_mut()` at {place}")),
        "{:#?}",
        owned.help
    );
    let fresh = only(found, "owned::a_store_is_filled_before_others_have_it");
    assert_eq!(
        (fresh.code.known(), fresh.level),
        (Some(Code::CircularDependency), Level::Warning),
        "{fresh:#?}"
    );
    assert!(fresh.evidence.fresh && fresh.evidence.same_instances, "{:?}", fresh.evidence);
    let place = format!("young/src/owned.rs:{}:", line("young/src/owned.rs", "// made here"));
    let why = format!("`Store::open` makes `store.names` itself and has not returned it at {place}");
    assert!(fresh.notes[0].to_string().starts_with(&why), "{:#?}", fresh.notes);
    let shelf = only(found, "owned::a_shelf_is_filled_by_a_method_of_its_own");
    assert_eq!((shelf.level, shelf.evidence.fresh), (Level::Warning, true), "{shelf:#?}");
    let place = line("young/src/owned.rs", "// in a method of what was made");
    let why = format!(
        "`Shelf::open` makes `shelf.books` itself and has not returned it at young/src/owned.rs:{place}:"
    );
    assert!(shelf.notes[0].to_string().starts_with(&why), "{:#?}", shelf.notes);
    let shared = only(found, "owned::others_may_take_these_in_both_orders");
    assert_eq!((shared.level, shared.evidence.owned), (Level::Error, false), "{shared:#?}");
}

/// An order of the maker weighs less, until it is seen on an object that others have.
fn an_order_of_a_maker_counts_where_others_take_it(found: &BTreeMap<String, Vec<Report>>) {
    let line = |text: &str| u32::try_from(line("young/src/made.rs", text)).expect("short");
    for (test, levels) in [
        ("only_its_maker_takes_the_order", &[Level::Warning][..]),
        ("each_thread_has_its_own", &[Level::Warning]),
        ("another_thread_takes_the_makers_order", &[Level::Error]),
        ("another_thread_takes_it_after_the_report", &[Level::Warning, Level::Error]),
        ("the_maker_takes_it_when_others_have_it", &[Level::Warning, Level::Error]),
        ("the_second_that_was_made_is_shared", &[Level::Error]),
        ("only_its_maker_takes_the_pair", &[Level::Warning]),
        ("another_thread_takes_the_makers_pair", &[Level::Error]),
        ("another_thread_takes_the_pair_after_the_report", &[Level::Warning, Level::Error]),
        ("the_maker_takes_the_pair_when_others_have_it", &[Level::Warning, Level::Error]),
        ("another_pair_of_the_class_is_shared", &[Level::Warning, Level::Error]),
    ] {
        let reports = found.get(&format!("made::{test}")).map(Vec::as_slice).unwrap_or_default();
        let got: Vec<Level> = reports.iter().map(|report| report.level).collect();
        assert_eq!(got, levels, "{test}: {reports:#?}");
        for report in reports {
            assert_eq!(report.evidence.fresh, report.level == Level::Warning, "{test}: {report:#?}");
            let place = if report.evidence.fresh { "by its maker" } else { "by others" };
            let of = if test.contains("pair") { "// right " } else { "// " };
            let places = report.cycle.iter().map(|step| step.acquire_site.line);
            assert!(places.into_iter().any(|at| at == line(&format!("{of}{place}"))), "{test}: {report:#?}");
        }
    }
}

#[test]
fn before_edition_2024_a_temporary_lives_longer_and_that_is_said() {
    let found = advice("old");
    let tail = only(&found, "tail_of_a_block");
    assert!(
        tail.help[0]
            .to_string()
            .contains("in the last expression of its block. Before edition 2024 it outlives"),
        "{:#?}",
        tail.help
    );
    let branch = only(&found, "else_of_an_if_let");
    assert!(
        branch.help[0]
            .to_string()
            .contains("of the whole `if let`, its `else` included, before edition 2024"),
        "{:#?}",
        branch.help
    );
}
