//! The hang report as people read it.

use std::fmt::Write as _;

use super::given_up::is_wait;
use crate::hang_report::{HangChild, HangReason, HangReport, HangRole, HangState, HangThread};
use crate::model::ReportLock;
use crate::modes::mode_word;
use crate::names::thread_words;
use crate::path::is_dependency;
use crate::place::{Frame, Place};
use crate::render::TextOptions;
use crate::render::fold::{Part, crates, folded};

/// How many entries are shown in full.
const MAX_SHOWN: usize = 40;
/// How many frames of a stack are shown that does not fit, besides those of the program itself.
const MAX_LONG: usize = 8;
/// How many names of threads that do the same are shown.
const MAX_NAMES: usize = 4;

/// Returns what the report comes to, in one sentence without a full stop.
pub fn headline(report: &HangReport) -> String {
    let Some(first) = report.threads.first() else {
        return "the threads of the process could not be read".to_owned();
    };
    let who = who(first);
    match first.role {
        HangRole::Ring => {
            let ring = report.threads.iter().take_while(|thread| thread.role == HangRole::Ring);
            let ring: usize = ring.map(HangThread::n_threads).sum();
            let n_more = (first.n_waiters + 1).saturating_sub(ring);
            let more = if n_more > 0 {
                format!(", and {} for them", threads_wait(n_more, "more "))
            } else {
                String::new()
            };
            format!("{} for each other{more}", threads_wait(ring, ""))
        }
        HangRole::Root => {
            let which = if first.same.is_empty() { "which" } else { "each of which" };
            format!("{} for {who}, {which} {}", threads_wait(first.n_waiters, ""), doing(first))
        }
        _ => {
            let waiting: Vec<&HangThread> =
                report.threads.iter().filter(|thread| thread.wait.is_some()).collect();
            match waiting.iter().map(|thread| thread.n_threads()).sum::<usize>() {
                0 => "no thread waits for a lock or an event that is watched".to_owned(),
                1 => format!("{} {}", self::who(waiting[0]), doing(waiting[0])),
                n => format!("{}, none of them for a thread that is known", threads_wait(n, "")),
            }
        }
    }
}

fn threads_wait(n: usize, more: &str) -> String {
    if n == 1 { format!("1 {more}thread waits") } else { format!("{n} {more}threads wait") }
}

/// Renders the report, with an empty line after it.
pub fn text(report: &HangReport, options: &TextOptions) -> String {
    let report = &report.printable();
    let styles = &options.styles;
    let head = styles.paint(styles.note, "hang");
    let title = styles.paint(styles.strong, &format!(": {}", headline(report)));
    let mut out = format!("{head}{title}\n");
    let test = if report.test.is_empty() { String::new() } else { format!(", test `{}`", report.test) };
    line(&mut out, "process", &format!("{}{test}, with {}", report.pid, count(report.n_threads)));
    line(&mut out, "asked by", &reason(report));
    for (index, thread) in report.threads.iter().enumerate().take(MAX_SHOWN) {
        out.push('\n');
        Writer { out: &mut out, report, options }.thread(index, thread);
    }
    if let Some(rest) = report.threads.get(MAX_SHOWN..).filter(|rest| !rest.is_empty()) {
        let n_more = rest.iter().map(HangThread::n_threads).sum();
        let _ =
            writeln!(out, "\n… and {} more: `LOCKDEP_FORMAT=json` and the record have them", count(n_more));
    }
    for said in report.lines.iter() {
        let _ = writeln!(out, "  {said}");
    }
    for remark in &report.remarks {
        line(&mut out, "note", remark);
    }
    out.push('\n');
    out
}

fn line(out: &mut String, word: &str, text: &str) {
    let _ = writeln!(out, "   = {word}: {text}");
}

fn count(n: usize) -> String {
    if n == 1 { "1 thread".to_owned() } else { format!("{n} threads") }
}

fn reason(report: &HangReport) -> String {
    match report.reason {
        HangReason::Timeout => "the command, because the time of the run was over".to_owned(),
        HangReason::Terminated => format!("{}, which ends the process after this report", report.signal),
        HangReason::Signal => format!("{}, as LOCKDEP_HANG_SIGNAL says; the process goes on", report.signal),
        HangReason::Still => "LOCKDEP_HANG_AFTER: no thread has moved for so long".to_owned(),
        HangReason::Newer => "a newer version".to_owned(),
    }
}

/// What the entry is called in a sentence.
fn who(thread: &HangThread) -> String {
    let name =
        if thread.thread.is_empty() { format!("thread {}", thread.id) } else { thread_words(&thread.thread) };
    match thread.same.len() {
        0 => name,
        1 => format!("{name} and {}", thread_words(&thread.same[0])),
        n => format!("{name} and {n} others"),
    }
}

/// What the thread does, as the rest of a sentence.
fn doing(thread: &HangThread) -> String {
    if let Some(wait) = &thread.wait {
        let limit = if wait.timed { ", with a timeout" } else { "" };
        return format!("has waited {} for {}{limit}", wait.time(), wait.words());
    }
    let call = &thread.system_call;
    match thread.state {
        HangState::Running => "runs".to_owned(),
        _ if thread.frames.first().is_some_and(is_wait) => "waits for a notification".to_owned(),
        HangState::Sleeping if call.is_empty() => "sleeps outside of what is watched".to_owned(),
        state => state_words(state, call),
    }
}

fn state_words(state: HangState, call: &str) -> String {
    match state {
        HangState::Running => "runs".to_owned(),
        HangState::Sleeping if call.is_empty() => "sleeps".to_owned(),
        HangState::Sleeping => format!("sleeps in the system call `{call}`"),
        HangState::Unknown => "may run or sleep".to_owned(),
    }
}

/// The place where the program asks for a lock.
fn place(place: &Place) -> String {
    place.outside_wrapper().to_string()
}

struct Writer<'a> {
    out: &'a mut String,
    report: &'a HangReport,
    options: &'a TextOptions,
}

impl Writer<'_> {
    fn thread(&mut self, index: usize, thread: &HangThread) {
        let styles = &self.options.styles;
        if thread.role == HangRole::Idle {
            let names = names(thread);
            let at = thread.frames.iter().find(|frame| !is_wait(frame));
            let at = at.map_or_else(String::new, |frame| format!(" in {}", frame_words(frame)));
            let _ = writeln!(
                self.out,
                "{} hold nothing and {}{at}; no thread waits for them: {names}",
                count(thread.n_threads()),
                doing_all(thread)
            );
            return;
        }
        let name = styles.paint(styles.strong, &who(thread));
        let waiters = match thread.n_waiters {
            0 => String::new(),
            n => format!(" ({} for it)", threads_wait(n, "")),
        };
        let verb = if thread.same.is_empty() { doing(thread) } else { format!("each {}", doing(thread)) };
        let _ = writeln!(self.out, "{name}{waiters} {verb}");
        if thread.same.len() > 1 {
            self.line("threads", &names(thread));
        }
        if !thread.started_by.is_empty() {
            self.line("started by", &thread_words(&thread.started_by));
        }
        if let Some(wait) = &thread.wait {
            self.line("waits at", &place(&wait.site));
            let in_dependency = is_dependency(&wait.site.outside_wrapper().file);
            if let Some(frame) = thread.own_frame().filter(|_| in_dependency) {
                self.line("called from", &frame_words(frame));
            }
            for (word, text) in wait.event_lines() {
                self.line(word, &text);
            }
        }
        if let Some(HangChild { id, name, state, system_call }) = &thread.child {
            let does = state_words(*state, system_call);
            self.line("waits for child", &format!("process {id} (`{name}`), which {does}"));
        }
        for target in thread.waits_for.iter().take(MAX_NAMES) {
            let Some(other) = self.report.threads.get(*target) else { continue };
            self.line("waits for", &self.held_by(thread, other, index == *target));
        }
        for lock in &thread.holds {
            self.line("holds", &format!("{} since {}", lock_words(lock), place(&lock.site)));
        }
        if thread.holds_unknown {
            self.line("holds", "could not be read: the thread was inside a lock operation");
        }
        self.stack(thread);
    }

    fn line(&mut self, word: &str, text: &str) {
        let _ = writeln!(self.out, "   = {word}: {text}");
    }

    /// Whom the thread waits for, and since where that one holds what is wanted.
    fn held_by(&self, thread: &HangThread, other: &HangThread, is_same: bool) -> String {
        let who = if is_same { "another of these threads".to_owned() } else { who(other) };
        let wanted = thread.wait.as_ref().and_then(|wait| wait.lock.as_ref());
        let held = wanted.and_then(|wanted| {
            other.holds.iter().rfind(|held| (&held.hash, held.instance) == (&wanted.hash, wanted.instance))
        });
        match held {
            Some(held) => format!("{who}, which holds {} since {}", lock_words(held), place(&held.site)),
            None if is_same || other.same.is_empty() => format!("{who}, which {}", doing(other)),
            None => format!("{who}, each of which {}", doing(other)),
        }
    }

    fn stack(&mut self, thread: &HangThread) {
        if !thread.no_stack.is_empty() {
            self.line("stack", &thread.no_stack);
        }
        if thread.frames.is_empty() || self.options.n_frames == 0 {
            return;
        }
        self.line("stack", "where it is now");
        // Of a long stack the ends and the program's own frames are enough.
        let fits = thread.frames.len() <= self.options.n_frames;
        let n_shown = if fits { thread.frames.len() } else { self.options.n_frames.min(MAX_LONG) };
        for part in folded(&thread.frames, &[], n_shown) {
            let _ = match part {
                Part::Frame(index) => writeln!(self.out, "       {}", frame_words(&thread.frames[index])),
                Part::Folded(range) => {
                    let n = range.len();
                    writeln!(self.out, "       … {n} frames of {}", crates(&thread.frames[range]))
                }
            };
        }
    }
}

fn doing_all(thread: &HangThread) -> String {
    match &thread.wait {
        Some(wait) => format!("wait for {}, for {} at most", wait.words(), wait.time()),
        None if thread.frames.first().is_some_and(is_wait) => "wait for a notification".to_owned(),
        None if thread.system_call.is_empty() => "sleep".to_owned(),
        None => format!("sleep in the system call `{}`", thread.system_call),
    }
}

fn names(thread: &HangThread) -> String {
    let all = std::iter::once(&thread.thread).chain(&thread.same);
    let shown: Vec<String> = all.take(MAX_NAMES).map(|name| listed(name)).collect();
    let n_more = thread.n_threads().saturating_sub(MAX_NAMES);
    let more = if n_more > 0 { format!(" and {n_more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// A name in a list of threads.
fn listed(name: &str) -> String {
    // One without a name of its own needs no quotes.
    if thread_words(name) == name { name.to_owned() } else { format!("`{name}`") }
}

fn lock_words(lock: &ReportLock) -> String {
    format!("`{}` {}", lock.class, mode_word(lock.mode))
}

fn frame_words(frame: &Frame) -> String {
    match (frame.file.is_empty(), frame.line) {
        (true, _) => frame.function.clone(),
        (false, 0) => format!("{} at {}", frame.function, frame.file),
        (false, line) => format!("{} at {}:{line}", frame.function, frame.file),
    }
}
