//! `replay`: runs scenarios and traces through the engine.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use lockdep_report::build::{Resolver, report};
use lockdep_report::place::{Frame, Place};
use lockdep_report::replay::trace::TraceReplay;
use lockdep_report::replay::{ReplayError, Scenario};
use lockdep_validator::{Config, Site, StackId, TaskId};

use crate::error::{Context, Error, Result};
use crate::{exit, input, output, printable};

/// The arguments of `replay`.
#[derive(Debug, Args)]
#[command(after_help = "\
A scenario prints one JSON line a case: id, verdict (report or silent), kinds, codes, first_op.
A trace prints one JSON line a report; its locks are re-entrant, and each is a class of its own.
Exits with 0 if everything ran, and with 2 if some input was malformed. Well-formed input runs in both cases.")]
pub(crate) struct ReplayArgs {
    /// The scenario or trace; `-` reads standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// What FILE is.
    #[arg(long, value_enum, default_value_t = InputFormat::Scenario)]
    pub(crate) format: InputFormat,
    /// The policy of the engine; the default is `kernel` for scenarios and `default` for traces.
    #[arg(long, value_enum)]
    pub(crate) policy: Option<ReplayPolicy>,
}

/// What a file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum InputFormat {
    /// JSON cases of lock events.
    Scenario,
    /// One event a line: `thread|operation(operand)|location`, as RAPID writes it.
    Std,
}

/// How the engine judges.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ReplayPolicy {
    /// Classes alone decide, every violation is an error.
    Kernel,
    /// As live programs are judged: instances decide, evidence sets the level.
    Default,
}

impl ReplayPolicy {
    fn config(self) -> Config {
        match self {
            Self::Kernel => Config::kernel(),
            Self::Default => Config::user(),
        }
    }
}

/// After this many malformed lines the rest of a trace is not looked at: it is not a trace.
const MAX_BAD_LINES: u64 = 20;
/// A scenario is read as a whole.
const MAX_SCENARIO_BYTES: u64 = 256 << 20;
/// A progress bar is worth its lines from here on.
const MIN_PROGRESS_BYTES: u64 = 8 << 20;

/// Runs scenarios or a trace through the engine.
///
/// # Errors
///
/// If the file cannot be read, or nothing in it can be run.
pub(crate) fn run(args: &ReplayArgs) -> Result<u8> {
    let mut out = BufWriter::new(io::stdout().lock());
    let code = match args.format {
        InputFormat::Scenario => scenario(args, &mut out),
        InputFormat::Std => trace(args, &mut out),
    };
    match out.flush() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::new(error)),
        _ => code,
    }
}

fn scenario(args: &ReplayArgs, out: &mut impl Write) -> Result<u8> {
    let name = args.file.display();
    let bytes = input::read_all(open(&args.file)?, MAX_SCENARIO_BYTES);
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other));
    let text = text.context(|| format!("cannot read {name}"))?;
    let scenario = Scenario::parse(&text).context(|| name.to_string())?;
    let config = args.policy.unwrap_or(ReplayPolicy::Kernel).config();
    let mut code = exit::CLEAN;
    for case in scenario.cases() {
        match case.run(&config) {
            Ok(result) => {
                let line = serde_json::to_string(&result).context(|| "cannot write the result".to_owned())?;
                if !print(out, &line)? {
                    return Ok(code);
                }
            }
            Err(error) => code = bad_input(&args.file, &error),
        }
    }
    Ok(code)
}

fn trace(args: &ReplayArgs, out: &mut impl Write) -> Result<u8> {
    let name = args.file.display();
    let n_bytes = args.file.metadata().map_or(0, |file| file.len());
    let progress =
        if n_bytes < MIN_PROGRESS_BYTES { ProgressBar::hidden() } else { ProgressBar::new(n_bytes) };
    let style = ProgressStyle::with_template("{bar:40} {percent}% {msg} {eta} left");
    progress.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let mut reader = open(&args.file)?;
    let mut replay = TraceReplay::new(args.policy.unwrap_or(ReplayPolicy::Default).config());
    let (mut line, mut n_bad, mut n_read) = (Vec::new(), 0, 0);
    let mut code = exit::CLEAN;
    loop {
        // One line in memory at a time; a line that is not text is malformed like any other.
        let n_line = input::read_line(&mut reader, &mut line).context(|| format!("cannot read {name}"))?;
        if n_line == 0 {
            break;
        }
        n_read += n_line as u64;
        match replay.line(&String::from_utf8_lossy(&line)) {
            Ok(found) => {
                for violation in found {
                    let report = report(replay.validator(), &violation, &TraceNames(&replay, &args.file));
                    let text =
                        serde_json::to_string(&report).context(|| "cannot write the report".to_owned())?;
                    if !progress.suspend(|| print(out, &text))? {
                        return Ok(code);
                    }
                }
            }
            Err(error) => {
                code = progress.suspend(|| bad_input(&args.file, &error));
                n_bad += 1;
                if n_bad == MAX_BAD_LINES {
                    return Err(Error::new(format_args!(
                        "{name}: {MAX_BAD_LINES} malformed lines; is it a trace of lines thread|operation(operand)|location?"
                    )));
                }
            }
        }
        if replay.n_lines().is_multiple_of(1 << 16) {
            progress.set_position(n_read);
            progress.set_message(format!("{} events", replay.n_lines()));
        }
    }
    progress.finish_and_clear();
    Ok(code)
}

/// Prints a line; `false` if no reader is left.
fn print(out: &mut impl Write, line: &str) -> Result<bool> {
    match writeln!(out, "{}", printable::json(line)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Error::new(error)),
    }
}

fn bad_input(file: &Path, error: &ReplayError) -> u8 {
    output::say(format_args!("error: {}: {error}", file.display()));
    exit::USAGE
}

fn open(file: &Path) -> Result<Box<dyn BufRead>> {
    if file == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let opened = File::open(file).context(|| format!("cannot open {}", file.display()))?;
    Ok(Box::new(BufReader::with_capacity(1 << 16, opened)))
}

/// Thread names as in the trace; places are its location numbers.
struct TraceNames<'a>(&'a TraceReplay, &'a Path);

impl Resolver for TraceNames<'_> {
    fn place(&self, site: Site) -> Place {
        if site == Site::UNKNOWN {
            return Place::default();
        }
        let line = u32::try_from(site.0).unwrap_or(u32::MAX);
        let file = printable::line(&self.1.display().to_string()).into_owned();
        Place { file, line, ..Place::default() }
    }

    fn frames(&self, _stack: StackId) -> Vec<Frame> {
        Vec::new()
    }

    fn task_name(&self, task: TaskId) -> String {
        self.0.thread_name(task).unwrap_or("an unknown thread").to_owned()
    }
}
