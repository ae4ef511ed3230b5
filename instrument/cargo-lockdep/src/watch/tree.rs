//! Every process of a run, also those that left their parent, their group and their session.
//!
//! Cargo is started with a variable that no other run has. Who has it, or descends from who has it,
//! belongs to the run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal};

use super::tail::Asked;
use crate::input;

/// The variable that marks the processes of a run. Its name is not `LOCKDEP_…`, which is the
/// watched program's name space.
pub(super) const MARK: &str = "CARGO_LOCKDEP_RUN";

/// More than any environment has.
const MAX_ENVIRONMENT_BYTES: u64 = 16 << 20;

/// The processes of one run, as far as they were seen.
#[derive(Debug)]
pub(super) struct Tree {
    /// `CARGO_LOCKDEP_RUN=…`
    mark: Vec<u8>,
    /// Each process with the time at which it started, which distinguishes it from a later one of
    /// the same number.
    known: BTreeMap<i32, u64>,
}

/// A line of the process table.
#[derive(Clone, Copy, Debug)]
struct Process {
    parent: i32,
    started: u64,
    is_alive: bool,
}

impl Tree {
    /// The tree of the process `root`, which was started with `MARK=value`.
    pub(super) fn of(root: Pid, value: &str) -> Self {
        let root = root.as_raw_nonzero().get();
        let started = process(root).map_or(0, |process| process.started);
        Self { mark: format!("{MARK}={value}").into_bytes(), known: BTreeMap::from([(root, started)]) }
    }

    /// Looks at the process table; the processes of the run that are alive. Empty where there is no
    /// `/proc`.
    pub(super) fn look(&mut self) -> Vec<i32> {
        let table = processes();
        self.known.retain(|pid, started| table.get(pid).is_some_and(|process| process.started == *started));
        let own = std::process::id().cast_signed();
        let strangers = table.keys().filter(|pid| **pid != own && !self.known.contains_key(pid));
        let marked: Vec<i32> = strangers.copied().filter(|pid| self.is_marked(*pid)).collect();
        for pid in marked {
            self.known.insert(pid, table[&pid].started);
        }
        // A child may have a lower number than its parent.
        loop {
            let children = table.iter().filter(|(pid, process)| {
                self.known.contains_key(&process.parent) && !self.known.contains_key(pid)
            });
            let children: Vec<(i32, u64)> = children.map(|(pid, child)| (*pid, child.started)).collect();
            if children.is_empty() {
                break;
            }
            self.known.extend(children);
        }
        self.known.keys().copied().filter(|pid| table[pid].is_alive).collect()
    }

    fn is_marked(&self, pid: i32) -> bool {
        let environment = input::read(Path::new(&format!("/proc/{pid}/environ")), MAX_ENVIRONMENT_BYTES);
        environment.is_ok_and(|text| text.split(|byte| *byte == 0).any(|variable| variable == self.mark))
    }

    /// Whether a process of the run executes a program from below `programs`, or a doctest.
    pub(super) fn executes(&mut self, programs: &Path) -> bool {
        let program = |pid: i32| -> Option<PathBuf> { fs::read_link(format!("/proc/{pid}/exe")).ok() };
        let is_meant = |program: &PathBuf| {
            program.starts_with(programs) || program.file_name().is_some_and(|name| name == "rust_out")
        };
        self.look().into_iter().filter_map(program).any(|program| is_meant(&program))
    }

    /// Sends a signal to each process of the run; how many there were.
    pub(super) fn signal(&mut self, signal: Signal) -> usize {
        let alive = self.look();
        for pid in &alive {
            self.send(*pid, signal);
        }
        alive.len()
    }

    /// Asks a process by its signal for a hang report, if it handles the signal; whether it does.
    pub(super) fn ask(&self, asked: Asked) -> bool {
        let Some(signal) = Signal::from_named_raw(asked.signal) else { return false };
        let Ok(pid) = i32::try_from(asked.pid) else { return false };
        if !handles(pid, asked.signal) {
            return false;
        }
        self.send(pid, signal);
        true
    }

    /// Sends it unless another process has the number by now.
    #[cfg(target_os = "linux")]
    fn send(&self, pid: i32, signal: Signal) {
        use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};

        let Some(number) = Pid::from_raw(pid) else { return };
        // The handle is of one process, so that what is known of it afterwards stays true.
        let Ok(handle) = pidfd_open(number, PidfdFlags::empty()) else { return };
        if process(pid).is_some_and(|process| self.known.get(&pid) == Some(&process.started)) {
            // Who is gone already needs no signal.
            let _ = pidfd_send_signal(&handle, signal);
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn send(&self, _pid: i32, _signal: Signal) {}
}

/// Whether the process has a handler for the signal.
fn handles(pid: i32, signal: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    u32::try_from(signal - 1).is_ok_and(|bit| mask.checked_shr(bit).unwrap_or(0) & 1 == 1)
}

/// The process table.
fn processes() -> BTreeMap<i32, Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, process(pid)?))).collect()
}

fn process(pid: i32) -> Option<Process> {
    parsed(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Reads `pid (name) state ppid …`; the name may hold anything, parentheses included.
fn parsed(stat: &str) -> Option<Process> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let is_alive = !matches!(*fields.first()?, "Z" | "X" | "x");
    // proc(5) counts from 1, and the state is the third.
    Some(Process { parent: fields.get(1)?.parse().ok()?, started: fields.get(19)?.parse().ok()?, is_alive })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_hides_nothing() {
        let stat = "7 (a) Z (b) S 5 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 1234 5 6 7";
        let process = parsed(stat).expect("a line of the table");
        assert_eq!((process.parent, process.started, process.is_alive), (5, 1234, true));
        assert!(parsed("7 (a").is_none() && parsed("").is_none());
    }
}
