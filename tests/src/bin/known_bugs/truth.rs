//! Where the bugs are, as a person who knows the fixes names it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use lockdep_report::path::is_dependency;
use lockdep_report::place::Place;
use serde::Deserialize;

/// What is known of one bug.
#[derive(Debug, Deserialize)]
pub(crate) struct Truth {
    pub(crate) name: String,
    /// The folder that its places are relative to.
    source: String,
    holds: Vec<String>,
    wants: Vec<String>,
    /// What the fix does. For people.
    #[expect(dead_code, reason = "it explains the places to a person who changes them")]
    fix: String,
    /// The applicable kinds of advice, each with the places that it may name (none: any).
    advice: BTreeMap<String, Vec<String>>,
    /// The opposite order of a cycle.
    other: Option<Order>,
}

#[derive(Debug, Deserialize)]
struct Order {
    holds: Vec<String>,
    wants: Vec<String>,
}

/// The bugs whose places are known.
pub(crate) fn read(folder: &Path) -> Vec<Truth> {
    #[derive(Deserialize)]
    struct List {
        bug: Vec<Truth>,
    }
    let text = fs::read_to_string(folder.join("places.toml")).expect("places.toml is readable");
    let list: List = toml::from_str(&text).expect("places.toml is well-formed");
    list.bug
}

impl Truth {
    /// The orders that the report has to show: held and wanted places of each.
    pub(crate) fn orders(&self) -> Vec<(&[String], &[String])> {
        let other = self.other.iter().map(|order| (&order.holds[..], &order.wants[..]));
        std::iter::once((&self.holds[..], &self.wants[..])).chain(other).collect()
    }

    /// Whether a place is one of a list.
    pub(crate) fn names(&self, list: &[String], place: &Place) -> bool {
        list.iter().any(|entry| {
            let (file, first, last) =
                parsed(entry).expect("a place of places.toml is FILE:LINE or FILE:LINE-LINE");
            let is_whole = self.source.is_empty() || is_dependency(file) || file == "main.rs";
            let file = if is_whole { file.to_owned() } else { format!("{}/{file}", self.source) };
            let is_file =
                place.file.strip_suffix(&file).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
            is_file && (first..=last).contains(&place.line)
        })
    }

    /// Whether advice of a kind that names these places is applicable.
    pub(crate) fn is_applicable(&self, kind: &str, places: &[&Place]) -> bool {
        self.advice
            .get(kind)
            .is_some_and(|list| list.is_empty() || places.iter().any(|place| self.names(list, place)))
    }
}

/// File, first line and last line of `FILE:LINE` or `FILE:LINE-LINE`.
fn parsed(entry: &str) -> Option<(&str, u32, u32)> {
    let (file, lines) = entry.rsplit_once(':')?;
    let (first, last) = lines.split_once('-').unwrap_or((lines, lines));
    Some((file, first.parse().ok()?, last.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::KINDS;
    use crate::{List, folder};

    #[test]
    fn each_bug_has_places_that_can_be_read() {
        let text = fs::read_to_string(folder().join("bugs.toml")).expect("it is there");
        let list: List = toml::from_str(&text).expect("well-formed");
        let truths = read(&folder());
        let names = |truth: &Truth| truth.name.clone();
        assert_eq!(
            truths.iter().map(names).collect::<Vec<_>>(),
            list.bug.iter().map(|bug| bug.name.clone()).collect::<Vec<_>>()
        );
        for truth in &truths {
            for (holds, wants) in truth.orders() {
                assert!(!holds.is_empty() && !wants.is_empty(), "{}", truth.name);
            }
            let other = truth.other.iter().flat_map(|other| other.holds.iter().chain(&other.wants));
            let places = truth.holds.iter().chain(&truth.wants).chain(truth.advice.values().flatten());
            for place in places.chain(other) {
                assert!(parsed(place).is_some_and(|(_, first, last)| 0 < first && first <= last), "{place}");
            }
            assert!(!truth.advice.is_empty(), "{}", truth.name);
            for kind in truth.advice.keys() {
                assert!(KINDS.contains(&kind.as_str()), "{}: {kind}", truth.name);
            }
        }
    }

    #[test]
    fn a_place_is_named_by_file_and_line() {
        let truth: Truth = toml::from_str(
            "name = 'a'\nsource = 'tokio-1.0.0/src'\nholds = ['sync/a.rs:3-5', 'main.rs:9']\nwants = ['b.rs:1']\nfix = ''\n\
             advice = { call = ['sync/a.rs:7'], sort = [] }",
        )
        .expect("well-formed");
        let place = |file: &str, line| Place { file: file.into(), line, ..Place::default() };
        let holds = |file, line| truth.names(&truth.holds, &place(file, line));
        assert!(holds("tokio-1.0.0/src/sync/a.rs", 4) && holds("main.rs", 9) && holds("/r/x/main.rs", 9));
        assert!(!holds("tokio-1.0.0/src/sync/a.rs", 6) && !holds("other-1.0.0/src/sync/a.rs", 4));
        assert!(truth.is_applicable("call", &[&place("tokio-1.0.0/src/sync/a.rs", 7)]));
        assert!(!truth.is_applicable("call", &[&place("tokio-1.0.0/src/sync/a.rs", 8)]));
        assert!(truth.is_applicable("sort", &[]) && !truth.is_applicable("order", &[]));
    }
}
