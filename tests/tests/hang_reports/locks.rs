//! Threads that wait for locks of each other.

use lockdep_report::hang_report::{HangReport, HangRole};
use lockdep_report::model::WaitKind;
use lockdep_validator::Mode;

use super::running::{Running, asked, is_in, line_of, line_of_hangs, names_of, thread};
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
fn an_idle_pool_is_one_entry_at_the_end() {
    let hang = asked("stuck_crowd");
    assert_eq!(hang.threads[0].role, HangRole::Ring);
    let last = hang.threads.last().expect("there are threads");
    assert_eq!((last.role, last.n_threads()), (HangRole::Idle, 500));
    assert!(last.thread.starts_with("pool-"));
}

/// The line at which a thread waits, and those at which it acquired what it holds.
fn lines(hang: &HangReport, name: &str) -> (Option<u32>, Vec<u32>) {
    let thread = thread(hang, name);
    let wait = thread.wait.as_ref().map(|wait| wait.site.line);
    (wait, thread.holds.iter().map(|held| held.site.line).collect())
}

#[test]
fn a_ring_is_the_root_while_other_threads_work() {
    let mut running = Running::start("stuck_beside_work", &[("LOCKDEP_HANG_SIGNAL", "USR1")]);
    // Once the ring is there, it stays.
    running.wait_for(|running| running.lines().iter().any(|line| line.contains("\"LD0100\"")));
    let hang = running.ask(&mut 0);
    let roles: Vec<HangRole> = hang.threads.iter().map(|thread| thread.role).collect();
    assert_eq!(roles[..3], [HangRole::Ring, HangRole::Ring, HangRole::Waiter], "{hang:#?}");
    let mut ring = [hang.threads[0].thread.as_str(), hang.threads[1].thread.as_str()];
    ring.sort_unstable();
    assert_eq!(ring, ["a", "b"]);
    let (wanted, held) = (line_of_hangs("let _b = B.lock().unwrap();"), line_of_hangs("let _a = A.lock()"));
    assert_eq!(lines(&hang, "a"), (Some(wanted), vec![held]));
    let workers = hang.threads.iter().filter(|thread| thread.thread == "worker");
    let n_workers: usize = workers.clone().map(|worker| 1 + worker.same.len()).sum();
    assert_eq!(n_workers, 2, "{hang:#?}");
    // Each may wait for the other one at that moment, and for no thread of the ring.
    for worker in workers {
        assert!(names_of(&hang, worker).iter().all(|name| *name == "worker"), "{hang:#?}");
    }
}

#[test]
fn a_reader_says_which_writer_it_queues_behind() {
    let hang = asked("stuck_queued_writer");
    let [a, b, writer] = ["a", "b", "writer"].map(|name| thread(&hang, name));
    assert_eq!((a.role, b.role, writer.role), (HangRole::Ring, HangRole::Ring, HangRole::Waiter));
    let wait = a.wait.as_ref().expect("it waits");
    assert_eq!(
        (wait.behind.as_str(), wait.lock.as_ref().map(|lock| lock.mode)),
        ("writer", Some(Mode::Shared))
    );
    assert_eq!(
        (names_of(&hang, a), names_of(&hang, b), names_of(&hang, writer)),
        (vec!["b"], vec!["a"], vec!["b"])
    );
    let [other, read] = ["let _other = OTHER.lock()", "drop(READ.read()"].map(line_of_hangs);
    assert_eq!(lines(&hang, "a"), (Some(read), vec![other]));
    assert_eq!(lines(&hang, "writer"), (Some(line_of_hangs("drop(READ.write()")), vec![]));
}

#[test]
fn each_of_two_upgrades_names_the_reader_that_it_waits_for() {
    let hang = asked("stuck_upgrades");
    let [a, b] = ["a", "b"].map(|name| thread(&hang, name));
    for thread in [a, b] {
        assert_eq!(thread.wait.as_ref().map(|wait| wait.kind), Some(WaitKind::Upgrade));
        assert_eq!((thread.role, thread.holds.len()), (HangRole::Ring, 2));
    }
    assert_eq!((names_of(&hang, a), names_of(&hang, b)), (vec!["b"], vec!["a"]));
    let own = line_of_hangs("let own = A.upgradable_read();");
    assert_eq!(lines(&hang, "a"), (Some(own + 3), vec![own, own + 1]));
}

#[test]
fn a_join_of_a_thread_that_wants_a_lock_of_the_joiner_is_a_ring() {
    let hang = asked("stuck_join");
    let [main, worker] = ["main", "worker"].map(|name| thread(&hang, name));
    assert_eq!((main.role, worker.role, hang.threads.len()), (HangRole::Ring, HangRole::Ring, 2));
    assert_eq!((names_of(&hang, main), names_of(&hang, worker)), (vec!["worker"], vec!["main"]));
    let wait = main.wait.as_ref().expect("it waits");
    assert_eq!((wait.kind, wait.end_of.as_str()), (WaitKind::ThreadEnd, "worker"));
    let held = line_of_hangs("let state = STATE.lock().unwrap();");
    assert_eq!(lines(&hang, "main"), (Some(held + 2), vec![held]));
    assert_eq!(lines(&hang, "worker"), (Some(held + 1), vec![]));
}

#[test]
fn two_lazies_that_make_each_other_are_a_ring() {
    let hang = asked("stuck_lazies");
    let [a, b] = ["a", "b"].map(|name| thread(&hang, name));
    assert_eq!((a.role, b.role), (HangRole::Ring, HangRole::Ring));
    assert_eq!((names_of(&hang, a), names_of(&hang, b)), (vec!["b"], vec!["a"]));
    let made = line_of_hangs("join_all([named(\"a\", || assert!(*A > 0))");
    assert_eq!(lines(&hang, "a"), (Some(line_of_hangs("*B + 1")), vec![made]));
}

#[test]
fn the_report_of_a_deadlock_comes_before_that_of_the_order_that_led_to_it() {
    let mut running = Running::start("stuck_new_order", &[]);
    let codes = |running: &Running| {
        let lines = running.lines();
        let code = |line: &String| ["LD0100", "LD0003"].into_iter().find(|code| line.contains(*code));
        lines.iter().filter_map(code).collect::<Vec<&str>>()
    };
    running.wait_for(|running| codes(running).len() == 2);
    assert_eq!(codes(&running), ["LD0100", "LD0003"]);
}
