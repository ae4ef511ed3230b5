//! JUnit XML: a test case for each report, so that a CI server lists them among the tests.

use quick_junit::{NonSuccessKind, Report as Xml, TestCase, TestCaseStatus, TestSuite};

use super::hang;
use super::places::message;
use crate::findings::Findings;
use lockdep_report::render::{TextOptions, text};

use crate::findings::policy::Judgement;
use crate::printable;

/// One suite; without any report, one case that passed, because an empty file looks like a job that
/// did not run.
pub(super) fn render(found: &Findings<'_>) -> String {
    let mut suite = TestSuite::new("lockdep");
    for one in &found.reports {
        let report = &one.report;
        let mut status = match &one.judgement {
            Judgement::Denied => TestCaseStatus::non_success(NonSuccessKind::Failure),
            Judgement::Tolerated | Judgement::Excepted(_) => TestCaseStatus::skipped(),
        };
        match &one.judgement {
            Judgement::Denied => {
                status.set_type(report.code.to_string());
                status.set_message(legal(&report.title));
                let options = TextOptions { n_frames: 0, max_lines: 0, ..TextOptions::default() };
                status.set_description(legal(&text(report, &options, found.sources)));
            }
            Judgement::Tolerated => {
                status.set_message(legal(&format!("{}: {}", report.level.as_str(), message(report))));
            }
            Judgement::Excepted(reason) => {
                status.set_message(legal(&format!("excepted: {reason}")));
            }
        }
        let name = format!("{} {} [{}]", report.code, report.title, report.fingerprint);
        let mut case = TestCase::new(legal(&name), status);
        case.set_classname(format!("lockdep.{}", report.code));
        suite.add_test_case(case);
    }
    if found.reports.is_empty() {
        suite.add_test_case(TestCase::new("no lock-order violation", TestCaseStatus::success()));
    }
    // A hang report is no verdict: it stands beside the cases.
    let hangs: String = hang::all(found, &TextOptions::default()).into_iter().map(|hang| hang.text).collect();
    suite.set_system_out(legal(&format!(
        "{}{hangs}",
        found.summary() + if hangs.is_empty() { "" } else { "\n\n" }
    )));
    let mut xml = Xml::new("lockdep");
    xml.add_test_suite(suite);
    let mut out = xml.to_string().unwrap_or_default();
    out.push('\n');
    out
}

/// The text without the two characters that XML 1.0 has no place for and `quick_junit` leaves in;
/// it drops control characters. A file of test results may be printed in a log of CI.
fn legal(text: &str) -> String {
    printable::lines(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}
