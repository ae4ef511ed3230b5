//! What asks for a report, and what the process then does.

use std::os::unix::process::ExitStatusExt as _;

use lockdep_report::hang_report::{HangReason, HangRole};

use super::running::Running;
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
fn a_thread_that_passed_the_report_on_goes_on_meanwhile() {
    let mut running = Running::start("stuck_busy_main", &[("LOCKDEP_HANG_SIGNAL", "USR1")]);
    running.wait_for(|running| running.lines().iter().any(|line| line.contains("\"LD0100\"")));
    let mut n_reports = 0;
    for _ in 0..20 {
        // Its stack is another one by the time at which threads are asked where they are.
        let hang = running.ask(&mut n_reports);
        assert_eq!(hang.threads[0].role, HangRole::Ring, "{hang:#?}");
        assert!(running.child.try_wait().expect("a child").is_none(), "it goes on");
    }
}

#[test]
fn a_program_that_waits_for_any_child_does_not_see_the_copy() {
    let mut running = Running::start("stuck_parent", &[("LOCKDEP_HANG_SIGNAL", "USR1")]);
    running.wait_for(|running| running.lines().iter().any(|line| line.contains("\"LD0100\"")));
    let mut n_reports = 0;
    for _ in 0..5 {
        let hang = running.ask(&mut n_reports);
        assert_eq!(hang.threads[0].role, HangRole::Ring);
    }
    assert!(running.child.try_wait().expect("a child").is_none(), "it still waits");
}

#[test]
fn what_asks_while_a_report_is_made_is_dropped_but_for_the_end() {
    // A thousand threads, so that the report takes a while.
    let mut running = Running::start("stuck_thousand", &[("LOCKDEP_HANG_SIGNAL", "USR1")]);
    running.wait_for(|running| !running.record_is_empty());
    for _ in 0..20 {
        running.send(libc::SIGUSR1);
    }
    running.send(libc::SIGTERM);
    let status = running.child.wait().expect("a child");
    assert_eq!(status.signal(), Some(libc::SIGTERM));
    let hangs = running.hangs();
    assert_eq!(hangs.len(), running.lines().len(), "whole lines of JSON alone");
    assert_eq!(hangs.last().map(|hang| hang.reason), Some(HangReason::Terminated), "{hangs:?}");
}
