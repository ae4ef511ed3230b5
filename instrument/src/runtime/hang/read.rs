//! What the copy of the process reads of the threads, and writes.

use std::fs;

use lockdep_report::hang::build::{HangHead, SeenTask, SeenThread, build};
use lockdep_report::hang_report::{HangChild, HangState};
use lockdep_report::place::Frame;
use lockdep_validator::LockUse;
use rustc_hash::FxHashMap;

use super::ask::Ask;
use super::stop::{self, Cell};
use super::unwind;
use crate::runtime::identity::stack::resolve;
use crate::runtime::system::thread_state::{has_slept, of_process};
use crate::runtime::system::{signal_name, threads};
use crate::runtime::task::stopped::Stopped;
use crate::runtime::wait::{Watched, watched};
use crate::runtime::{Runtime, running};

/// After so long functions are no longer named: naming the first ones of a large program may take
/// seconds on a busy machine. The report must be out before the process is killed.
const NAMING_MS: u64 = 3500;

/// Reads what the threads of the process `original` do, and writes the report. In a copy of it,
/// made by the thread that stopped them at `start`.
pub(super) fn report(ask: Ask, original: u32, start: u64) {
    let Some(runtime) = running() else { return };
    let mut remarks = Vec::new();
    let threads = threads(runtime, original, &mut remarks);
    let head = HangHead {
        pid: original,
        test: std::env::var("NEXTEST_TEST_NAME").unwrap_or_default(),
        reason: ask.reason,
        signal: if ask.signal == 0 { String::new() } else { signal_name::of(ask.signal) },
        remarks,
    };
    let mut named: FxHashMap<usize, Vec<Frame>> = FxHashMap::default();
    let mut is_late = false;
    let mut report = build(head, &threads, runtime, runtime, &mut |address| {
        named
            .entry(address)
            .or_insert_with(|| {
                is_late |= threads::now_ms().saturating_sub(start) > NAMING_MS;
                if is_late { unnamed(address) } else { frames(runtime, address) }
            })
            .clone()
    });
    if is_late {
        report.remarks.push("there was no time left to name all functions".to_owned());
    }
    if let Some(recorder) = &runtime.recorder {
        recorder.hang(&report);
    }
    runtime.sinks.submit_hang(&report);
}

fn frames(runtime: &Runtime, address: usize) -> Vec<Frame> {
    let mut frames = resolve(address);
    frames.iter_mut().for_each(|frame| frame.file = runtime.sinks.shown(&frame.file));
    frames
}

fn unnamed(address: usize) -> Vec<Frame> {
    vec![Frame { function: format!("{address:#x}"), ..Frame::default() }]
}

fn threads(runtime: &Runtime, original: u32, remarks: &mut Vec<String>) -> Vec<SeenThread> {
    let mut known: FxHashMap<u32, Watched> =
        watched(&runtime.validator).map(|watched| (watched.os_id, watched)).collect();
    let cells = stop::cells();
    let n_silent = cells.iter().filter(|cell| cell.answer().is_none()).count();
    if n_silent > 0 {
        let threads = if n_silent == 1 { "1 thread".to_owned() } else { format!("{n_silent} threads") };
        remarks.push(format!(
            "{threads} went on while the others stood still: what is said of them may be older"
        ));
    }
    cells.iter().map(|cell| seen(runtime, original, cell, &mut known)).collect()
}

fn seen(runtime: &Runtime, original: u32, cell: &Cell, known: &mut FxHashMap<u32, Watched>) -> SeenThread {
    let id = cell.id();
    let task = known.remove(&id);
    let name = match &task {
        Some(task) => runtime.names.name(task.task),
        None => name(original, id),
    };
    let task = task.map(|watched| SeenTask {
        task: watched.task,
        scope: watched.scope,
        origin: watched.origin,
        held: if watched.wait.is_some() { None } else { held(runtime, original, cell, watched.word) },
        wait: watched.wait,
    });
    let stack = match cell.answer() {
        _ if !runtime.config.backtrace => Err("not taken: LOCKDEP_BACKTRACE=0".to_owned()),
        None => Err(format!("{}{}", cell.why_no_stack(), told(original, cell))),
        Some(context) if context > 1 => match unwind::walk(context) {
            frames if frames.is_empty() => Err("not taken on this machine".to_owned()),
            frames => Ok(frames),
        },
        Some(_) => Err("not taken".to_owned()),
    };
    let is_running = cell.is_running();
    let state = |is_running| match is_running {
        Some(true) => HangState::Running,
        Some(false) => HangState::Sleeping,
        None => HangState::Unknown,
    };
    let child = awaited_child(cell).and_then(|id| {
        let (name, look) = of_process(id)?;
        let system_call = if look.is_running == Some(false) { call_name(look.call) } else { String::new() };
        let mut child = HangChild::default();
        (child.id, child.name, child.state) = (id, name, state(look.is_running));
        child.system_call = system_call;
        Some(child)
    });
    SeenThread {
        child,
        id,
        name,
        task,
        state: state(is_running),
        system_call: if is_running == Some(false) { call_name(cell.call()) } else { String::new() },
        stack,
    }
}

/// The child process whose end the thread waits for, if it is a certain one.
fn awaited_child(cell: &Cell) -> Option<u32> {
    let [first, second] = cell.arguments();
    let id = match libc::c_long::from(cell.call()) {
        libc::SYS_wait4 => first,
        libc::SYS_waitid if u32::try_from(first) == Ok(libc::P_PID) => second,
        _ => return None,
    };
    // Negative ones stand for groups.
    i32::try_from(id).ok().filter(|id| *id > 0).map(i32::unsigned_abs)
}

/// Where a thread without a stack is, as far as the system tells: the function that made the system
/// call, and where the kernel has the thread.
fn told(original: u32, cell: &Cell) -> String {
    let function = cell.at().and_then(|at| resolve(at).into_iter().next()).map(|frame| frame.function);
    let kernel = fs::read_to_string(format!("/proc/{original}/task/{}/wchan", cell.id())).unwrap_or_default();
    let kernel = Some(kernel).filter(|name| !name.is_empty() && name != "0");
    match (function, kernel) {
        (None, None) => String::new(),
        (Some(function), None) => format!("; it is in `{function}`"),
        (None, Some(kernel)) => format!("; it is in the kernel's `{kernel}`"),
        (Some(function), Some(kernel)) => {
            format!("; it is in `{function}`, and in the kernel's `{kernel}`")
        }
    }
}

/// What the system calls a thread that is not watched. The first one has the name of the program.
fn name(original: u32, id: u32) -> String {
    if id == original {
        return "main".to_owned();
    }
    let name = fs::read_to_string(format!("/proc/{original}/task/{id}/comm")).unwrap_or_default();
    name.trim_end().to_owned()
}

/// What a thread that does not wait in a lock of ours holds, oldest first.
fn held(runtime: &Runtime, original: u32, cell: &Cell, word: usize) -> Option<Vec<LockUse>> {
    let stopped = match cell.answer() {
        Some(_) => cell.held(),
        // One that could not be asked, and has slept all the time, changed nothing.
        None if word != 0 && has_slept(original, cell.id(), cell.n_switches()) => {
            // SAFETY: its slot had an owner in this copy.
            unsafe { Stopped::of_sleeper(word) }
        }
        None => return None,
    };
    // SAFETY: this is a copy of the process, and its only thread.
    let task = unsafe { stopped.task() }?;
    runtime.validator.notice_releases(&mut task.context);
    let mut held: Vec<LockUse> =
        task.context.held_records().map(|record| runtime.validator.recalled(&record)).collect();
    held.reverse();
    Some(held)
}

/// The name of a system call that threads sleep in.
fn call_name(number: i32) -> String {
    let known: &[(libc::c_long, &str)] = &[
        (libc::SYS_read, "read"),
        (libc::SYS_readv, "readv"),
        (libc::SYS_write, "write"),
        (libc::SYS_writev, "writev"),
        (libc::SYS_recvfrom, "recvfrom"),
        (libc::SYS_recvmsg, "recvmsg"),
        (libc::SYS_sendto, "sendto"),
        (libc::SYS_sendmsg, "sendmsg"),
        (libc::SYS_accept, "accept"),
        (libc::SYS_accept4, "accept4"),
        (libc::SYS_connect, "connect"),
        (libc::SYS_ppoll, "ppoll"),
        (libc::SYS_pselect6, "pselect6"),
        (libc::SYS_epoll_pwait, "epoll_pwait"),
        (libc::SYS_futex, "futex"),
        (libc::SYS_nanosleep, "nanosleep"),
        (libc::SYS_clock_nanosleep, "clock_nanosleep"),
        (libc::SYS_wait4, "wait4"),
        (libc::SYS_waitid, "waitid"),
        (libc::SYS_rt_sigtimedwait, "rt_sigtimedwait"),
        (libc::SYS_rt_sigsuspend, "rt_sigsuspend"),
        (libc::SYS_flock, "flock"),
        (libc::SYS_fcntl, "fcntl"),
        (libc::SYS_fsync, "fsync"),
        (libc::SYS_ioctl, "ioctl"),
        (libc::SYS_openat, "openat"),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_poll, "poll"),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_select, "select"),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_epoll_wait, "epoll_wait"),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_pause, "pause"),
    ];
    known
        .iter()
        .find(|(known, _)| *known == libc::c_long::from(number))
        .map_or_else(String::new, |(_, name)| (*name).to_owned())
}
