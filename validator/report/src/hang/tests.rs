//! The order in which a report shows the threads of a hang.

use lockdep_validator::{Site, StackId, TaskId};

use super::given_up;
use super::graph::Graph;
use super::text::{headline, text};
use crate::build::Resolver;
use crate::hang_report::{HangReport, HangRole, HangState, HangThread};
use crate::model::{ThreadWait, WaitKind};
use crate::place::{Frame, Place};
use crate::render::TextOptions;

fn order(waits_for: &[&[usize]]) -> (Vec<usize>, Vec<HangRole>, Vec<usize>) {
    let waits_for: Vec<Vec<usize>> = waits_for.iter().map(|targets| targets.to_vec()).collect();
    let n_threads = vec![1; waits_for.len()];
    let ordered = Graph { waits_for: &waits_for, n_threads: &n_threads }.ordered();
    (ordered.order, ordered.roles, ordered.n_waiters)
}

#[test]
fn the_thread_that_all_wait_for_comes_first_and_then_the_nearest() {
    // Nothing, a waiter for a waiter, a waiter, the root.
    let (order, roles, n_waiters) = order(&[&[], &[2], &[3], &[]]);
    assert_eq!(order, [3, 2, 1, 0]);
    assert_eq!(roles, [HangRole::Other, HangRole::Waiter, HangRole::Waiter, HangRole::Root]);
    assert_eq!(n_waiters, [0, 0, 1, 2]);
}

#[test]
fn a_ring_is_a_root_and_is_told_along_itself() {
    let (order, roles, n_waiters) = order(&[&[2], &[0], &[3], &[0], &[]]);
    assert_eq!(order, [0, 2, 3, 1, 4]);
    assert_eq!(roles[0..4], [HangRole::Ring, HangRole::Waiter, HangRole::Ring, HangRole::Ring]);
    assert_eq!(n_waiters, [3, 0, 3, 3, 0]);
}

#[test]
fn threads_folded_into_one_entry_can_wait_for_each_other() {
    let waits_for = [vec![0]];
    let ordered = Graph { waits_for: &waits_for, n_threads: &[2] }.ordered();
    assert_eq!((ordered.roles, ordered.n_waiters), (vec![HangRole::Ring], vec![1]));
}

fn frame(function: &str, file: &str, line: u32) -> Frame {
    Frame { function: function.into(), file: file.into(), line, column: 1 }
}

/// A thread that waits in a channel of a dependency, below `n_frames` frames of another one.
fn in_dependency(n_frames: usize) -> HangThread {
    let mut frames = vec![frame("channel::Receiver<T>::recv", "channel-1.0.0/src/lib.rs", 9)];
    frames.extend((0..n_frames).map(|_| frame("pool::run", "pool-2.0.0/src/lib.rs", 7)));
    frames.push(frame("app::answer", "src/main.rs", 21));
    frames.extend((0..n_frames).map(|_| frame("pool::start", "pool-2.0.0/src/lib.rs", 5)));
    let site = Place { file: "channel-1.0.0/src/park.rs".into(), line: 162, column: 17, ..Place::default() };
    let wait = ThreadWait {
        kind: WaitKind::Unpark,
        lock: None,
        end_of: String::new(),
        behind: String::new(),
        event: None,
        site,
        waited_ms: 3000,
        timed: false,
    };
    HangThread { thread: "reader".into(), wait: Some(wait), frames, ..HangThread::default() }
}

#[test]
fn the_line_of_the_program_that_led_into_a_dependency_is_shown() {
    let report = HangReport { threads: vec![in_dependency(20)], n_threads: 1, ..HangReport::default() };
    let shown = text(&report, &TextOptions::default());
    let called =
        "   = waits at: channel-1.0.0/src/park.rs:162:17\n   = called from: app::answer at src/main.rs:21\n";
    assert!(shown.contains(called), "{shown}");
    assert!(shown.contains("       app::answer at src/main.rs:21\n"), "in the stack too: {shown}");
    assert!(shown.contains("       … 15 frames of `pool`\n"), "{shown}");
    assert!(shown.lines().count() < 24, "{shown}");
    let all = text(&report, &TextOptions { n_frames: 100, ..TextOptions::default() });
    assert_eq!(all.matches("pool::run").count(), 20, "{all}");
}

#[test]
fn the_only_thread_that_waits_is_named_in_the_first_line() {
    let mut report = HangReport { threads: vec![in_dependency(0)], ..HangReport::default() };
    assert_eq!(headline(&report), "thread `reader` has waited 3 s for another thread to unpark it");
    report.threads.push(HangThread { thread: "other".into(), ..in_dependency(0) });
    assert_eq!(headline(&report), "2 threads wait, none of them for a thread that is known");
}

const IN_CONDVAR: Site = Site(2);

/// Knows one place in a condition variable and one in the program.
struct Places;

impl Resolver for Places {
    fn place(&self, site: Site) -> Place {
        let file = if site == IN_CONDVAR { "parking_lot-0.12.5/src/condvar.rs" } else { "src/main.rs" };
        Place { file: file.into(), line: 1, column: 1, ..Place::default() }
    }
    fn frames(&self, _stack: StackId) -> Vec<Frame> {
        Vec::new()
    }
    fn task_name(&self, _task: TaskId) -> String {
        String::new()
    }
}

#[test]
fn a_mutex_that_was_given_up_for_a_wait_in_an_unwatched_condition_variable_is_not_held() {
    let wait = [
        frame("parking_lot_core::parking_lot::park", "parking_lot_core-0.9.11/src/parking_lot.rs", 5),
        frame("parking_lot::condvar::Condvar::wait_until_internal", "parking_lot-0.12.5/src/condvar.rs", 334),
        frame("parking_lot::condvar::Condvar::wait", "parking_lot-0.12.5/src/condvar.rs", 256),
        frame("app::take", "src/main.rs", 21),
    ];
    let mut names = |address: usize| wait.get(address).cloned().into_iter().collect::<Vec<_>>();
    let own = Site(1);
    let all = [own, IN_CONDVAR, own];
    assert_eq!(given_up::index(&all, &[0, 1, 2, 3], &Places, &mut names), Some(1));
    assert_eq!(given_up::index(&all, &[0, 3], &Places, &mut names), None, "it has been woken, and holds it");
    assert_eq!(given_up::index(&[own], &[0, 1, 2, 3], &Places, &mut names), None);
    assert_eq!(given_up::split(&wait), Some((&wait[2], &wait[3..])));
    assert_eq!(given_up::split(&wait[3..]), None);
    let sleeper = HangThread {
        thread: "reader".into(),
        state: HangState::Sleeping,
        system_call: "futex".into(),
        frames: wait[2..].to_vec(),
        ..HangThread::default()
    };
    let shown =
        text(&HangReport { threads: vec![sleeper], ..HangReport::default() }, &TextOptions::default());
    assert!(shown.contains("\nthread `reader` waits for a notification\n"), "{shown}");
}
