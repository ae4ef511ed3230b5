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
