//! Whether a hang report says what is true.

use lockdep_report::hang_report::{HangReport, HangState, HangThread};
use lockdep_report::place::Place;

use crate::Expected;

/// What the report lacks or has wrong, a sentence each.
pub(crate) fn wrong(expected: &[Expected], report: Option<&HangReport>) -> Vec<String> {
    let Some(report) = report else { return vec!["there is no hang report".to_owned()] };
    let mut wrong = Vec::new();
    let first = report.threads.first().map(|thread| thread.thread.as_str()).unwrap_or_default();
    if let Some(root) = expected.first().filter(|root| !is_named(first, &root.name)) {
        wrong.push(format!("the first thread is `{first}` and not `{}`", root.name));
    }
    for want in expected {
        match report.threads.iter().find(|thread| names(thread).any(|name| is_named(name, &want.name))) {
            None => wrong.push(format!("there is no thread `{}`", want.name)),
            Some(thread) => wrong.extend(
                of_thread(want, thread, report)
                    .into_iter()
                    .map(|text| format!("thread `{}`: {text}", want.name)),
            ),
        }
    }
    wrong
}

/// The operating system knows the first fifteen bytes of a name.
fn is_named(name: &str, wanted: &str) -> bool {
    name == wanted || name.len() == 15 && wanted.starts_with(name)
}

fn names(thread: &HangThread) -> impl Iterator<Item = &str> {
    std::iter::once(&thread.thread).chain(&thread.same).map(String::as_str)
}

fn of_thread(want: &Expected, thread: &HangThread, report: &HangReport) -> Vec<String> {
    let mut wrong = Vec::new();
    let does = match (&thread.wait, thread.state) {
        (Some(wait), _) => {
            serde_json::to_value(wait.kind).ok().and_then(|kind| Some(kind.as_str()?.to_owned()))
        }
        (None, HangState::Running) => Some("running".to_owned()),
        (None, HangState::Sleeping) => Some("sleeping".to_owned()),
        (None, _) => None,
    };
    if does.as_deref() != Some(&want.does) {
        wrong.push(format!("it does {does:?} and not `{}`", want.does));
    }
    for place in &want.at {
        let (file, function) = place.split_once(':').expect("a file and a function");
        let is_here = thread
            .frames
            .iter()
            .any(|frame| frame.file.ends_with(file) && frame.function.contains(function) && frame.line > 0);
        if !is_here {
            wrong.push(format!("its stack has no `{function}` of {file}: {:#?}", thread.frames));
        }
    }
    let holds: Vec<&Place> = thread.holds.iter().map(|lock| lock.site.outside_wrapper()).collect();
    if holds.len() != want.holds.len() {
        wrong.push(format!("it holds {} locks and not {}", holds.len(), want.holds.len()));
    }
    for place in &want.holds {
        if !holds.iter().any(|held| format!("{}:{}", held.file, held.line).ends_with(place)) {
            wrong.push(format!("it holds nothing since {place}: {holds:?}"));
        }
    }
    for target in &want.waits_for {
        let waits = thread.waits_for.iter().filter_map(|index| report.threads.get(*index));
        if !waits.into_iter().flat_map(names).any(|name| is_named(name, target)) {
            wrong.push(format!("it does not wait for `{target}`"));
        }
    }
    wrong
}
