//! The kernel's own self-test cases, and cases of ours for what they leave out.
//!
//! `tests/data/selftest_cases.json` holds facts about the kernel's suite as event sequences; each
//! case must come out with the verdict, the kind and, where the file gives it, at the op that the
//! kernel's rules demand. `tests/data/own_cases.json` has the same form.

use lockdep_report::replay::{Case, Scenario};
use lockdep_tests::scenario_case::Expected;
use lockdep_validator::Config;
use serde_json::Value;

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

/// What the kernel's file leaves out of its own families (other orders of the same events, other
/// flavours), and more supplements.
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

/// The verdict must not depend on the policy where a single lock of each class is involved and
/// every wait is unbounded: the instances then close whatever the classes close.
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
    // Two locks of one class, nested once, are no violation under the default policy: it waits for
    // the inverted order.
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
        // Fields that are not known, flags that are null, several tasks, ops without a class.
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
        (r#"{"op": "acquire", "lock": "B", "flavour": "futex"}"#, "futex"),
        (r#"{"op": "acquire", "mode": "exclusive"}"#, "\"lock\""),
        (r#"{"op": "irq_disable"}"#, "\"which\""),
        (r#"{"op": "irq_exit", "ctx": "task1"}"#, "\"which\""),
        (r#"{"op": "assert"}"#, "\"what\""),
        (r#"{"op": "order_by_key", "lock": "spin.A"}"#, "\"value\""),
        (
            r#"{"op": "ww_ctx_init", "wwctx": "t"}, {"op": "ww_ctx_init", "wwctx": "u"}, {"op": "ww_ctx_done"}"#,
            "\"wwctx\"",
        ),
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
        let at = op.matches("\"op\"").count().max(1);
        assert!(error.contains(&format!("case made up, op {at}")) && error.contains(named), "{op}: {error}");
    }
}

/// Takes away what an op need not say, because it is the default or because another op of the case
/// says it. Gives how much that was.
fn shorten(ops: &mut [Value], is_kept: fn(first: usize, last: usize) -> usize) -> usize {
    let text = |op: &Value, name: &str| op[name].as_str().map(str::to_owned);
    let mut n_taken = 0;
    let mut take = |op: &mut Value, name: &str| {
        n_taken += usize::from(op.as_object_mut().is_some_and(|op| op.remove(name).is_some()));
    };
    for name in ["class", "flavour"] {
        let locks: Vec<_> = ops.iter().map(|op| text(op, "lock")).collect();
        let values: Vec<_> = ops.iter().map(|op| text(op, name)).collect();
        for (index, op) in ops.iter_mut().enumerate() {
            let Some(lock) = &locks[index] else { continue };
            let named = || (0..locks.len()).filter(|&other| locks[other].as_ref() == Some(lock));
            let says: Vec<usize> = named().filter(|&other| values[other].is_some()).collect();
            let is_one = says.iter().all(|&other| values[other] == values[says[0]]);
            // The case has to say it, and a lock that changes its class says each.
            if let (true, Some(&first), Some(&last)) = (is_one, says.first(), says.last())
                && index != is_kept(first, last)
            {
                take(op, name);
            }
        }
    }
    for op in ops.iter_mut() {
        if op["mode"] == "exclusive" && !text(op, "flavour").is_some_and(|flavour| flavour.contains("rcu")) {
            take(op, "mode");
        }
        let nulls: Vec<String> = op
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, value)| value.is_null() || **value == Value::Bool(false))
            .map(|(name, _)| name.clone())
            .collect();
        nulls.iter().for_each(|name| take(op, name));
        if matches!(op["op"].as_str(), Some("irq_enter" | "irq_exit")) && op["ctx"] == op["which"] {
            take(op, "which");
        }
    }
    n_taken
}

/// The kernel's own cases with as little said as possible come out as they do in full.
#[test]
fn what_can_only_mean_one_thing_may_be_left_out() {
    for is_kept in [|first, _| first, |_, last| last] {
        let mut n_taken = 0;
        for case in cases("selftest_cases.json") {
            let mut short = case.clone();
            n_taken += short.value["ops"].as_array_mut().map_or(0, |ops| shorten(ops, is_kept));
            let run = |case: &Case| case.run(&Config::kernel()).unwrap_or_else(|error| panic!("{error}"));
            let (full, short) = (run(&case), run(&short));
            assert_eq!((short.codes, short.first_op), (full.codes, full.first_op), "{}", case.name());
        }
        assert!(n_taken > 3_500, "only {n_taken} fields were left out");
    }
}

#[test]
fn what_is_left_out_has_its_obvious_meaning() {
    let codes = |ops: &str| case(ops).run(&Config::kernel()).unwrap_or_else(|error| panic!("{error}")).codes;
    // Exclusive, of a class of its own, with no wait type.
    assert_eq!(codes(r#"{"op": "acquire", "lock": "a"}, {"op": "acquire", "lock": "a"}"#), ["LD0001"]);
    let mutex_in_interrupt = r#"{"op": "irq_enter", "ctx": "hardirq"}, {"op": "acquire", "lock": "m"}, {"op": "release", "lock": "m"}"#;
    assert!(codes(mutex_in_interrupt).is_empty());
    // Unless something says otherwise: a later op, the class, the name.
    for says in [
        r#", "flavour": "mutex"}"#,
        r#", "class": "M"}, {"op": "trylock_fails", "lock": "other", "class": "M", "flavour": "mutex"}"#,
    ] {
        assert_eq!(
            codes(&mutex_in_interrupt.replace(
                r#""lock": "m"}, {"op": "release", "lock": "m"}"#,
                &format!(r#""lock": "m"}}, {{"op": "release", "lock": "m"{says}"#)
            )),
            ["LD0006"]
        );
    }
    assert_eq!(codes(&mutex_in_interrupt.replace("\"m\"", "\"mutex.m\"")), ["LD0006"]);
    // Sections of RCU reads nest; an upgradable holder lets readers in.
    assert!(codes(r#"{"op": "acquire", "lock": "rcu.r"}, {"op": "acquire", "lock": "rcu.r"}"#).is_empty());
    assert!(codes(r#"{"op": "acquire", "lock": "l", "upgradable": true}, {"op": "acquire", "lock": "l", "mode": "shared_recursive"}"#).is_empty());
    assert_eq!(
        codes(
            r#"{"op": "acquire", "lock": "a"}, {"op": "assert", "lock": "a"}, {"op": "release", "lock": "a"}, {"op": "assert", "lock": "a"}"#
        ),
        ["LD0010"]
    );
    assert_eq!(
        codes(r#"{"op": "ww_ctx_init", "wwctx": "t"}, {"op": "ww_ctx_done"}, {"op": "ww_ctx_done"}"#),
        ["LD0013"]
    );
}

#[test]
fn a_file_may_be_a_case_or_a_list_of_cases() {
    let ops = r#""ops": [{"op": "acquire", "lock": "a"}, {"op": "acquire", "lock": "a"}]"#;
    let ids = |text: &str| {
        let scenario = Scenario::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let run = |case: &Case| case.run(&Config::kernel()).unwrap_or_else(|error| panic!("{text}: {error}"));
        scenario.cases().iter().map(run).map(|result| (result.id, result.first_op)).collect::<Vec<_>>()
    };
    assert_eq!(ids(&format!(r#"{{"id": "one", {ops}}}"#)), [("one".to_owned(), Some(1))]);
    let two = [("#0".to_owned(), Some(1)), ("7".to_owned(), Some(1))];
    assert_eq!(ids(&format!(r#"[{{{ops}}}, {{"id": 7, {ops}}}]"#)), two);
    assert_eq!(ids(&format!(r#"{{"cases": [{{{ops}}}, {{"id": 7, {ops}}}]}}"#)), two);
    for wrong in ["7", "{}", r#"{"cases": 7}"#, "not JSON"] {
        let error = Scenario::parse(wrong).expect_err(wrong).to_string();
        assert!(error.starts_with("not a scenario file"), "{error}");
    }
    let error = Scenario::parse(r#"[{"id": "without"}]"#).expect("a list").cases()[0].run(&Config::kernel());
    assert!(error.expect_err("no ops").to_string().contains("case without: missing field `ops`"));
}
