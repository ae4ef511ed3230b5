//! The command line: which subcommand, which of the options are ours and which are cargo's.

mod clean;
mod completions;
mod doctor;
mod explain;
mod init;
mod open;
mod order;
mod replay;
mod report;
mod room;
mod show_config;
mod stat;
mod try_crate;
mod wrapped;

use std::ffi::OsString;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::cargo::command::CargoCommand;
use crate::error::Result;
use crate::output::{print, show};
use crate::{exit, printable};

use wrapped::WrappedArgs;

/// Validate the lock order of a program and of everything it depends on, from one ordinary run.
#[derive(Debug, Parser)]
#[command(name = "cargo lockdep", bin_name = "cargo lockdep", version, arg_required_else_help = true)]
#[command(after_help = "\
Exit codes: 0 clean, 2 usage or input error, 3 a denied report, 4 a record was lost, so a report may be missing.
Otherwise the exit code is that of the wrapped command.
The LOCKDEP_* variables, such as LOCKDEP_DENY and LOCKDEP_ALLOW, reach the watched programs.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run `cargo test` (doctests included) with every lock watched.
    Test(WrappedArgs),
    /// Run `cargo run` with every lock watched.
    Run(WrappedArgs),
    /// Run `cargo bench` with every lock watched.
    Bench(WrappedArgs),
    /// Build with instrumented locks; the programs validate when started with LOCKDEP=1.
    Build(WrappedArgs),
    /// Run `cargo nextest` with every lock watched, and merge the records of its processes.
    Nextest(WrappedArgs),
    /// Run the tests of a published crate with every lock watched.
    Try(try_crate::TryArgs),
    /// Merge run records, and report all cycles, including those that no single process saw.
    Report(report::ReportArgs),
    /// Write the observed lock order to a file, or check it against that file.
    Order(order::OrderArgs),
    /// Show which locks were contended in runs with LOCKDEP_STAT=1.
    Stat(stat::StatArgs),
    /// Run scenarios or traces through the engine.
    Replay(replay::ReplayArgs),
    /// Explain a code such as LD0003, or list the codes.
    Explain(explain::ExplainArgs),
    /// Write `.config/lockdep.toml` for this project, with every key as a comment.
    Init(init::InitArgs),
    /// Show which settings hold here, and where each comes from.
    ShowConfig(show_config::ShowConfigArgs),
    /// Plant a defect in a temporary package, and check that a run here finds it.
    Doctor(doctor::DoctorArgs),
    /// Show how much room runtimes, builds and records take, and remove them.
    Clean(clean::CleanArgs),
    /// Print the completions of `cargo-lockdep` for a shell.
    Completions(completions::CompletionsArgs),
    /// Print the manual page, or write the pages of all subcommands.
    Man(completions::ManArgs),
}

/// Parses the command line and runs what it asks for.
///
/// # Errors
///
/// Whatever keeps the subcommand from judging anything; the exit code is in the error.
pub(crate) fn run() -> Result<u8> {
    let arguments = arguments(std::env::args_os());
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        // Help and version are no failures; clap knows which stream each belongs to.
        Err(error) if !error.use_stderr() => return print(&error.to_string()).map(|()| exit::CLEAN),
        Err(error) => {
            show(without_arguments(error.to_string(), &arguments).trim_end());
            return Ok(exit::USAGE);
        }
    };
    match cli.command {
        Command::Test(args) => wrapped::run(CargoCommand::Test, &args),
        Command::Run(args) => wrapped::run(CargoCommand::Run, &args),
        Command::Bench(args) => wrapped::run(CargoCommand::Bench, &args),
        Command::Build(args) => wrapped::run(CargoCommand::Build, &args),
        Command::Nextest(args) => wrapped::run(CargoCommand::Nextest, &args),
        Command::Try(args) => try_crate::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Order(args) => order::run(&args),
        Command::Stat(args) => stat::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Init(args) => init::run(&args),
        Command::ShowConfig(args) => show_config::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Clean(args) => clean::run(&args),
        Command::Completions(args) => completions::completions(&args, Cli::command()),
        Command::Man(args) => completions::man(&args, Cli::command()),
    }
}

/// Clap's message, in which each argument that is quoted is one line.
fn without_arguments(mut message: String, arguments: &[OsString]) -> String {
    for argument in arguments.iter().map(|argument| argument.to_string_lossy()) {
        let values = argument.split_once('=').map(|(_, value)| value);
        for text in [&*argument].into_iter().chain(values) {
            if let std::borrow::Cow::Owned(printable) = printable::line(text) {
                message = message.replace(text, &printable);
            }
        }
    }
    message
}

/// The arguments as clap wants them: without the `lockdep` that cargo puts in front when it starts
/// `cargo-lockdep lockdep test …`. Our options of a wrapping subcommand stand before those of
/// cargo, so that `cargo lockdep test -p a --timeout 60` means what it looks like.
fn arguments(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.collect();
    if args.get(1).is_some_and(|first| first == "lockdep") {
        args.remove(1);
    }
    let wraps = args
        .get(1)
        .and_then(|name| name.to_str())
        .is_some_and(|name| matches!(name, "test" | "run" | "bench" | "build" | "nextest"));
    if wraps {
        let rest = args.split_off(2);
        args.extend(ours_first(rest));
    }
    args
}

/// Moves our options in front of cargo's; what follows a `--` belongs to the program and stays as
/// it is.
fn ours_first(args: Vec<OsString>) -> Vec<OsString> {
    const WITH_VALUE: [&str; 4] = ["--timeout", "--format", "--output", "--lockdep-profile"];
    const FLAGS: [&str; 3] = ["--settle", "--help", "-h"];

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let text = arg.to_str().unwrap_or_default();
        if text == "--" {
            theirs.push(arg);
            theirs.extend(args.by_ref());
        } else if WITH_VALUE.contains(&text) {
            ours.push(arg);
            ours.extend(args.next());
        } else if FLAGS.contains(&text)
            || WITH_VALUE
                .iter()
                .chain(&["--settle"])
                .any(|name| text.strip_prefix(name).is_some_and(|rest| rest.starts_with('=')))
        {
            ours.push(arg);
        } else {
            theirs.push(arg);
        }
    }
    // Everything behind this `--` is cargo's, whatever it looks like to clap.
    ours.push("--".into());
    ours.extend(theirs);
    ours
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> String {
        let args = arguments(line.split(' ').map(OsString::from));
        args.join(" ".as_ref()).into_string().expect("built from text")
    }

    #[test]
    fn our_options_are_found_among_those_of_cargo() {
        assert_eq!(
            split("cargo-lockdep lockdep test -p a --timeout 60 --lib -- --timeout 5"),
            "cargo-lockdep test --timeout 60 -- -p a --lib -- --timeout 5"
        );
        assert_eq!(split("cargo-lockdep run --format=json x"), "cargo-lockdep run --format=json -- x");
    }

    #[test]
    fn other_subcommands_are_left_alone() {
        assert_eq!(split("cargo-lockdep lockdep try a -- --lib"), "cargo-lockdep try a -- --lib");
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
