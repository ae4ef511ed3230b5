//! A hang report in every format: it is there, and it is no result that could fail a run.

use lockdep_report::hang_report::{HangReport, HangRole, HangThread};
use lockdep_report::place::Frame;
use lockdep_report::record::Record;

use super::tests::with_findings_of;
use super::{ReportFormat, render};
use crate::records::fixture;

fn rendered(format: ReportFormat) -> String {
    let thread = |name: &str, role, waits_for: &[usize], n_waiters| {
        let mut thread = HangThread::default();
        thread.thread = name.into();
        thread.role = role;
        thread.waits_for = waits_for.to_vec();
        thread.n_waiters = n_waiters;
        // A person can open the second one.
        let frames = [("channel::recv", "channel-1.0.0/src/lib.rs", 9), ("shop::wait<T>", "src/shop.rs", 7)];
        thread.frames = frames
            .map(|(function, file, line)| Frame {
                function: function.into(),
                file: file.into(),
                line,
                column: 1,
            })
            .into();
        thread
    };
    let mut report = HangReport::default();
    report.pid = 7;
    report.n_threads = 2;
    report.threads =
        vec![thread("root", HangRole::Root, &[], 1), thread("waiter\u{1b}", HangRole::Waiter, &[0], 0)];
    report.threads[1].started_by = "a_test".into();
    let record = fixture::record(100, "hang", vec![Record::Hang(Box::new(report))], true);
    with_findings_of(fixture::union_of(&[record]), |found| {
        assert!(found.reports.is_empty());
        render(format, found)
    })
}

const HEADLINE: &str = "1 thread waits for thread `root`";

#[test]
fn people_read_the_whole_of_it() {
    for format in [ReportFormat::Text, ReportFormat::Junit, ReportFormat::Github] {
        let text = rendered(format);
        assert!(text.contains(HEADLINE) && text.contains("waiter\\u{1b}"), "{format:?}: {text}");
        assert!(!text.contains("<failure") && !text.contains("::error"), "{format:?}: {text}");
    }
    let page = rendered(ReportFormat::Html);
    let section = page.split_once("id=\"hangs\"").expect("a section").1;
    assert!(section.contains("<svg") && section.contains("marker-end"), "the graph is drawn: {section}");
    assert!(section.contains(", started by a_test</text>"), "the graph says so: {section}");
    assert!(section.contains("= started by: thread `a_test`"), "{section}");
    assert!(section.contains("shop::wait&lt;T&gt; at src"), "{section}");
}

#[test]
fn tools_get_it_as_information() {
    let line = rendered(ReportFormat::Json);
    assert!(matches!(Record::parse_line(line.as_bytes()), Ok(Record::Hang(_))), "{line}");
    let sarif: serde_json::Value = serde_json::from_str(&rendered(ReportFormat::Sarif)).expect("JSON");
    let run = &sarif["runs"][0];
    assert_eq!(run["results"], serde_json::json!([]));
    let notification = &run["invocations"][0]["toolExecutionNotifications"][0];
    assert_eq!(notification["level"], "note");
    assert_eq!(notification["locations"][0]["physicalLocation"]["region"]["startLine"], 7);
    let messages = rendered(ReportFormat::Rustc);
    let message: serde_json::Value =
        serde_json::from_str(messages.lines().next().expect("a line")).expect("JSON");
    assert_eq!(message["message"]["level"], "note");
    assert_eq!(message["message"]["spans"][0]["line_start"], 7);
}
