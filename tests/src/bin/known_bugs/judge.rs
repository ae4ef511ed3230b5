//! What a report is worth to a person who does not know the bug.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use lockdep_report::advice::{Advice, General, Spot, Way};
use lockdep_report::model::Report;
use lockdep_report::place::Place;
use lockdep_report::render::{SourceText, TextOptions, text};

use crate::truth::Truth;

/// The kinds of advice that `places.toml` may have.
///
/// * `call`: do not hold the guard during a call, which the advice names
/// * `drop_guard`: drop the guard, named by the place that made it, before the second acquisition
/// * `temporary`: bind what a temporary guard gives, named by the place that made it
/// * `order`: change one of the orders of a cycle, at a place that wants
/// * `sort`: give the locks of a class one order
/// * `pass_on`: use the guard that is there
/// * `macro`: mend the macro that has both acquisitions, named by its expansion
#[cfg(test)]
pub(crate) const KINDS: [&str; 7] = ["call", "drop_guard", "temporary", "order", "sort", "pass_on", "macro"];

/// What a report is worth.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Judgement {
    /// Whether the lines that hold are right.
    pub(crate) holds: bool,
    /// Whether the lines that want are right.
    pub(crate) wants: bool,
    /// Whether the stacks of the held locks are certain, not perhaps those of other paths.
    pub(crate) is_certain: bool,
    /// Which advice is the first applicable one, from 1.
    pub(crate) advice: Option<usize>,
    /// The length of the text.
    pub(crate) n_lines: usize,
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let right = |is: bool| if is { "right" } else { "WRONG" };
        let advice = self.advice.map_or("WRONG".to_owned(), |n| format!("number {n}"));
        let (holds, wants) = (right(self.holds), right(self.wants));
        write!(f, "holds {holds}, wants {wants}, advice {advice}, {} lines", self.n_lines)
    }
}

/// What the report is worth that a reader takes for the bug's: of the surest with its code the one
/// that is about the bug, because a program may have other defects too, else the first.
pub(crate) fn judge_best(
    reports: &[Report],
    code: &str,
    truth: &Truth,
    sources: &DriverSource,
) -> Option<Judgement> {
    let of_code = || reports.iter().filter(|report| report.code == *code);
    let surest = of_code().map(Report::rank).max()?;
    let judged = of_code().filter(|report| report.rank() == surest);
    let judged: Vec<Judgement> = judged.map(|report| judge(report, truth, sources)).collect();
    judged.iter().find(|one| one.holds && one.wants).or(judged.first()).cloned()
}

/// Judges a report, and the text that is made of it.
pub(crate) fn judge(report: &Report, truth: &Truth, sources: &DriverSource) -> Judgement {
    let printed = text(report, &TextOptions::default(), sources);
    let sides = sides(report);
    // Each order of the truth is one of the report.
    let is_shown = |list: &[String], places: &[&Place]| {
        places.iter().any(|place| truth.names(list, place) && is_printed(&printed, place))
    };
    let holds = truth.orders().iter().all(|(list, _)| sides.iter().any(|(held, _)| is_shown(list, held)));
    let wants = truth.orders().iter().all(|(holds, list)| {
        let is_side =
            |(held, wanted): &&(Vec<&Place>, Vec<&Place>)| is_shown(holds, held) && is_shown(list, wanted);
        let any = || sides.iter().any(|(_, wanted)| is_shown(list, wanted));
        // Where the line that holds is wrong, the other one may still be right.
        sides.iter().any(|side| is_side(&side))
            || (!sides.iter().any(|(held, _)| is_shown(holds, held)) && any())
    });
    Judgement {
        holds,
        wants,
        is_certain: is_certain(report),
        advice: first_applicable(&report.help, truth),
        n_lines: printed.trim_end().lines().count(),
    }
}

/// The places that a report gives for the held and the wanted lock of each order.
fn sides(report: &Report) -> Vec<(Vec<&Place>, Vec<&Place>)> {
    if report.cycle.is_empty() {
        let (Some(held), Some(wanted)) = (&report.conflict, &report.subject) else { return Vec::new() };
        return vec![(marked(&held.site, held.exact), marked(&wanted.site, wanted.exact))];
    }
    let steps = report.cycle.iter().map(|step| {
        let held = marked(&step.held_site, step.frames_held.exact);
        (held, marked(&step.acquire_site, step.frames_acquire.exact))
    });
    steps.collect()
}

/// Whether the stacks of the held locks are known to be those of the acquisitions.
fn is_certain(report: &Report) -> bool {
    let conflict = report.conflict.iter().filter(|_| report.cycle.is_empty());
    report.cycle.iter().all(|step| step.frames_held.exact) && conflict.into_iter().all(|held| held.exact)
}

/// The places that a reader is sent to: the site, and its caller if the report names it as such.
fn marked(site: &Place, is_exact: bool) -> Vec<&Place> {
    let caller = site.caller.as_deref().filter(|_| is_exact || site.in_wrapper);
    std::iter::once(site).chain(caller).collect()
}

/// Whether the text shows a place: with its file, or as a line of an excerpt.
fn is_printed(text: &str, place: &Place) -> bool {
    let line = place.line.to_string();
    let address = format!("{}:{line}", place.file);
    text.lines().any(|printed| {
        let excerpt = printed.trim_start().strip_prefix(&line);
        printed.contains(&address) || excerpt.is_some_and(|rest| rest.starts_with(" |"))
    })
}

/// The first applicable advice, from 1. Two orders of which one is to be changed are one advice.
fn first_applicable(help: &[Advice], truth: &Truth) -> Option<usize> {
    let mut number = 0;
    for advice in help {
        number += usize::from(!matches!(advice, Advice::ChangeOther { .. }));
        let (kind, places) = named(advice);
        if truth.is_applicable(kind, &places) {
            return Some(number);
        }
    }
    None
}

/// The kind of an advice, and the places that it names.
fn named(advice: &Advice) -> (&'static str, Vec<&Place>) {
    match advice {
        Advice::UnderCall { call, .. } => ("call", vec![call]),
        Advice::ForeignCall { call, out, .. } => ("call", call.iter().chain([out]).collect()),
        Advice::DropGuard { made } => ("drop_guard", spot(made)),
        Advice::Temporary { made, .. } => ("temporary", vec![made]),
        Advice::TakeBefore { at, .. } | Advice::ChangeOther { at, .. } => ("order", spot(at)),
        Advice::OneOrder { .. } | Advice::SortEverywhere { .. } => ("sort", Vec::new()),
        Advice::MacroOfBoth { site } => ("macro", vec![site]),
        Advice::General { rule: General::PassGuardOn } => ("pass_on", Vec::new()),
        _ => ("another", Vec::new()),
    }
}

fn spot(spot: &Spot) -> Vec<&Place> {
    match &spot.way {
        Way::Through(way) | Way::CalledFrom(way) => vec![&spot.at, way],
        Way::Itself | Way::CalledOnOnePath(_) => vec![&spot.at],
    }
}

/// The source of a driver, and of the registry's crates.
pub(crate) struct DriverSource {
    pub(crate) driver: PathBuf,
}

impl SourceText for DriverSource {
    fn line(&self, file: &str, line: u32) -> Option<String> {
        let path = if file == "main.rs" { self.driver.clone() } else { in_registry(file)? };
        let text = fs::read_to_string(path).ok()?;
        text.lines().nth(line as usize - 1).map(str::to_owned)
    }
}

/// The file of a crate, in one of the registries.
fn in_registry(file: &str) -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cargo")))?;
    let registries = fs::read_dir(home.join("registry/src")).ok()?;
    registries.flatten().map(|registry| registry.path().join(file)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockdep_report::model::Report;
    use serde_json::json;

    const DRIVER: &str =
        "fn hold() {\n    let guard = T.lock();\n    call();\n}\nfn look() {\n    T.lock();\n}\n";

    fn truth(advice: &str) -> Truth {
        let text = format!(
            "name = 'a'\nsource = ''\nholds = ['main.rs:2']\nwants = ['main.rs:6']\nfix = ''\nadvice = {{ {advice} }}"
        );
        toml::from_str(&text).expect("well-formed")
    }

    fn report(held: u32, wanted: u32) -> Report {
        let lock = |line| {
            json!({ "class": "M", "hash": "1", "mode": "exclusive", "wait": "blocking", "instance": 1, "frames": [],
                "site": { "file": "main.rs", "line": line, "column": 7 } })
        };
        let zero = json!({ "classes": 1, "chains": 1, "dependencies": 0, "dropped": 0, "unseen": 0 });
        let mut report: Report = serde_json::from_value(json!({
            "schema": 1, "code": "LD0001", "level": "error", "title": "t", "fingerprint": "f", "thread": "main",
            "classes": [], "cycle": [], "conflict": lock(held), "subject": lock(wanted),
            "evidence": { "same_instances": false, "sibling": false, "gate": null, "threads": 1, "writer_seen": false },
            "notes": [], "help": [], "counters": zero,
        }))
        .expect("a report");
        let place = |line| Place { file: "main.rs".into(), line, column: 5, ..Place::default() };
        let made = Spot { at: place(2), way: Way::Itself };
        report.help = vec![
            Advice::DropGuard { made },
            Advice::UnderCall { class: "M".into(), call: place(3), destructor: None },
        ];
        report
    }

    fn judge_text(report: &Report, advice: &str) -> Judgement {
        let folder = tempfile::tempdir().expect("a folder");
        let driver = folder.path().join("main.rs");
        fs::write(&driver, DRIVER).expect("it is ours");
        judge(report, &truth(advice), &DriverSource { driver })
    }

    #[test]
    fn each_side_and_the_advice_are_judged_apart() {
        let right = judge_text(&report(2, 6), "call = ['main.rs:3']");
        assert_eq!((right.holds, right.wants, right.advice), (true, true, Some(2)));
        let wrong = judge_text(&report(6, 6), "call = ['main.rs:1'], drop_guard = ['main.rs:2']");
        assert_eq!((wrong.holds, wrong.wants, wrong.advice), (false, true, Some(1)));
        let none = judge_text(&report(2, 5), "temporary = ['main.rs:2']");
        assert_eq!((none.holds, none.wants, none.advice), (true, false, None));
        assert!(right.n_lines > 5, "{right}");
    }

    #[test]
    fn of_several_reports_the_one_about_the_bug_is_judged() {
        let folder = tempfile::tempdir().expect("a folder");
        let driver = folder.path().join("main.rs");
        fs::write(&driver, DRIVER).expect("it is ours");
        let truth = truth("call = ['main.rs:3']");
        let sources = DriverSource { driver };
        let best =
            |reports: &[Report], code: &str| judge_best(reports, code, &truth, &sources).map(|one| one.holds);
        assert_eq!(best(&[report(6, 6), report(2, 6)], "LD0001"), Some(true));
        assert_eq!(best(&[report(6, 6), report(6, 2)], "LD0001"), Some(false));
        assert_eq!(best(&[report(2, 6)], "LD0003"), None, "another rule");
    }

    #[test]
    fn a_caller_on_another_path_is_no_right_line() {
        let mut report = report(1, 6);
        let held = report.conflict.as_mut().expect("given");
        held.site.caller = Some(Box::new(Place { file: "main.rs".into(), line: 2, ..Place::default() }));
        assert!(judge_text(&report, "call = ['main.rs:3']").holds);
        report.conflict.as_mut().expect("given").exact = false;
        assert!(!judge_text(&report, "call = ['main.rs:3']").holds);
    }
}
