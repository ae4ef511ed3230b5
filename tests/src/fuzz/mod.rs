//! Fuzzing without a fuzzer: seeds with a few changes, on stable Rust, for as long as wanted.
//!
//! Whatever an input is, nothing panics, nothing hangs, memory is bounded, and what is said can be
//! printed.

pub mod formats;
pub mod mutate;

use std::fs;
use std::io;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use lockdep_report::printable::is_printable;

use crate::child;
use crate::command_line;
use formats::FuzzedFormat;
use mutate::{Random, mutated};

/// How long a single input may take, on a machine with other work.
const LIMIT: Duration = Duration::from_secs(60);
/// How much address space a command may have, in KiB.
const MAX_KIB: u32 = 4 << 20;
/// How many inputs are read in this process for each one that a command reads.
const N_HERE: u64 = 64;

/// What came of fuzzing one format.
#[derive(Debug)]
pub struct Outcome {
    /// How many inputs were read.
    pub n_inputs: u64,
    /// The first that did harm: its number, what happened, and where it is kept.
    pub found: Option<(u64, String, PathBuf)>,
}

/// Reads inputs of one format until `time` is over or one of them does harm. `only` names the
/// number of a single one.
///
/// # Errors
/// When there are no seeds, or a command cannot be started.
pub fn run(format: &FuzzedFormat, seed: u64, time: Duration, only: Option<u64>) -> io::Result<Outcome> {
    let folder = command_line::root().join("tests/fuzz/seeds").join(format.name);
    let mut paths: Vec<PathBuf> =
        fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    paths.sort();
    let seeds: Vec<Vec<u8>> = paths.iter().map(fs::read).collect::<io::Result<_>>()?;
    let scratch = tempfile::tempdir()?;
    let watchdog = Watchdog::start(format.name, seed);
    let began = Instant::now();
    let mut n_inputs = 0;
    loop {
        let number = only.unwrap_or(n_inputs);
        let mut random = Random::new(seed.wrapping_mul(0x1_0000_01b3).wrapping_add(number));
        // The seeds themselves come first.
        let input = match seeds.get(usize::try_from(number).unwrap_or(usize::MAX)) {
            Some(seed) => seed.clone(),
            None => mutated(&mut random, &seeds, format.words),
        };
        watchdog.begin(number);
        let by_command = number < seeds.len() as u64 || number.is_multiple_of(N_HERE) || only.is_some();
        let harm = here(format, &input);
        let harm = match harm {
            None if by_command => elsewhere(format, scratch.path(), &input, random.below(usize::MAX))?,
            harm => harm,
        };
        n_inputs += 1;
        if let Some(why) = harm {
            let kept = std::env::temp_dir().join(format!("lockdep-fuzz-{}-{number}", format.name));
            fs::write(&kept, &input)?;
            return Ok(Outcome { n_inputs, found: Some((number, why, kept)) });
        }
        if only.is_some() || began.elapsed() >= time {
            return Ok(Outcome { n_inputs, found: None });
        }
    }
}

/// Reads the input in this process; what went wrong.
fn here(format: &FuzzedFormat, input: &[u8]) -> Option<String> {
    let parse = format.parse;
    let result = catch_unwind(|| parse(input));
    result.err().map(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        format!("panicked: {}", text.unwrap_or("?"))
    })
}

/// Has a command read the input; what went wrong.
fn elsewhere(
    format: &FuzzedFormat,
    scratch: &Path,
    input: &[u8],
    choice: usize,
) -> io::Result<Option<String>> {
    let folder = tempfile::tempdir_in(scratch)?;
    let command = (format.command)(folder.path(), input, choice)?;
    let words = format!("{command:?}");
    let ended = child::run(&mut limited(&command), LIMIT)?;
    let how = ended.describe();
    let is_steered = |text: &str| text.chars().any(|c| !is_printable(c) && c != '\n' && c != '\t');
    let wrong = if how == "killed by the watchdog" {
        "it hangs"
    } else if how.starts_with("signal") || ended.stderr.contains("panicked at") || how == "exit 101" {
        "it panics"
    } else if is_steered(&ended.stderr) || is_steered(&ended.stdout) {
        "it prints what steers a terminal"
    } else if how == "exit 2" && !ended.stderr.lines().any(|line| line.contains("error:")) {
        "it does not say what is wrong"
    } else {
        return Ok(None);
    };
    Ok(Some(format!("{wrong} ({how}): {words}\n{}", ended.stderr)))
}

/// The command with a bound on its memory.
fn limited(command: &Command) -> Command {
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!("ulimit -v {MAX_KIB}; exec \"$@\""), "sh"]);
    limited.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        limited.current_dir(directory);
    }
    limited
}

/// Ends the process if an input takes too long: a loop cannot be interrupted.
struct Watchdog(mpsc::Sender<u64>);

impl Watchdog {
    #[expect(clippy::print_stderr, reason = "it is the last thing that the process says")]
    fn start(name: &'static str, seed: u64) -> Self {
        let (sender, receiver) = mpsc::channel::<u64>();
        thread::spawn(move || {
            let mut number = 0;
            loop {
                match receiver.recv_timeout(2 * LIMIT) {
                    Ok(next) => number = next,
                    Err(mpsc::RecvTimeoutError::Disconnected) => return,
                    Err(mpsc::RecvTimeoutError::Timeout) => {
                        eprintln!("{name}: input {number} of seed {seed} hangs");
                        std::process::exit(1);
                    }
                }
            }
        });
        Self(sender)
    }

    fn begin(&self, number: u64) {
        // Without its watcher the run goes on.
        let _ = self.0.send(number);
    }
}
