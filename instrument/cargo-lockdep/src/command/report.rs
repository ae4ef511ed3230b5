//! `report`: joins run records, checks the union, and shows what was found in any format.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::command::open;
use crate::count::counted;
use crate::error::{Context as _, Error, Result};
use crate::findings::policy::{self, CommandPolicy, Judgement};
use crate::findings::{self, Findings, coverage};
use crate::output::{print, say};
use crate::records::{self, Union};
use crate::render::{self, format::ReportFormat};
use crate::settings::{ProfileArgs, Settings};
use crate::source::{Places, Sources};
use crate::{exit, input};

/// The arguments of `report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Directories or files of run records; the default is LOCKDEP_DIR, else the newest run below
    /// `target/lockdep/records`.
    #[arg(value_name = "DIR")]
    pub(crate) records: Vec<PathBuf>,
    /// The output format.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ReportFormat,
    /// Write to this file instead of stdout.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Write the page (`--format html`) beside the records and open it in a browser.
    #[arg(long, conflicts_with = "format")]
    pub(crate) open: bool,
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
    #[command(flatten)]
    pub(crate) profile: ProfileArgs,
}

/// Joins the records and shows what was found.
///
/// # Errors
///
/// If there is no record, a policy is malformed, or the output cannot be written.
pub(crate) fn run(args: &ReportArgs) -> Result<u8> {
    let directory = input::current_directory()?;
    let settings = Settings::read(&directory, &args.profile)?;
    let mut exceptions = CommandPolicy::of(&settings, &directory)?;
    for file in &args.allow {
        exceptions.add_file(file)?;
    }
    let paths = records::paths(&args.records)?;
    let places = Places::around(&directory, &args.source);
    let (union, sources) = findings::read(&paths, places)?;
    let today = policy::today();
    let found = Findings::gather(&union, &sources, &mut exceptions, today, args.all);
    let format = if args.open { ReportFormat::Html } else { args.format };
    let text = render::render(format, &found);
    let page = args.open.then(|| page_beside(&paths));
    match args.output.as_ref().or(page.as_ref()) {
        Some(path) => fs::write(path, text).context(|| path.display().to_string())?,
        None => print(&text)?,
    }
    if args.open {
        open::open(args.output.as_ref().or(page.as_ref()).expect("it was chosen above"));
    }
    if let (Some(path), Some(reason)) = (&args.baseline, &args.reason) {
        write_baseline(path, reason, &found)?;
    }
    print_remarks(&union, &found, &sources);
    for complaint in exceptions.complaints(today) {
        say(format_args!("warning: {complaint}"));
    }
    let is_denied =
        args.baseline.is_none() && found.reports.iter().any(|one| one.judgement == Judgement::Denied);
    Ok(if is_denied { exit::DENIED } else { exit::CLEAN })
}

/// The page of a directory of records lies in it; that of files, or of several, lies where the user
/// is.
fn page_beside(paths: &[PathBuf]) -> PathBuf {
    match paths {
        [directory] if directory.is_dir() => directory.join("report.html"),
        _ => "lockdep-report.html".into(),
    }
}

fn write_baseline(path: &Path, reason: &str, found: &Findings<'_>) -> Result<()> {
    let denied = found.reports.iter().filter(|one| one.judgement == Judgement::Denied).map(|one| &one.report);
    let denied: Vec<_> = denied.collect();
    // What is there stays: those exceptions have reasons of their own, and what they cover is not
    // among the denied.
    let old = match input::read_text(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Error::new(format_args!("{}: {error}", path.display()))),
    };
    fs::write(path, policy::baseline(&old, &denied, reason)).context(|| path.display().to_string())?;
    let added = counted(denied.len(), "exception", "exceptions");
    say(format_args!("{added} added to {}", path.display()));
    Ok(())
}

/// What is wrong with the records and what was found, on stderr.
fn print_remarks(union: &Union, found: &Findings<'_>, sources: &Sources) {
    const MAX_SHOWN: usize = 12;
    for problem in union.problems.iter().take(MAX_SHOWN) {
        say(format_args!("warning: {problem}"));
    }
    if union.problems.len() > MAX_SHOWN {
        let n_losses = union.problems[MAX_SHOWN..].iter().filter(|problem| problem.loses_data()).count();
        let n_more = union.problems.len() - MAX_SHOWN;
        say(format_args!("warning: {n_more} more records with such remarks, {n_losses} of them with losses"));
    }
    let missing = sources.missing();
    if let Some(first) = missing.first() {
        say(format_args!(
            "warning: {} source file(s) not found, {first} first; `--source DIR` names their directory",
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
