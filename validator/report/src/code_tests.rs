//! Whatever is known of it, a report of each code reads.

use lockdep_validator::{Code, Level};

use crate::render::{NoSource, TextOptions, text};
use crate::tests::{report, simple_rules, violation};

#[test]
fn every_rule_has_a_title_and_advice() {
    let mut seen: Vec<Code> = simple_rules().iter().map(|found| found.code).collect();
    seen.push(Code::CircularDependency);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, Code::ALL, "each code is rendered above");
    for code in Code::ALL {
        let bare = report(&violation(code, Level::Error));
        assert!(!bare.title.is_empty() && !bare.help.is_empty(), "{code:?}");
        // Nothing is known but the rule: the report still reads.
        assert!(text(&bare, &TextOptions::default(), &NoSource).contains(code.as_str()));
    }
}
