//! Every format, golden; what reads them elsewhere is in the workspace's `tests`.

use lockdep_report::advice::Advice;
use lockdep_report::record::Record;

use lockdep_report::model::Report;
use lockdep_report::place::Frame;

use super::*;
use crate::findings::policy::{self, CommandPolicy};
use crate::findings::repair::Repair;
use crate::records::{Union, fixture};
use crate::source::Sources;

fn with_findings<T>(check: impl FnOnce(&Findings<'_>) -> T) -> T {
    with_findings_of(fixture::union(), check)
}

pub(super) fn with_findings_of<T>(mut union: Union, check: impl FnOnce(&Findings<'_>) -> T) -> T {
    crate::records::recheck(&mut union, &|_| false);
    let sources = Sources::default();
    check(&Findings::gather(&union, &sources, &mut CommandPolicy::default(), policy::today(), false))
}

pub(super) fn rendered(format: ReportFormat) -> String {
    with_findings(|found| render(format, found))
}

#[test]
fn text() {
    insta::assert_snapshot!(with_findings(|found| plain(found, &Styles::PLAIN)));
}

#[test]
fn reports_about_the_same_classes_are_folded_for_people_and_whole_for_tools() {
    let (a, b, c) = (fixture::named("a", 3), fixture::named("b", 4), fixture::named("c", 5));
    let mut body: Vec<_> = [&a, &b, &c].map(|class| Record::Class(class.clone())).to_vec();
    let orders = [(&a, &b), (&b, &a), (&b, &c), (&c, &b), (&c, &a), (&a, &c)];
    body.extend(
        (10..)
            .step_by(10)
            .zip(orders)
            .map(|(line, (from, to))| Record::Dependency(fixture::dependency(from, to, line, "t"))),
    );
    let union = fixture::union_of(&[fixture::record(100, "every order", body, true)]);
    with_findings_of(union, |found| {
        assert_eq!(found.groups().len(), 1, "{:?}", found.reports);
        let n_reports = found.reports.len();
        assert!(n_reports >= 3);
        let text = plain(found, &Styles::PLAIN);
        let tail = text.split_once("   = group: ").expect("folded").1;
        insta::assert_snapshot!(tail);
        assert_eq!(text.matches("how it hangs").count(), 1, "one is shown in full: {text}");
        let all = Findings {
            union: found.union,
            sources: found.sources,
            reports: found.reports.iter().map(copy).collect(),
            repair: Repair::default(),
            coverage: Coverage::default(),
            shows_all: true,
        };
        assert_eq!(plain(&all, &Styles::PLAIN).matches("how it hangs").count(), n_reports);
        for format in [ReportFormat::Json, ReportFormat::Sarif, ReportFormat::Junit, ReportFormat::Rustc] {
            let whole = render(format, found);
            assert!(
                found.reports.iter().all(|one| whole.contains(&one.report.fingerprint)),
                "{format:?}: {whole}"
            );
        }
        let head = &found.groups()[0].head.report.fingerprint;
        for line in render(ReportFormat::Json, found).lines() {
            let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert_eq!(value["group"], head.as_str());
            serde_json::from_str::<Report>(line).expect("the schema of reports");
        }
        assert_eq!(
            render(ReportFormat::Sarif, found).matches(&format!("\"group\": \"{head}\"")).count(),
            n_reports
        );
        assert!(render(ReportFormat::Github, found).contains("more reports are about the same 3 classes"));
        let page = render(ReportFormat::Html, found);
        assert_eq!(page.matches("<details class=\"report ").count(), n_reports, "every one is in the page");
    });
}

#[test]
fn all_shows_every_frame_of_a_stack() {
    let mut report = fixture::inversion_report();
    let frame = |at: u32| Frame {
        function: format!("hyper::f{at}"),
        file: "hyper-1.6.0/src/a.rs".into(),
        line: at + 1,
        column: 5,
    };
    report.cycle[0].frames_held.frames = (0..60).map(frame).collect();
    let body = vec![Record::Report(Box::new(report))];
    with_findings_of(fixture::union_of(&[fixture::record(100, "deep", body, true)]), |found| {
        let text = plain(found, &Styles::PLAIN);
        assert!(text.contains(" frames of `hyper`") && !text.contains("hyper::f30 "), "{text}");
        let reports = found.reports.iter().map(copy).collect();
        let all = Findings {
            union: found.union,
            sources: found.sources,
            reports,
            repair: Repair::default(),
            coverage: Coverage::default(),
            shows_all: true,
        };
        let text = plain(&all, &Styles::PLAIN);
        assert!(text.contains("hyper::f30 ") && !text.contains(" frames of `hyper`"), "{text}");
    });
}

fn copy(one: &Finding) -> Finding {
    Finding {
        report: one.report.clone(),
        runs: one.runs.clone(),
        judgement: one.judgement.clone(),
        group: one.group.clone(),
    }
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
    let body =
        page.split("<main id=\"main\" tabindex=\"-1\">").nth(1).and_then(|rest| rest.split("</main>").next());
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
    let coverage = crate::findings::coverage::measure(&union, &sources);
    let found = Findings {
        union: &union,
        sources: &sources,
        reports: Vec::new(),
        repair: Repair::default(),
        coverage,
        shows_all: false,
    };
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
        let one = Finding {
            report,
            runs: vec![evil.into()],
            judgement: Judgement::Excepted(evil.into()),
            group: None,
        };
        let union = fixture::union();
        let sources = Sources::default();
        let found = Findings {
            union: &union,
            sources: &sources,
            reports: vec![one],
            repair: Repair::default(),
            coverage: Coverage::default(),
            shows_all: false,
        };
        assert!(!render(ReportFormat::Html, &found).contains("<script>alert"));
        assert!(!render(ReportFormat::Svg, &found).contains("<script>"));
        let github = render(ReportFormat::Github, &found);
        assert!(github.lines().all(|line| line.starts_with("::")), "{github}");
        assert!(!github.contains("\n::error::x"));
        serde_json::from_str::<serde_json::Value>(&render(ReportFormat::Sarif, &found)).expect("JSON");
    });
}

/// The golden report with these words for its title, the name of a class, a file and an exception.
fn with_words<T>(words: &str, judgement: Judgement, check: impl FnOnce(&Findings<'_>) -> T) -> T {
    with_findings(|found| {
        let mut report = found.reports[0].report.clone();
        report.title = words.into();
        report.help = vec![Advice::Verbatim { sentence: words.into() }];
        report.cycle[0].from = words.into();
        report.cycle[0].held_site.file = words.into();
        report.cycle[1].acquire_site.file = words.into();
        check(&Findings {
            union: found.union,
            sources: found.sources,
            reports: vec![Finding { report, runs: Vec::new(), judgement, group: None }],
            repair: Repair::default(),
            coverage: Coverage::default(),
            shows_all: false,
        })
    })
}

#[test]
fn an_annotation_ends_where_it_should_whatever_is_in_it() {
    let words = "100%\r\na,b:c::d%0A";
    let github = with_words(words, Judgement::Denied, |found| render(ReportFormat::Github, found));
    assert!(!github.contains('\r'), "{github:?}");
    let mut n_words = 0;
    for line in github.lines() {
        let command = line.strip_prefix("::").expect("each line is a command");
        let (head, data) = command.split_once("::").expect("a command and its data");
        let (_, properties) = head.split_once(' ').expect("a command has properties");
        for property in properties.split(',') {
            let (name, value) = property.split_once('=').expect("name=value");
            assert!(["file", "line", "col", "title"].contains(&name), "{line}");
            assert!(!value.contains(':'), "{line}");
            n_words += usize::from(decoded(value).contains(words));
        }
        n_words += usize::from(decoded(data).contains(words));
    }
    assert!(n_words >= 3, "file, title and message have the words again: {github}");
}

/// What the runner of GitHub Actions reads, which replaces `%25` last.
fn decoded(text: &str) -> String {
    let text = text.replace("%0D", "\r").replace("%0A", "\n").replace("%3A", ":").replace("%2C", ",");
    text.replace("%25", "%")
}

#[test]
fn junit_is_xml_whatever_is_in_it() {
    let words = "a\u{0}b\u{1b}[31mc\u{b}d\u{7f}e\u{fffe}f\u{ffff}g]]>h&<i>\"j'\r\nk";
    for judgement in [Judgement::Denied, Judgement::Tolerated, Judgement::Excepted(words.into())] {
        let xml = with_words(words, judgement, |found| render(ReportFormat::Junit, found));
        let is_legal = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        assert!(xml.chars().all(is_legal), "{xml:?}");
        assert!(!xml.contains("]]>"), "which ends a section that was not begun: {xml}");
        assert!(xml.contains("g]]&gt;h&amp;&lt;i&gt;"), "the words are there: {xml}");
        let path = scratch("hostile.xml", &xml);
        if let Some(output) = consumer(
            &["python3"],
            &["-c", "import sys, xml.dom.minidom as m; m.parse(sys.argv[1])", &path.to_string_lossy()],
        ) {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        std::fs::remove_file(path).expect("ours");
    }
}

/// Runs a program that reads one of our formats; `None`, and a word about it, where it is not
/// installed.
fn consumer(programs: &[&str], args: &[&str]) -> Option<std::process::Output> {
    let found =
        programs.iter().find_map(|program| std::process::Command::new(program).args(args).output().ok());
    if found.is_none() {
        crate::output::say(format_args!("skipped: none of {} is installed", programs.join(", ")));
    }
    found
}

pub(super) fn scratch(name: &str, text: &str) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("lockdep-{}-{name}", std::process::id()));
    std::fs::write(&path, text).expect("a temporary file");
    path
}

#[test]
fn graphviz_reads_the_dot_file() {
    let path = scratch("order.dot", &rendered(ReportFormat::Dot));
    if let Some(output) = consumer(&["dot"], &["-Tplain", &path.to_string_lossy()]) {
        let plain = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let count = |word: &str| plain.lines().filter(|line| line.starts_with(word)).count();
        assert_eq!((count("node "), count("edge ")), (3, 3), "{plain}");
    }
    std::fs::remove_file(path).expect("ours");
}
