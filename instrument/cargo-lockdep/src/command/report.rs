//! `report`: joins run records, checks the union, and shows what was found in any format.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use lockdep_report::model::Report;
use lockdep_report::path::is_standard_library;
use lockdep_report::record::ClassRecord;

use crate::cargo::session;
use crate::error::{Context as _, Error, Result};
use crate::findings::coverage;
use crate::findings::group;
use crate::findings::hint;
use crate::findings::ownership;
use crate::findings::policy::{self, Day, Judgement, Policy};
use crate::findings::repair;
use crate::output::{print, say};
use crate::records::{self, Union};
use crate::render::{self, Finding, Findings};
use crate::source::{Places, Sources};
use crate::{exit, input};

/// The arguments of `report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Directories or files of run records; the default is LOCKDEP_DIR.
    #[arg(value_name = "DIR")]
    pub(crate) records: Vec<PathBuf>,
    /// The output format.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ReportFormat,
    /// Write to this file instead of stdout.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Show each report in full, including those about the same classes as another report.
    #[arg(long)]
    pub(crate) all: bool,
    /// The directory of the source files, if it differs from where the programs were built.
    #[arg(long, value_name = "DIR")]
    pub(crate) source: Vec<PathBuf>,
    /// Read exceptions from this file, in addition to `lockdep.allow` and LOCKDEP_ALLOW.
    #[arg(long, value_name = "FILE")]
    pub(crate) allow: Vec<PathBuf>,
    /// Write a file of exceptions for all current reports; requires --reason.
    #[arg(long, value_name = "FILE", requires = "reason")]
    pub(crate) baseline: Option<PathBuf>,
    /// The reason that --baseline stores with each exception.
    #[arg(long, value_name = "TEXT", requires = "baseline")]
    pub(crate) reason: Option<String>,
}

/// The formats of `report`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people, like a compiler's errors.
    #[default]
    Text,
    /// One report a line.
    Json,
    /// One self-contained page.
    Html,
    /// The lock-order graph, for graphviz.
    Dot,
    /// The first cycle, drawn.
    Svg,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// JUnit XML, for CI servers.
    Junit,
    /// Workflow annotations of GitHub Actions.
    Github,
    /// Cargo's compiler messages, for editors.
    Rustc,
}

/// Joins the records and shows what was found.
///
/// # Errors
///
/// If there is no record, a policy is malformed, or the output cannot be written.
pub(crate) fn run(args: &ReportArgs) -> Result<u8> {
    let directory = session::current_directory()?;
    let mut policy = Policy::from_environment(&directory)?;
    for file in &args.allow {
        policy.add_file(file)?;
    }
    let mut union = records::read(&record_paths(&args.records)?)?;
    let sources = Sources::of(Places::around(&directory, &args.source), union.source_roots());
    records::recheck(&mut union, &|class| is_static(class, &sources));
    let today = policy::today();
    let found = judged(&union, &sources, &mut policy, today, args.all);
    let text = render::render(args.format, &found);
    match &args.output {
        Some(path) => fs::write(path, text).context(|| path.display().to_string())?,
        None => print(&text)?,
    }
    if let (Some(path), Some(reason)) = (&args.baseline, &args.reason) {
        write_baseline(path, reason, &found)?;
    }
    tell(&union, &found, &sources);
    for complaint in policy.complaints(today) {
        say(format_args!("warning: {complaint}"));
    }
    let is_denied =
        args.baseline.is_none() && found.reports.iter().any(|one| one.judgement == Judgement::Denied);
    Ok(if is_denied { exit::DENIED } else { exit::CLEAN })
}

/// The reports of these records and of their union, with what their sources say; surest first.
///
/// # Errors
///
/// If there is no record among the files.
pub(crate) fn joined(files: &[PathBuf], places: Places) -> Result<(Vec<Report>, Sources)> {
    let mut union = records::read(files)?;
    let sources = Sources::of(places, union.source_roots());
    records::recheck(&mut union, &|class| is_static(class, &sources));
    let mut reports: Vec<Report> = union.reports.into_values().map(|joined| joined.report).collect();
    for report in &mut reports {
        ownership::lower(report, &sources);
        hint::add(report, &sources);
    }
    reports.sort_by_key(|report| {
        (std::cmp::Reverse(report.rank()), report.evidence.is_out_of_reach(), report.code.clone())
    });
    Ok((reports, sources))
}

/// The directories to read: the given ones, or that of `LOCKDEP_DIR`.
///
/// # Errors
///
/// If neither is there.
pub(crate) fn record_paths(given: &[PathBuf]) -> Result<Vec<PathBuf>> {
    if !given.is_empty() {
        return Ok(given.to_vec());
    }
    match std::env::var_os("LOCKDEP_DIR").filter(|value| !value.is_empty()) {
        Some(directory) => Ok(vec![directory.into()]),
        None => Err(Error::new(
            "no run records given: pass their directories, or set LOCKDEP_DIR (`cargo lockdep test` prints where it wrote them)",
        )),
    }
}

/// Whether the source says that the lock of a class is a static, hence the same one in every run.
fn is_static(class: &ClassRecord, sources: &Sources) -> bool {
    // No static of the library's is ours to see, and its sources need not be there.
    if is_standard_library(&class.site.file) {
        return false;
    }
    let Some(lines) = sources.lines(&class.site.file) else { return false };
    let Some(end) = (class.site.line as usize).checked_sub(1).filter(|end| *end < lines.len()) else {
        return false;
    };
    // Back to the start of the item: a line that ends a statement or a block stands before it.
    let start = (0..end).rev().take(8).find(|index| {
        let line = lines[*index].trim_end();
        line.is_empty() || line.ends_with(';') || line.ends_with('}')
    });
    let item = &lines[start.map_or_else(|| end.saturating_sub(8), |index| index + 1)..=end];
    let is_thread_local = item.iter().any(|line| line.contains("thread_local!"))
        || lines[end.saturating_sub(8)..end]
            .iter()
            .any(|line| line.trim_start().starts_with("thread_local!"));
    let declares = |line: &String| {
        let line = line.trim_start();
        let line =
            line.strip_prefix("pub").map_or(line, |rest| rest.trim_start_matches(|c| c != ' ').trim_start());
        line.starts_with("static ")
    };
    !is_thread_local && item.iter().any(declares)
}

fn judged<'a>(
    union: &'a Union,
    sources: &'a Sources,
    policy: &mut Policy,
    today: Day,
    shows_all: bool,
) -> Findings<'a> {
    let mut reports: Vec<Finding> = union
        .reports
        .values()
        .map(|joined| {
            let mut report = joined.report.clone();
            ownership::lower(&mut report, sources);
            hint::add(&mut report, sources);
            let judgement = policy.judge(&report, today);
            let runs = joined.runs.iter().map(|&run| union.run_label(run)).collect();
            Finding { report, runs, judgement, group: None }
        })
        .collect();
    reports.sort_by_key(|found| {
        let report = &found.report;
        let is_out_of_reach = report.evidence.is_out_of_reach();
        (std::cmp::Reverse(report.rank()), is_out_of_reach, report.code.clone(), report.fingerprint.clone())
    });
    group::mark(&mut reports);
    let repair = repair::smallest_repair(reports.iter().map(|found| &found.report));
    let coverage = coverage::measure(union, sources);
    Findings { union, sources, reports, repair, coverage, shows_all }
}

fn write_baseline(path: &Path, reason: &str, found: &Findings<'_>) -> Result<()> {
    let denied = found.reports.iter().filter(|one| one.judgement == Judgement::Denied).map(|one| &one.report);
    let denied: Vec<_> = denied.collect();
    // What is there stays: those exceptions have reasons of their own, and what they cover is not among the denied.
    let old = match input::read_text(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Error::new(format_args!("{}: {error}", path.display()))),
    };
    fs::write(path, policy::baseline(&old, &denied, reason)).context(|| path.display().to_string())?;
    say(format_args!("{} exceptions added to {}", denied.len(), path.display()));
    Ok(())
}

/// What is wrong with the records and what was found, on stderr.
fn tell(union: &Union, found: &Findings<'_>, sources: &Sources) {
    const MAX_TOLD: usize = 12;
    for problem in union.problems.iter().take(MAX_TOLD) {
        say(format_args!("warning: {problem}"));
    }
    if union.problems.len() > MAX_TOLD {
        let n_losses = union.problems[MAX_TOLD..].iter().filter(|problem| problem.loses_data()).count();
        let n_more = union.problems.len() - MAX_TOLD;
        say(format_args!("warning: {n_more} more records with such remarks, {n_losses} of them with losses"));
    }
    let missing = sources.missing();
    if let Some(first) = missing.first() {
        say(format_args!(
            "warning: {} source file(s) not found, {first} first; `--source DIR` says where the sources lie",
            missing.len()
        ));
    }
    let outside = sources.outside();
    if let Some(first) = outside.first() {
        say(format_args!(
            "warning: {} source file(s) not shown, {first} first: outside the workspace, cargo's sources and the \
             toolchain; `--source DIR` permits a directory",
            outside.len()
        ));
    }
    for remark in coverage::two_versions(union) {
        say(remark);
    }
    if !union.not_seen.is_empty() {
        say(format_args!("not seen here: {}", union.not_seen.join(", ")));
    }
    say(found.summary());
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockdep_report::model::Place;

    fn class_at(line: u32) -> ClassRecord {
        let mut class = records::fixture::class(1, "a.rs", line);
        class.site = Place { file: "a.rs".into(), line, column: 1, ..Place::default() };
        class
    }

    #[test]
    fn statics_are_told_from_other_single_locks_by_their_source() {
        let directory = std::env::temp_dir().join(format!("lockdep-static-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a temporary directory");
        let text = "static A: Mutex<u8> = Mutex::new(1);\n\
            pub(crate) static B: LazyLock<Mutex<u8>> =\n    LazyLock::new(|| Mutex::new(1));\n\
            fn f() {\n    let c = Mutex::new(1);\n}\n\
            thread_local! {\n    static D: Mutex<u8> = const { Mutex::new(1) };\n}\n";
        fs::write(directory.join("a.rs"), text).expect("writable");
        let sources = Sources::new(vec![directory.clone()]);
        for (line, expected) in [(1, true), (3, true), (5, false), (8, false), (0, false), (99, false)] {
            assert_eq!(is_static(&class_at(line), &sources), expected, "line {line}");
        }
        assert!(!is_static(&class_at(1), &Sources::default()), "without its source nothing is claimed");
        fs::remove_dir_all(directory).expect("ours");
    }
}
