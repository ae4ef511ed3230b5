//! The kernel's own self-test cases, and cases of ours for what they leave out.
//!
//! `tests/data/selftest_cases.json` holds facts about the kernel's suite as event sequences; each case must come out with the
//! verdict, the kind and, where the file gives it, at the op that the kernel's rules demand. `tests/data/own_cases.json` has
//! the same form.

use lockdep_tests::scenario_case::Expected;
use lockdep_validator::Config;
use lockdep_validator::replay::{Case, Scenario};

fn cases(name: &str) -> Vec<Case> {
    let path = format!("{}/data/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    Scenario::parse(&text).unwrap_or_else(|error| panic!("{path}: {error}")).cases().to_vec()
}

/// Every case that comes out wrong, as a sentence.
fn wrong(cases: &[Case], config_fn: impl Fn(&Case) -> Config) -> Vec<String> {
    cases
        .iter()
        .filter_map(|case| {
            let result = case.run(&config_fn(case)).unwrap_or_else(|error| panic!("{error}"));
            Expected::of(case).check(&result).err()
        })
        .collect()
}

#[test]
fn every_case_of_the_kernel_suite_comes_out_as_the_kernel_demands() {
    let cases = cases("selftest_cases.json");
    assert_eq!(cases.len(), 300, "the file is complete");
    let wrong = wrong(&cases, |_| Config::kernel());
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// What the kernel's file leaves out of its own families (other orders of the same events, other flavours), and more supplements.
#[test]
fn every_other_member_of_the_kernel_families_comes_out_as_the_rules_demand() {
    let cases = cases("family_cases.json");
    assert_eq!(cases.len(), 155);
    let wrong = wrong(&cases, |_| Config::kernel());
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn every_case_of_ours_comes_out_as_it_says() {
    let cases = cases("own_cases.json");
    assert!(cases.len() >= 60, "only {} cases", cases.len());
    let wrong = wrong(&cases, |case| match case.value["policy"].as_str() {
        None | Some("kernel") => Config::kernel(),
        Some("default") => Config::user(),
        Some(other) => panic!("{}: unknown policy {other}", case.name()),
    });
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// The verdict must not depend on the policy where a single lock of each class is involved and every wait is unbounded: the
/// instances then close whatever the classes close.
#[test]
fn what_the_kernel_policy_reports_the_default_policy_reports_too() {
    let mut quieter = Vec::new();
    for case in cases("selftest_cases.json") {
        let result = case.run(&Config::user()).unwrap_or_else(|error| panic!("{error}"));
        let expected = Expected::of(&case);
        if expected.check(&result).is_err() {
            quieter.push(case.name());
        }
    }
    // Two locks of one class, nested once, are no violation under the default policy: it waits for the inverted order.
    let same_class = |id: &String| {
        ["AA/", "ww/", "fs_reclaim/", "read_mix/", "supp/"].iter().any(|group| id.starts_with(group))
    };
    let unexpected: Vec<String> = quieter.into_iter().filter(|id| !same_class(id)).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}

/// A case of these ops.
fn case(ops: &str) -> Case {
    let text = format!(r#"{{"cases": [{{"id": "made up", "ops": [{ops}]}}]}}"#);
    Scenario::parse(&text).expect("well formed").cases()[0].clone()
}

#[test]
fn everything_that_the_conventions_name_is_understood() {
    let silent = [
        // Fields that nobody knows, flags that are null, several tasks, ops without a class.
        r#"{"op": "acquire", "lock": "spin.A", "mode": "exclusive", "trylock": null, "colour": "red", "seg": 0}"#,
        r#"{"ctx": "task3", "op": "acquire", "lock": "mutex.B", "mode": "exclusive", "trylock": true}"#,
        r#"{"ctx": "task3", "op": "release", "lock": "mutex.B"}"#,
        r#"{"ctx": "task3", "op": "thread_exit"}"#,
        r#"{"ctx": "task0", "op": "trylock_fails", "lock": "spin.C"}"#,
        r#"{"op": "release", "lock": "spin.A"}"#,
        r#"{"op": "free", "lock": "spin.A"}"#,
        r#"{"op": "noop", "what": "nothing"}"#,
        // Two locks of one class by their names, at two levels.
        r#"{"op": "acquire", "lock": "spin.X1", "mode": "exclusive", "flavour": "spin"}"#,
        r#"{"op": "acquire", "lock": "spin.X2", "mode": "exclusive", "flavour": "spin", "subclass": 1}"#,
        r#"{"op": "release", "lock": "spin.X2"}, {"op": "release", "lock": "spin.X1"}"#,
        r#"{"op": "acquire", "lock": "rwsem.A", "mode": "exclusive"}, {"op": "downgrade", "lock": "rwsem.A"}"#,
        r#"{"op": "release", "lock": "rwsem.A"}, {"op": "sync", "lock": "srcu.D", "mode": "exclusive"}"#,
        r#"{"op": "acquire", "lock": "srcu.D", "mode": "shared_recursive"}, {"op": "release", "lock": "srcu.D"}"#,
        r#"{"op": "init", "lock": "rtmutex.A"}, {"op": "set_subclass", "lock": "rtmutex.A", "subclass": 7}"#,
        r#"{"op": "check_name_unchanged", "lock": "rtmutex.A"}"#,
        // A hard interrupt in a soft one, masks, threads or none.
        r#"{"ctx": "softirq", "op": "irq_enter", "which": "softirq"}"#,
        r#"{"ctx": "hardirq", "op": "irq_enter", "which": "hardirq", "threaded": false}"#,
        r#"{"ctx": "hardirq", "op": "acquire", "lock": "raw_spin.A", "mode": "exclusive"}"#,
        r#"{"ctx": "hardirq", "op": "release", "lock": "raw_spin.A"}"#,
        r#"{"ctx": "hardirq", "op": "irq_exit", "which": "hardirq"}"#,
        r#"{"ctx": "softirq", "op": "irq_exit", "which": "softirq"}"#,
        r#"{"ctx": "task0", "op": "irq_disable", "which": "softirq"}, {"op": "irq_enable", "which": "softirq"}"#,
        // Every result of a wound/wait lock.
        r#"{"op": "ww_ctx_init", "wwctx": "t"}, {"op": "ww_lock", "lock": "ww.o", "wwctx": "t", "result": "ok"}"#,
        r#"{"op": "ww_lock", "lock": "ww.o", "wwctx": "t", "result": "already"}"#,
        r#"{"op": "ww_trylock", "lock": "ww.o2", "result": "busy"}"#,
        r#"{"op": "ww_lock", "lock": "ww.o3", "wwctx": "t", "result": "deadlk"}, {"op": "ww_unlock", "lock": "ww.o"}"#,
        r#"{"op": "ww_lock", "lock": "ww.o3", "wwctx": "t", "result": "ok", "slow": true}"#,
        r#"{"op": "ww_ctx_done", "wwctx": "t"}, {"op": "ww_unlock", "lock": "ww.o3"}"#,
        r#"{"op": "ww_ctx_fini", "wwctx": "t"}"#,
    ];
    let result = case(&silent.join(", ")).run(&Config::kernel()).unwrap_or_else(|error| panic!("{error}"));
    assert!(result.found.is_empty(), "{result:?}");
}

#[test]
fn what_cannot_be_run_is_named_with_its_case_and_op() {
    let fine = r#"{"op": "acquire", "lock": "spin.A", "class": "A", "mode": "exclusive", "flavour": "spin"}"#;
    for (op, named) in [
        (r#"{"op": "aquire", "lock": "spin.A"}"#, "aquire"),
        (r#"{"op": "release", "lock": "spin.B"}"#, "spin.B"),
        (r#"{"op": "acquire", "lock": "B", "mode": "exclusive"}"#, "flavour"),
        (r#"{"op": "acquire", "lock": "spin.B", "mode": "exclusively"}"#, "exclusively"),
        (r#"{"op": "acquire", "lock": "spin.B", "mode": "exclusive", "subclass": 8}"#, "8"),
        (r#"{"op": "acquire", "lock": "spin.B", "mode": "exclusive", "subclass": 4000}"#, "4000"),
        (r#"{"op": "irq_enter", "which": "nmi"}"#, "nmi"),
        (r#"{"op": "noop", "ctx": "nmi"}"#, "nmi"),
        (r#"{"op": "ww_lock", "lock": "ww.o", "wwctx": "t", "result": "maybe"}"#, "maybe"),
        (r#"{"op": "ww_lock", "lock": "ww.o", "wwctx": "t"}"#, "t"),
        (r#"{"lock": "spin.A"}"#, "op"),
        ("7", "7"),
    ] {
        let error = case(&format!("{fine}, {op}")).run(&Config::kernel()).expect_err(op).to_string();
        assert!(error.contains("case made up, op 1") && error.contains(named), "{op}: {error}");
    }
}
