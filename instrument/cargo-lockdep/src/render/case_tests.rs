//! Reports of published deadlocks, as people and tools read them.
//!
//! The records were written by driving each crate; beside each stands the source of the program.

use lockdep_report::model::Report;
use lockdep_report::place::{Frame, Place};
use lockdep_report::record::Record;
use lockdep_report::render::{TextOptions, text};
use serde_json::{Value, json};

use super::{ReportFormat, render};
use crate::findings::policy::{self, CommandPolicy};
use crate::findings::{self, Findings};
use crate::records::fixture;
use crate::source::Sources;

/// The reports of a record, in text and JSON, and the part of the page that shows them.
fn shown(name: &str, records: &str, program: &str) -> (String, String, String) {
    let folder = std::env::temp_dir().join(format!("lockdep-case-{}-{name}", std::process::id()));
    std::fs::create_dir_all(folder.join("src")).expect("a temporary folder");
    std::fs::write(folder.join("src/main.rs"), program).expect("written");
    let sources = Sources::only(vec![folder.clone()]);
    let parse = |line: &str| Record::parse_line(line.as_bytes()).expect("of this version");
    let body: Vec<Record> = records.lines().map(parse).collect();
    let reports = body.iter().filter_map(|record| match record {
        Record::Report(report) => Some((**report).clone()),
        _ => None,
    });
    let mut policy = CommandPolicy::default();
    let found: Vec<Report> = reports
        .map(|report| findings::enrich(report, &sources, &mut policy, policy::today()).report)
        .collect();
    let texts: String = found.iter().map(|report| text(report, &TextOptions::default(), &sources)).collect();
    let data: Vec<Value> = found.iter().map(points).collect();
    let data = serde_json::to_string_pretty(&data).expect("writable");
    let union = fixture::union_of(&[fixture::record(100, name, body, true)]);
    let findings = Findings::gather(&union, &sources, &mut policy, policy::today(), false);
    let page = render(ReportFormat::Html, &findings);
    let reports = page.split_once("<section id=\"reports\"").expect("shown").1;
    let reports = reports.split_once("</section>").expect("closed").0;
    std::fs::remove_dir_all(folder).expect("ours");
    (texts, data, reports.to_owned())
}

/// What a tool reads of a report: the places on both sides, the stacks, the advice.
fn points(report: &Report) -> Value {
    let place = |place: &Place| {
        let caller = place.caller.as_ref().map(ToString::to_string);
        json!({ "at": place.to_string(), "caller": caller, "in_wrapper": place.in_wrapper })
    };
    let frames = |frames: &[Frame]| -> Vec<String> {
        frames.iter().map(|frame| format!("{} {}:{}", frame.function, frame.file, frame.line)).collect()
    };
    let lock = |lock: &Option<lockdep_report::model::ReportLock>| {
        let shown = |lock: &lockdep_report::model::ReportLock| json!({ "site": place(&lock.site), "exact": lock.exact, "frames": frames(&lock.frames) });
        lock.as_ref().map(shown)
    };
    let cycle: Vec<Value> = report
        .cycle
        .iter()
        .map(|step| {
            json!({
                "held": place(&step.held_site), "exact": step.frames_held.exact,
                "wanted": place(&step.acquire_site),
            })
        })
        .collect();
    json!({
        "code": report.code.to_string(), "level": report.level.as_str(), "cycle": cycle,
        "conflict": lock(&report.conflict), "subject": lock(&report.subject), "advice": report.help,
    })
}

macro_rules! cases {
    ($($test:ident: $name:literal of $program:literal;)*) => {$(
        #[test]
        fn $test() {
            let (text, data, page) = shown(
                $name,
                include_str!(concat!("cases/", $name, ".jsonl")),
                include_str!(concat!("cases/", $program, ".txt")),
            );
            insta::assert_snapshot!(concat!($name, "_text"), text);
            insta::assert_snapshot!(concat!($name, "_json"), data);
            insta::assert_snapshot!(concat!($name, "_page"), page);
        }
    )*};
}

cases! {
    a_callback_under_a_guard: "stackcut-plain" of "stackcut";
    through_a_thread_local: "stackcut-local" of "stackcut";
    through_catch_unwind: "stackcut-unwind" of "stackcut";
    through_a_boxed_closure: "stackcut-boxed" of "stackcut";
    through_a_scope: "stackcut-scope" of "stackcut";
    a_mock_that_mocks: "mry" of "mry";
    an_exporter_that_logs: "otel" of "otel";
    a_dump_that_ends_a_task: "taskdump" of "taskdump";
    a_value_that_is_dropped_inside: "rquickjs" of "rquickjs";
    a_map_that_is_changed_while_read: "dashmap" of "dashmap";
}
