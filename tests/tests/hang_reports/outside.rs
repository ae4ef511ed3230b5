//! Threads that wait in nothing of ours.

use std::time::Instant;

use lockdep_report::hang_report::{HangReason, HangRole, HangState, HangThread};

use super::running::{LIMIT, Running, asked, is_in, line_in, line_of, line_of_locks, names_of, thread};
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
    let child = root.child.as_ref().expect("it waits for a child");
    assert_eq!((child.name.as_str(), child.state), ("yes", HangState::Sleeping));
    // The system may keep it from a process that is no parent.
    assert!(["write", ""].contains(&child.system_call.as_str()), "{child:?}");
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
fn a_thread_that_waits_for_a_pool_shows_its_stack_and_who_of_the_pool_wants_its_lock() {
    let hang = asked("stuck_rayon");
    let root = &hang.threads[0];
    assert_eq!(
        (root.thread.as_str(), root.role, root.system_call.as_str()),
        ("caller", HangRole::Root, "futex")
    );
    assert!(is_in(root, "ThreadPool::install") && is_in(root, "wait_for_pool"), "{root:#?}");
    assert_eq!(root.holds[0].site.line, line_of_locks("let state = STATE.lock().unwrap();"));
    let job = hang.threads.iter().find(|thread| thread.thread.starts_with("pool-") && thread.wait.is_some());
    let job = job.expect("a thread of the pool runs the job");
    assert_eq!((job.role, names_of(&hang, job)), (HangRole::Waiter, vec!["caller"]));
    let wanted = line_of_locks("drop(STATE.lock().unwrap());");
    assert_eq!(job.wait.as_ref().map(|wait| wait.site.line), Some(wanted));
}

#[test]
fn a_thread_that_blocks_signals_has_what_the_system_tells_in_place_of_its_stack() {
    let hang = asked("stuck_deaf");
    let root = &hang.threads[0];
    assert_eq!((root.thread.as_str(), root.role, root.state), ("deaf", HangRole::Root, HangState::Sleeping));
    assert_eq!((root.system_call.as_str(), root.frames.len()), ("read", 0));
    assert!(root.no_stack.starts_with("not taken: the thread blocks signals"), "{root:#?}");
    assert!(root.no_stack.contains("; it is in `") && root.no_stack.contains("read"), "{root:#?}");
    // It has slept all the time, so what it holds can be read without its help.
    assert_eq!(root.holds.len(), 1, "{root:#?}");
}

#[test]
fn who_waits_in_an_address_space_names_the_thread_that_keeps_it_out() {
    let hang = asked("stuck_vma");
    let [reader, writer, late] = ["reader", "writer", "late"].map(|name| thread(&hang, name));
    assert_eq!((hang.threads[0].thread.as_str(), reader.role), ("reader", HangRole::Root));
    assert_eq!((names_of(&hang, writer), names_of(&hang, late)), (vec!["reader"], vec!["writer"]));
    let source = include_str!("../../corpus/stuck_vma.rs");
    let [read, write, start, wait] =
        ["lock_vma_under_rcu(space", ".mm().write()", "start_write(", ".mm().read()"]
            .map(|text| line_in(source, text));
    assert_eq!((reader.holds[0].class.as_str(), reader.holds[0].site.line), ("vm_lock", read));
    assert_eq!((writer.holds[0].class.as_str(), writer.holds[0].site.line), ("mmap_lock", write));
    let line = |thread: &HangThread| thread.wait.as_ref().map(|wait| wait.site.line);
    assert_eq!((line(writer), line(late)), (Some(start), Some(wait)));
}
