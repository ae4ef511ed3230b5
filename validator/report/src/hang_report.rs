//! The hang report as data: what every thread of a process does at one moment. Schema 1.

use serde::{Deserialize, Serialize};

use crate::json;
use crate::model::{ReportClass, ReportLock, ThreadWait};
use crate::path::{is_dependency, is_standard_library};
use crate::place::{Frame, Place};
use crate::printable::printable;

/// The version of the JSON form.
pub const HANG_SCHEMA: u32 = 1;

/// What every thread of a process did at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct HangReport {
    /// [`HANG_SCHEMA`].
    pub schema: u32,
    /// The process.
    pub pid: u32,
    /// The test that the process was started for, as its runner says; empty if it runs many.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub test: String,
    /// Why the report was made.
    pub reason: HangReason,
    /// The signal that asked for it, by name; empty if none did.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub signal: String,
    /// How many threads the process had.
    pub n_threads: usize,
    /// Its threads, the one that the others wait for first. Threads that do the same share an
    /// entry.
    pub threads: Vec<HangThread>,
    /// The classes that the report names.
    pub classes: Vec<ReportClass>,
    /// What could not be read, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// What is left to say, a line each, where the report itself could not be made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
}

/// Why a hang report was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HangReason {
    /// The command asked for it, because the time of the run was over.
    Timeout,
    /// The process was asked to end.
    Terminated,
    /// The user sent the signal of `LOCKDEP_HANG_SIGNAL`.
    Signal,
    /// No thread moved for as long as `LOCKDEP_HANG_AFTER` says.
    Still,
    /// For a reason that only a newer version knows.
    #[default]
    #[serde(other)]
    Newer,
}

/// A thread, or several that do the same.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct HangThread {
    /// Its name; libtest names threads after tests.
    pub thread: String,
    /// What the operating system calls it.
    pub id: u32,
    /// The names of other threads that do the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub same: Vec<String>,
    /// The thread that started it, directly or through others; under libtest that of its test.
    /// Empty if that is the first thread of the process, or unknown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub started_by: String,
    /// What part it has in the hang.
    pub role: HangRole,
    /// Whether it has acquired or released a lock that is watched.
    pub watched: bool,
    /// Whether it runs, as the operating system says.
    pub state: HangState,
    /// The system call that it sleeps in, by name; empty if unknown or none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub system_call: String,
    /// The child process whose end it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub child: Option<HangChild>,
    /// What it waits for, if it waits in an operation that is watched.
    pub wait: Option<ThreadWait>,
    /// The entries of the threads that it waits for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<usize>,
    /// How many threads wait for it, directly or through others.
    pub n_waiters: usize,
    /// What it holds, oldest first.
    pub holds: Vec<ReportLock>,
    /// Whether what it holds could not be read.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub holds_unknown: bool,
    /// Where it is: its stack, innermost first, pruned.
    pub frames: Vec<Frame>,
    /// Why there is no stack; empty if there is one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub no_stack: String,
}

/// A process that a thread waits for.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct HangChild {
    /// What the operating system calls it.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Whether it runs, as the operating system says.
    pub state: HangState,
    /// The system call that it sleeps in, by name; empty if unknown or none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub system_call: String,
}

/// What part a thread has in a hang.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HangRole {
    /// Others wait for it, and it waits for itself through others.
    Ring,
    /// Others wait for it, and it waits for no thread that is known.
    Root,
    /// It waits for another thread.
    Waiter,
    /// One of several that hold nothing and wait for work.
    Idle,
    /// It waits for no thread that is known, and none waits for it.
    #[default]
    #[serde(other)]
    Other,
}

/// Whether a thread runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HangState {
    /// It runs, or is ready to.
    Running,
    /// It sleeps.
    Sleeping,
    /// The operating system does not say.
    #[default]
    #[serde(other)]
    Unknown,
}

impl HangReport {
    /// Returns the report as one line of JSON, newline included. The first field, `record`, tells
    /// it from a report of a violation.
    pub fn json_line(&self) -> String {
        let body = json::to_string(self);
        format!("{{\"record\":\"hang\",{}\n", &body[1..])
    }

    /// Returns the report with every text in it made printable.
    #[must_use]
    pub fn printable(&self) -> Self {
        let mut report = self.clone();
        report.each_text(&mut |text| {
            if let std::borrow::Cow::Owned(changed) = printable(text) {
                *text = changed;
            }
        });
        report
    }

    /// Gives `change` every text in the report.
    fn each_text(&mut self, change: &mut impl FnMut(&mut String)) {
        [&mut self.test, &mut self.signal].into_iter().for_each(&mut *change);
        self.remarks.iter_mut().chain(&mut self.lines).for_each(&mut *change);
        for class in &mut self.classes {
            let texts = [&mut class.name, &mut class.hash, &mut class.type_name, &mut class.kind];
            texts.into_iter().for_each(&mut *change);
            place(&mut class.site, change);
        }
        for thread in &mut self.threads {
            let HangThread { thread: name, started_by, system_call, no_stack, same, .. } = &mut *thread;
            let texts = [name, started_by, system_call, no_stack];
            texts.into_iter().chain(same).for_each(&mut *change);
            if let Some(child) = &mut thread.child {
                [&mut child.name, &mut child.system_call].into_iter().for_each(&mut *change);
            }
            if let Some(wait) = &mut thread.wait {
                change(&mut wait.end_of);
                change(&mut wait.behind);
                place(&mut wait.site, change);
                if let Some(event) = &mut wait.event {
                    let (places, names) = event.parts();
                    places.into_iter().for_each(|one| place(one, change));
                    names.into_iter().for_each(&mut *change);
                }
                wait.lock.iter_mut().for_each(|one| lock(one, change));
            }
            thread.holds.iter_mut().for_each(|one| lock(one, change));
            thread.frames.iter_mut().for_each(|one| frame(one, change));
        }
    }
}

impl HangThread {
    /// Returns how many threads the entry stands for.
    pub fn n_threads(&self) -> usize {
        1 + self.same.len()
    }

    /// Returns the innermost frame of its stack that is in the program's own packages.
    pub fn own_frame(&self) -> Option<&Frame> {
        let is_known = |frame: &&Frame| frame.line > 0 && !frame.file.is_empty();
        let is_own = |frame: &&Frame| !is_dependency(&frame.file) && !is_standard_library(&frame.file);
        self.frames.iter().filter(is_known).find(is_own)
    }
}

fn place(place: &mut Place, change: &mut impl FnMut(&mut String)) {
    change(&mut place.file);
    place.function.iter_mut().for_each(&mut *change);
    if let Some(caller) = &mut place.caller {
        self::place(caller, change);
    }
}

fn frame(frame: &mut Frame, change: &mut impl FnMut(&mut String)) {
    change(&mut frame.function);
    change(&mut frame.file);
}

fn lock(lock: &mut ReportLock, change: &mut impl FnMut(&mut String)) {
    change(&mut lock.class);
    change(&mut lock.hash);
    place(&mut lock.site, change);
    lock.frames.iter_mut().for_each(|one| frame(one, change));
}
