//! What a process that hangs says when it is asked: the right root, the right places.
//!
//! Each program is asked by `LOCKDEP_HANG_AFTER`, which also shows that it hangs, or by a signal
//! once it is seen to hang. None of these tests measures time.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lockdep_report::hang_report::{HangReason, HangReport, HangRole, HangState, HangThread};
use lockdep_report::model::WaitKind;
use lockdep_report::record::Record;
use lockdep_report::wait_event::{WaitEvent, WaitProvision};
use tempfile::TempDir;

/// How long a program may take before it counts as lost.
const LIMIT: Duration = Duration::from_secs(120);

/// A program of the corpus that runs, and is killed in the end.
struct Running {
    child: Child,
    dir: TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Who is gone already needs no kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn start(program: &str, env: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_corpus"));
        command.arg(program);
        Self::start_command(command, env)
    }

    fn start_command(mut command: Command, env: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("LOCKDEP"))
        {
            command.env_remove(name);
        }
        command.env("LOCKDEP", "1").env("LOCKDEP_FORMAT", "json");
        command
            .env("LOCKDEP_OUTPUT", dir.path().join("output"))
            .env("LOCKDEP_DIR", dir.path().join("records"));
        command.envs(env.iter().copied()).stdin(Stdio::null()).stdout(Stdio::null());
        Self { child: command.spawn().expect("the corpus starts"), dir }
    }

    /// What was written, whole lines only.
    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.dir.path().join("output")).unwrap_or_default();
        text.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(str::to_owned).collect()
    }

    fn hangs(&self) -> Vec<HangReport> {
        let records = self.lines().into_iter().filter_map(|line| Record::parse_line(line.as_bytes()).ok());
        let hangs = records.filter_map(|record| match record {
            Record::Hang(hang) => Some(*hang),
            _ => None,
        });
        hangs.collect()
    }

    /// Waits until so many hang reports were written, and returns the last.
    fn hang(&mut self, n_reports: usize) -> HangReport {
        self.wait_for(|running| running.hangs().len() >= n_reports);
        self.hangs().pop().expect("it was waited for")
    }

    fn wait_for(&mut self, mut is_there: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !is_there(self) {
            assert!(start.elapsed() < LIMIT, "it never came: {:?}", self.lines());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn send(&self, signal: libc::c_int) {
        let pid = libc::pid_t::try_from(self.child.id()).expect("small");
        // SAFETY: the child has not been waited for.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }

    fn record(&self) -> Vec<Record> {
        let files = std::fs::read_dir(self.dir.path().join("records")).expect("there is a record");
        let files: Vec<PathBuf> = files.map(|file| file.expect("readable").path()).collect();
        let files: Vec<&PathBuf> = files.iter().filter(|path| path.extension().is_some()).collect();
        assert_eq!(files.len(), 1, "the copy writes to the record of the process");
        let bytes = std::fs::read(files[0]).expect("readable");
        bytes.split(|byte| *byte == b'\n').filter_map(|line| Record::parse_line(line).ok()).collect()
    }
}

/// What a program says after half a second without a move.
fn asked(program: &str) -> HangReport {
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

fn thread<'a>(hang: &'a HangReport, name: &str) -> &'a HangThread {
    hang.threads.iter().find(|thread| thread.thread == name).unwrap_or_else(|| panic!("{name}: {hang:#?}"))
}

fn names_of<'a>(hang: &'a HangReport, thread: &HangThread) -> Vec<&'a str> {
    thread.waits_for.iter().map(|index| hang.threads[*index].thread.as_str()).collect()
}

fn is_in(thread: &HangThread, function: &str) -> bool {
    thread.frames.iter().any(|frame| frame.function.contains(function))
}

/// The line of the corpus that contains `text`, from 1.
fn line_of(text: &str) -> u32 {
    let source = include_str!("../corpus/stuck.rs");
    let line = source.lines().position(|line| line.contains(text)).expect("it is there");
    u32::try_from(line + 1).expect("small")
}

#[test]
fn a_ring_is_the_root_and_each_thread_names_what_it_holds_and_wants() {
    let hang = asked("stuck_abba");
    let [a, b] = ["a", "b"].map(|name| thread(&hang, name));
    assert_eq!([hang.threads[0].role, hang.threads[1].role, a.role, b.role], [HangRole::Ring; 4]);
    assert_eq!((names_of(&hang, a), names_of(&hang, b)), (vec!["b"], vec!["a"]));
    for thread in [a, b] {
        let wait = thread.wait.as_ref().expect("it waits");
        assert_eq!(wait.site.line, line_of("let _next = locks["));
        assert_eq!(thread.holds[0].site.line, line_of("let _own = locks["));
        assert!(is_in(thread, "stuck::ring"), "{thread:#?}");
    }
    let main = thread(&hang, "main");
    assert_eq!((main.role, names_of(&hang, main)), (HangRole::Waiter, vec!["a"]));
    assert_eq!(main.wait.as_ref().map(|wait| wait.site.line), Some(line_of("thread.join().unwrap();")));
}

#[test]
fn who_waits_for_a_ring_comes_after_it() {
    let hang = asked("stuck_three");
    let roles: Vec<HangRole> = hang.threads.iter().map(|thread| thread.role).collect();
    assert_eq!(roles[..3], [HangRole::Ring; 3]);
    assert!(roles[3..].iter().all(|role| *role == HangRole::Waiter));
    assert_eq!(names_of(&hang, thread(&hang, "late")), ["a"]);
    assert_eq!(thread(&hang, "a").n_waiters, 4);
}

#[test]
fn a_lost_notification_makes_its_waiter_the_root() {
    let hang = asked("stuck_notification");
    assert_eq!((hang.threads[0].thread.as_str(), hang.threads[0].role), ("waiter", HangRole::Root));
    assert_eq!(
        hang.threads[0].wait.as_ref().map(|wait| wait.site.line),
        Some(line_of("CHANGED.wait(state)"))
    );
    assert_eq!(names_of(&hang, thread(&hang, "main")), ["waiter"]);
}

#[test]
fn a_thread_that_waits_in_nothing_of_ours_shows_its_stack_and_what_it_holds() {
    let mut pipe = Running::start("stuck_pipe", &[("LOCKDEP_HANG_AFTER", "0.5")]);
    let in_pipe = pipe.hang(1);
    let root = &in_pipe.threads[0];
    assert_eq!(
        (root.thread.as_str(), root.role, root.state),
        ("holder", HangRole::Root, HangState::Sleeping)
    );
    assert!(is_in(root, "stuck::pipe"), "{root:#?}");
    assert!(["wait4", "waitid"].contains(&root.system_call.as_str()), "{}", root.system_call);
    assert_eq!(root.holds.len(), 1);
    let hang = asked("stuck_in_c");
    let root = &hang.threads[0];
    assert_eq!((root.thread.as_str(), root.system_call.as_str()), ("holder", "futex"));
    assert!(is_in(root, "wait_in_c"), "{root:#?}");
}

#[test]
fn a_thread_that_spins_is_told_from_one_that_sleeps() {
    let mut running = Running::start("stuck_spin", &[("LOCKDEP_HANG_SIGNAL", "USR1")]);
    // It is asked until the others wait: a report costs the program nothing.
    let start = Instant::now();
    let mut n_reports = 0;
    let hang = loop {
        assert!(start.elapsed() < LIMIT, "it never hung: {:?}", running.lines());
        running.wait_for(|running| !running.record_is_empty());
        let hang = running.ask(&mut n_reports);
        if hang.threads.iter().any(|thread| thread.thread == "waiter" && thread.wait.is_some()) {
            break hang;
        }
    };
    let root = &hang.threads[0];
    assert_eq!((root.thread.as_str(), root.state, root.role), ("holder", HangState::Running, HangRole::Root));
    assert!(is_in(root, "spin_until_set"), "{root:#?}");
    assert_eq!((hang.reason, hang.signal.as_str()), (HangReason::Signal, "SIGUSR1"));
    assert!(running.child.try_wait().expect("a child").is_none(), "it goes on");
}

impl Running {
    /// Asks until there is one report more: a request that comes while a report is made is dropped.
    fn ask(&mut self, n_reports: &mut usize) -> HangReport {
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

    fn record_is_empty(&self) -> bool {
        let files = std::fs::read_dir(self.dir.path().join("records")).into_iter().flatten().flatten();
        !files.into_iter().any(|file| file.path().extension().is_some())
    }
}

#[test]
fn an_idle_pool_is_one_entry_at_the_end() {
    let hang = asked("stuck_crowd");
    assert_eq!(hang.threads[0].role, HangRole::Ring);
    let last = hang.threads.last().expect("there are threads");
    assert_eq!((last.role, last.n_threads()), (HangRole::Idle, 500));
    assert!(last.thread.starts_with("pool-"));
}

#[test]
fn a_thread_that_hangs_in_a_destructor_or_a_handler_is_shown() {
    let hang = asked("stuck_destructor");
    let ends = thread(&hang, "ends");
    // Whether the join waits for the thread or for its last steps only is up to the schedule.
    assert_eq!((ends.role <= HangRole::Waiter, names_of(&hang, ends)), (true, vec!["main"]));
    assert_eq!(ends.wait.as_ref().map(|wait| wait.site.line), Some(line_of("fn drop(&mut self)") + 1));
    let mut running = Running::start("stuck_handler", &[("LOCKDEP_HANG_SIGNAL", "USR1")]);
    running.wait_for(|running| !running.record_is_empty());
    let mut n_reports = 0;
    loop {
        let hang = running.ask(&mut n_reports);
        if is_in(&hang.threads[0], "stuck::handler") && is_in(&hang.threads[0], "waits") {
            break;
        }
    }
}

#[test]
fn sigterm_reports_and_then_ends_the_process_as_it_would_have() {
    let mut running = Running::start("stuck_abba", &[("LOCKDEP_HANG_AFTER", "0.3")]);
    running.hang(1);
    running.send(libc::SIGTERM);
    let status = running.child.wait().expect("a child");
    assert_eq!(status.signal(), Some(libc::SIGTERM));
    let hang = running.hangs().pop().expect("there are two");
    assert_eq!((hang.reason, hang.signal.as_str()), (HangReason::Terminated, "SIGTERM"));
    assert_eq!(hang.threads[0].role, HangRole::Ring);
}

#[test]
fn a_handler_of_the_program_wins() {
    let mut running = Running::start("stuck_own_handler", &[("LOCKDEP_HANG_AFTER", "0.3")]);
    running.hang(1);
    running.send(libc::SIGTERM);
    let status = running.child.wait().expect("a child");
    assert_eq!((status.code(), running.hangs().len()), (Some(7), 1));
}

#[test]
fn a_slow_program_is_not_said_to_hang() {
    for program in ["slow_holder", "slow_crowd"] {
        for _ in 0..3 {
            let mut running = Running::start(program, &[("LOCKDEP_HANG_AFTER", "0.2")]);
            assert_eq!(running.child.wait().expect("a child").code(), Some(0));
            assert!(running.hangs().is_empty(), "{:?}", running.lines());
        }
    }
}

#[test]
fn a_system_that_refuses_signals_costs_the_stacks_alone() {
    let hang = asked("stuck_no_signal");
    let waiter = thread(&hang, "waiter");
    assert_eq!(names_of(&hang, waiter), ["main"]);
    assert!(waiter.frames.is_empty() && waiter.no_stack.contains("refuses the signal"), "{waiter:#?}");
}

/// The hang reports in a record.
fn recorded(running: &Running) -> Vec<HangReport> {
    let hangs = running.record().into_iter().filter_map(|record| match record {
        Record::Hang(hang) => Some(*hang),
        _ => None,
    });
    hangs.collect()
}

#[test]
fn without_a_copy_of_the_process_the_waits_are_said_all_the_same() {
    let mut running = Running::start("stuck_no_copy", &[("LOCKDEP_HANG_AFTER", "0.5")]);
    running.wait_for(|running| !running.record_is_empty() && !recorded(running).is_empty());
    let hang = recorded(&running).pop().expect("there is one");
    assert!(hang.remarks[0].contains("the system refuses to copy the process"), "{hang:?}");
    assert!(
        hang.lines.iter().any(|line| line.contains("for a lock at ") && line.contains("corpus/stuck.rs:")),
        "{hang:?}"
    );
}

#[test]
fn a_hang_inside_the_allocator_is_survived() {
    let command = Command::new(env!("CARGO_BIN_EXE_stuck_allocator"));
    let mut running = Running::start_command(command, &[]);
    // In the system call `pause`, which only its allocator makes.
    let call = format!("{} ", libc::SYS_pause);
    let pid = running.child.id();
    running.wait_for(|_| {
        std::fs::read_to_string(format!("/proc/{pid}/syscall")).is_ok_and(|text| text.starts_with(&call))
    });
    running.send(libc::SIGTERM);
    let status = running.child.wait().expect("a child");
    assert_eq!(status.signal(), Some(libc::SIGTERM), "it ends by the signal all the same");
    let hang = recorded(&running).pop().expect("there is one");
    assert!(hang.remarks[0].contains("hangs inside the allocator"), "{hang:?}");
}

/// The line of the programs that wait for what others bring, from 1.
fn line_of_events(text: &str) -> u32 {
    let source = include_str!("../corpus/stuck_events.rs");
    let line = source.lines().position(|line| line.contains(text)).expect("it is there");
    u32::try_from(line + 1).expect("small")
}

/// What a thread waits for, and what is known of it.
fn event<'a>(hang: &'a HangReport, name: &str, kind: WaitKind) -> &'a WaitEvent {
    let wait = thread(hang, name).wait.as_ref().expect("it waits");
    assert_eq!(wait.kind, kind);
    wait.event.as_ref().expect("something is known")
}

/// Who did something last, where, and whether that was before the wait.
fn last(provision: Option<&WaitProvision>) -> Option<(&str, u32, bool)> {
    provision.map(|last| (last.thread.as_str(), last.site.line, last.before_wait))
}

#[test]
fn a_receiver_that_has_the_last_sender_waits_for_one_sender() {
    let hang = asked("stuck_receive");
    let event = event(&hang, "receiver", WaitKind::Message);
    assert_eq!(event.created.line, line_of_events("let (sender, receiver) = channel();"));
    assert_eq!(event.providers, Some(1), "its own");
    let sent = line_of_events("other.send(1).unwrap()");
    assert_eq!(last(event.provided.as_ref()), Some(("sender", sent, true)));
    let received = line_of_events("for number in &receiver {");
    assert_eq!(last(event.taken.as_ref()), Some(("receiver", received, true)));
}

#[test]
fn a_full_channel_and_the_lock_that_its_receiver_wants() {
    let hang = asked("stuck_send");
    let room = event(&hang, "producer", WaitKind::Room);
    assert_eq!((room.providers, thread(&hang, "producer").holds.len()), (Some(1), 1));
    let received = line_of_events("assert_eq!(receiver.recv(), Ok(1));");
    assert_eq!(last(room.provided.as_ref()), Some(("consumer", received, true)));
    assert_eq!(last(room.taken.as_ref()).map(|sent| sent.0), Some("producer"));
    let consumer = thread(&hang, "consumer");
    assert_eq!(names_of(&hang, consumer), ["producer"]);
}

#[test]
fn a_barrier_says_how_many_have_arrived() {
    let hang = asked("stuck_barrier");
    // Two threads that do the same share an entry.
    let waiting = hang.threads.iter().filter_map(|thread| thread.wait.as_ref());
    let at_barrier: Vec<_> = waiting.filter(|wait| wait.kind == WaitKind::Arrivals).collect();
    let event = at_barrier.first().and_then(|wait| wait.event.as_ref()).expect("something is known");
    assert_eq!((event.arrived, event.needed), (Some(2), Some(3)));
}

#[test]
fn a_parked_thread_waits_for_another_to_unpark_it() {
    let hang = asked("stuck_park");
    let wait = thread(&hang, "parked").wait.as_ref().expect("it waits");
    assert_eq!((wait.kind, wait.timed, wait.event.as_ref()), (WaitKind::Unpark, false, None));
    assert_eq!(names_of(&hang, thread(&hang, "main")), ["parked"]);
}

#[test]
fn a_notification_that_was_lost_came_before_the_wait() {
    let hang = asked("stuck_lost_notification");
    let event = event(&hang, "waiter", WaitKind::Notification);
    assert_eq!(event.created.line, line_of_events("static CHANGED: Condvar = Condvar::new();"));
    let notified = line_of_events("CHANGED.notify_one();");
    assert_eq!(last(event.provided.as_ref()), Some(("notifier", notified, true)));
}
