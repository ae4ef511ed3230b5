//! `order`: the lock order as a file that is reviewed: written, checked, accepted.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use lockdep_report::lock_order::LockOrder;

use crate::error::{Context as _, Error, Result};
use crate::findings::observed_order::{self, ObservedOrder};
use crate::output::{print, say};
use crate::settings::{ProfileArgs, Settings};
use crate::{exit, input, printable, records};

/// The name of the file in the project.
const FILE: &str = "lockdep.order";

/// The arguments of `order`.
#[derive(Debug, Args)]
pub(crate) struct OrderArgs {
    /// Directories or files of run records; the default is LOCKDEP_DIR, else the newest run below
    /// `target/lockdep/records`.
    #[arg(value_name = "DIR")]
    pub(crate) records: Vec<PathBuf>,
    /// Fail if a run showed a dependency that the file lacks, and print the difference.
    #[arg(long, conflicts_with = "bless")]
    pub(crate) check: bool,
    /// Rewrite the file with the observed dependencies.
    #[arg(long)]
    pub(crate) bless: bool,
    /// Also remove accepted dependencies that these records do not show.
    #[arg(long, requires = "bless")]
    pub(crate) prune: bool,
    /// The lock-order file; the default is that of `.config/lockdep.toml`, else `lockdep.order`.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) profile: ProfileArgs,
}

/// Prints the order that was seen, or checks or rewrites the file.
///
/// # Errors
///
/// If records or file cannot be read, or the file is malformed.
pub(crate) fn run(args: &OrderArgs) -> Result<u8> {
    let from = input::current_directory()?;
    let settings = Settings::read(&from, &args.profile)?;
    let file = args.file.clone().or_else(|| settings.order().map(Path::to_owned));
    let file = file.unwrap_or_else(|| FILE.into());
    let file = file.strip_prefix(&from).unwrap_or(&file);
    let old = match input::read_text(file) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(Error::new(format_args!("{}: {error}", file.display()))),
    };
    let name = file.display().to_string();
    let known = LockOrder::parse(old.as_deref().unwrap_or_default()).context(|| name.clone())?;
    let union = records::read(&records::paths(&args.records)?)?;
    for problem in union.problems.iter().filter(|problem| problem.loses_data()).take(12) {
        say(format_args!("warning: {problem}"));
    }
    let seen = ObservedOrder::new(&union, &known);
    for (label, name) in seen.reversed(&known) {
        say(format_args!(
            "warning: {name_of_file}: `name {name} = {label}` is reversed: `name {label} = {name}` calls that class `{label}`",
            name_of_file = file.display()
        ));
    }
    if args.check {
        return check(&seen, &known, old.as_deref(), &name);
    }
    let text = observed_order::merged(old.as_deref(), &known, &seen, args.prune);
    if args.bless {
        let n_new = seen.undeclared(&known).len();
        fs::write(file, text).context(|| name.clone())?;
        say(format_args!("{name}: {n_new} new dependencies accepted"));
        for (from, to) in seen.inverted(&known) {
            say(format_args!(
                "warning: {name} accepts `{from}` and `{to}` in both orders, which is an inversion: threads that run both can deadlock"
            ));
        }
    } else {
        print(&printable::lines(&text))?;
    }
    Ok(exit::CLEAN)
}

fn check(seen: &ObservedOrder, known: &LockOrder, old: Option<&str>, name: &str) -> Result<u8> {
    let Some(old) = old else {
        return Err(Error::new(format_args!(
            "{name} does not exist: write it with `cargo lockdep order --bless`"
        )));
    };
    let broken = seen.contradicting(known);
    for (from, to) in &broken {
        say(format_args!(
            "error: `{to}` was acquired while `{from}` was held, but {name} declares the opposite"
        ));
    }
    let undeclared = seen.undeclared(known);
    if undeclared.is_empty() && broken.is_empty() {
        say(format_args!("{name}: every observed dependency is declared"));
        return Ok(exit::CLEAN);
    }
    if !undeclared.is_empty() {
        // A file may hold anything in its comments.
        print(&printable::lines(&observed_order::diff(old, known, seen, name)))?;
        for (from, to) in &undeclared {
            say(format_args!("undeclared: {from} -> {to}  ({})", seen.example(from, to)));
        }
        say("if the new order is intended, accept it with `cargo lockdep order --bless` and commit the file");
    }
    Ok(exit::DENIED)
}
