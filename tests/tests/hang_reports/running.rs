//! A program that hangs, run in a child process, and what it wrote.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lockdep_report::hang_report::{HangReason, HangReport, HangThread};
use lockdep_report::record::Record;
use tempfile::TempDir;

/// How long a program may take before it counts as lost.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// A program of the corpus that runs, and is killed in the end.
pub(crate) struct Running {
    pub(crate) child: Child,
    dir: TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Who is gone already needs no kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Removes what the test itself runs under.
pub(crate) fn clear(command: &mut Command) {
    let names = std::env::vars_os().map(|(name, _)| name);
    names
        .filter(|name| name.to_string_lossy().starts_with("LOCKDEP"))
        .for_each(|name| _ = command.env_remove(name));
}

impl Running {
    pub(crate) fn start(program: &str, env: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_corpus"));
        command.arg(program);
        Self::start_command(command, env)
    }

    pub(crate) fn start_command(mut command: Command, env: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        clear(&mut command);
        command.env("LOCKDEP", "1").env("LOCKDEP_FORMAT", "json");
        command
            .env("LOCKDEP_OUTPUT", dir.path().join("output"))
            .env("LOCKDEP_DIR", dir.path().join("records"));
        command.envs(env.iter().copied()).stdin(Stdio::null()).stdout(Stdio::null());
        Self { child: command.spawn().expect("the corpus starts"), dir }
    }

    /// What was written, whole lines only.
    pub(crate) fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.dir.path().join("output")).unwrap_or_default();
        text.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(str::to_owned).collect()
    }

    pub(crate) fn hangs(&self) -> Vec<HangReport> {
        let records = self.lines().into_iter().filter_map(|line| Record::parse_line(line.as_bytes()).ok());
        let hangs = records.filter_map(|record| match record {
            Record::Hang(hang) => Some(*hang),
            _ => None,
        });
        hangs.collect()
    }

    /// Waits until so many hang reports were written, and returns the last.
    pub(crate) fn hang(&mut self, n_reports: usize) -> HangReport {
        self.wait_for(|running| running.hangs().len() >= n_reports);
        self.hangs().pop().expect("it was waited for")
    }

    pub(crate) fn wait_for(&mut self, mut is_there: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !is_there(self) {
            assert!(start.elapsed() < LIMIT, "it never came: {:?}", self.lines());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn send(&self, signal: libc::c_int) {
        let pid = libc::pid_t::try_from(self.child.id()).expect("small");
        // SAFETY: the child has not been waited for.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }

    pub(crate) fn record(&self) -> Vec<Record> {
        let files = std::fs::read_dir(self.dir.path().join("records")).expect("there is a record");
        let files: Vec<PathBuf> = files.map(|file| file.expect("readable").path()).collect();
        let files: Vec<&PathBuf> = files.iter().filter(|path| path.extension().is_some()).collect();
        assert_eq!(files.len(), 1, "the copy writes to the record of the process");
        let bytes = std::fs::read(files[0]).expect("readable");
        bytes.split(|byte| *byte == b'\n').filter_map(|line| Record::parse_line(line).ok()).collect()
    }
}

/// What a program says after half a second without a move.
pub(crate) fn asked(program: &str) -> HangReport {
    let mut running = Running::start(program, &[("LOCKDEP_HANG_AFTER", "0.5")]);
    let hang = running.hang(1);
    assert_eq!(hang.reason, HangReason::Still);
    let recorded = running.record().into_iter().filter_map(|record| match record {
        Record::Hang(hang) => Some(*hang),
        _ => None,
    });
    assert_eq!(recorded.collect::<Vec<_>>(), std::slice::from_ref(&hang), "the record says the same");
    hang
}

pub(crate) fn thread<'a>(hang: &'a HangReport, name: &str) -> &'a HangThread {
    hang.threads.iter().find(|thread| thread.thread == name).unwrap_or_else(|| panic!("{name}: {hang:#?}"))
}

pub(crate) fn names_of<'a>(hang: &'a HangReport, thread: &HangThread) -> Vec<&'a str> {
    thread.waits_for.iter().map(|index| hang.threads[*index].thread.as_str()).collect()
}

pub(crate) fn is_in(thread: &HangThread, function: &str) -> bool {
    thread.frames.iter().any(|frame| frame.function.contains(function))
}

/// The line of `corpus/stuck.rs` that contains `text`, from 1.
pub(crate) fn line_of(text: &str) -> u32 {
    line_in(include_str!("../../corpus/stuck.rs"), text)
}

/// The line of `corpus/stuck_events.rs`.
pub(crate) fn line_of_events(text: &str) -> u32 {
    line_in(include_str!("../../corpus/stuck_events.rs"), text)
}

/// The line of `corpus/hangs.rs`.
pub(crate) fn line_of_hangs(text: &str) -> u32 {
    line_in(include_str!("../../corpus/hangs.rs"), text)
}

/// The line of `corpus/stuck_locks.rs`.
pub(crate) fn line_of_locks(text: &str) -> u32 {
    line_in(include_str!("../../corpus/stuck_locks.rs"), text)
}

/// The line of a source that contains `text`, from 1.
pub(crate) fn line_in(source: &str, text: &str) -> u32 {
    let line = source.lines().position(|line| line.contains(text)).expect("it is there");
    u32::try_from(line + 1).expect("small")
}

impl Running {
    /// Asks until there is one report more: a request that comes while a report is made is dropped.
    pub(crate) fn ask(&mut self, n_reports: &mut usize) -> HangReport {
        *n_reports = self.hangs().len();
        let mut asked = None::<Instant>;
        self.wait_for(|running| {
            if asked.is_none_or(|asked| asked.elapsed() > Duration::from_secs(1)) {
                running.send(libc::SIGUSR1);
                asked = Some(Instant::now());
            }
            running.hangs().len() > *n_reports
        });
        self.hangs().pop().expect("it was waited for")
    }

    /// Whether there is no record yet. A process has its handlers before it has one.
    pub(crate) fn record_is_empty(&self) -> bool {
        !has_record(&self.dir.path().join("records"))
    }
}

/// The hang reports in a record.
pub(crate) fn recorded(running: &Running) -> Vec<HangReport> {
    let hangs = running.record().into_iter().filter_map(|record| match record {
        Record::Hang(hang) => Some(*hang),
        _ => None,
    });
    hangs.collect()
}

/// Whether there is a record in the folder.
pub(crate) fn has_record(folder: &Path) -> bool {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.into_iter().any(|file| file.path().extension().is_some())
}
