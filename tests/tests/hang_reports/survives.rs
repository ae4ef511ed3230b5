//! What a report survives.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use super::running::{Running, asked, names_of, recorded, thread};
#[test]
fn a_system_that_refuses_signals_costs_the_stacks_alone() {
    let hang = asked("stuck_no_signal");
    let waiter = thread(&hang, "waiter");
    assert_eq!(names_of(&hang, waiter), ["main"]);
    assert!(waiter.frames.is_empty() && waiter.no_stack.contains("refuses the signal"), "{waiter:#?}");
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
