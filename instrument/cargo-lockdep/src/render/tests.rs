//! Every format, golden; what reads them elsewhere is in the workspace's `tests`.

use super::*;
use crate::records::fixture;
use crate::suppress::{Day, Policy};

fn with_findings<T>(check: impl FnOnce(&Findings<'_>) -> T) -> T {
    let mut union = fixture::union();
    crate::records::recheck(&mut union, &|_| false);
    let sources = Sources::default();
    let reports = union
        .reports
        .values()
        .map(|joined| Finding {
            report: joined.report.clone(),
            runs: joined.runs.iter().map(|&run| union.run_label(run)).collect(),
            judgement: Policy::default().judge(&joined.report, Day::today()),
        })
        .collect::<Vec<_>>();
    let repair = crate::hint::smallest_repair(reports.iter().map(|one| &one.report));
    let coverage = crate::coverage::measure(&union, &sources);
    check(&Findings { union: &union, sources: &sources, reports, repair, coverage })
}

fn rendered(format: ReportFormat) -> String {
    with_findings(|found| render(format, found))
}

#[test]
fn text() {
    insta::assert_snapshot!(with_findings(|found| plain(found, &Styles::PLAIN)));
}

#[test]
fn json() {
    let lines = rendered(ReportFormat::Json);
    for line in lines.lines() {
        serde_json::from_str::<Report>(line).expect("the schema of reports");
    }
    insta::assert_snapshot!(lines);
}

#[test]
fn dot() {
    insta::assert_snapshot!(rendered(ReportFormat::Dot));
}

#[test]
fn svg() {
    insta::assert_snapshot!(rendered(ReportFormat::Svg));
}

#[test]
fn sarif() {
    insta::assert_snapshot!(rendered(ReportFormat::Sarif));
}

#[test]
fn junit() {
    insta::assert_snapshot!(rendered(ReportFormat::Junit));
}

#[test]
fn github() {
    insta::assert_snapshot!(rendered(ReportFormat::Github));
}

#[test]
fn rustc() {
    insta::assert_snapshot!(rendered(ReportFormat::Rustc));
}

#[test]
fn html() {
    let page = rendered(ReportFormat::Html);
    let body = page.split("<main>").nth(1).and_then(|rest| rest.split("</main>").next());
    insta::assert_snapshot!(body.expect("a main part"));
    for outside in ["http://", "https://", "src=", "@import", "url(http"] {
        let found = page.matches(outside).count();
        // The namespace of SVG is a name, not an address.
        let names = page.matches("http://www.w3.org/2000/svg").count();
        assert_eq!(found, if outside == "http://" { names } else { 0 }, "{outside}");
    }
}

#[test]
fn nothing_found_is_said_in_every_format() {
    let union = Union::default();
    let sources = Sources::default();
    let coverage = crate::coverage::measure(&union, &sources);
    let found =
        Findings { union: &union, sources: &sources, reports: Vec::new(), repair: Vec::new(), coverage };
    assert!(render(ReportFormat::Html, &found).contains("Nothing to report."));
    assert!(render(ReportFormat::Junit, &found).contains("no lock-order violation"));
    assert!(render(ReportFormat::Svg, &found).contains("no cycle"));
    assert!(render(ReportFormat::Sarif, &found).contains("\"results\": []"));
    assert!(render(ReportFormat::Dot, &found).contains("digraph"));
    assert_eq!(render(ReportFormat::Rustc, &found), "{\"reason\":\"build-finished\",\"success\":true}\n");
    assert_eq!(render(ReportFormat::Github, &found) + &render(ReportFormat::Json, &found), "");
}

#[test]
fn hostile_names_stay_text() {
    let evil = "</script><script>alert(1)</script>\"'&\n::error::x";
    with_findings(|found| {
        let mut report = found.reports[0].report.clone();
        report.title = evil.into();
        report.classes[0].name = evil.into();
        report.cycle[0].from = evil.into();
        report.cycle[0].held_site.file = evil.into();
        let one = Finding { report, runs: vec![evil.into()], judgement: Judgement::Excepted(evil.into()) };
        let union = fixture::union();
        let sources = Sources::default();
        let found = Findings {
            union: &union,
            sources: &sources,
            reports: vec![one],
            repair: Vec::new(),
            coverage: Coverage::default(),
        };
        assert!(!render(ReportFormat::Html, &found).contains("<script>alert"));
        assert!(!render(ReportFormat::Svg, &found).contains("<script>"));
        let github = render(ReportFormat::Github, &found);
        assert!(github.lines().all(|line| line.starts_with("::")), "{github}");
        assert!(!github.contains("\n::error::x"));
        serde_json::from_str::<serde_json::Value>(&render(ReportFormat::Sarif, &found)).expect("JSON");
    });
}
