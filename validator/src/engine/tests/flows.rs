//! Tasks that threads run by turns.

use super::Bench;
use crate::base::event::{Acquire, AcquireFlags};
use crate::base::id::TaskId;
use crate::base::mode::{Mode, Wait};
use crate::base::site::Site;
use crate::check::violation::{Code, Level};
use crate::engine::NoStacks;
use crate::state::context::ContextAttributes;
use crate::state::flow::Flow;

const ERROR: (Code, Level) = (Code::CircularDependency, Level::Error);
const RECURSION: (Code, Level) = (Code::Recursion, Level::Error);

impl Bench {
    /// The thread runs the flow for a while.
    fn poll(&mut self, flow: &mut Flow, script: &str) -> Vec<(Code, Level)> {
        self.task.exchange(flow);
        let found = self.run(script).found();
        self.task.exchange(flow);
        found
    }

    fn awaited(&mut self, name: &str) -> Acquire {
        let event = self.event(name, Mode::Exclusive, Wait::Blocking);
        Acquire { flags: AcquireFlags::ASYNC, ..event }
    }

    /// The flow asks for the lock, and has to wait.
    fn wants(&mut self, flow: &mut Flow, name: &str) -> Acquire {
        let event = self.awaited(name);
        self.task.exchange(flow);
        self.send(&event);
        self.validator.queued(&mut self.task, event.lock);
        self.task.exchange(flow);
        event
    }

    /// Takes a lock whose guards can be sent to other threads.
    fn movable_lock(&mut self, name: &str) {
        let class = self.class(name);
        self.validator.set_movable(class);
        self.run(name);
    }

    fn gets(&mut self, flow: &mut Flow, event: &Acquire) {
        self.task.exchange(flow);
        self.validator.granted(&mut self.task, event, &NoStacks);
        self.task.exchange(flow);
    }
}

fn flows<const N: usize>() -> [Flow; N] {
    let mut number = 0;
    [(); N].map(|()| {
        number += 1;
        Flow::new(TaskId::of_flow(number))
    })
}

#[test]
fn what_a_flow_holds_goes_with_it() {
    let mut bench = Bench::user();
    let [mut one, mut other] = flows();
    assert_eq!(bench.run("S").found(), []);
    assert_eq!(bench.poll(&mut one, "A"), []);
    assert_eq!(bench.poll(&mut other, "B"), []);
    assert_eq!((bench.task.n_held(), one.n_held(), other.n_held()), (1, 1, 1));
    assert_eq!(bench.poll(&mut one, "-A B"), [], "no order of A and B, nor of either and S");
    assert_eq!(bench.poll(&mut other, "-B A --"), []);
    assert_eq!(bench.poll(&mut one, "-B"), []);
    assert_eq!(bench.run("--").found(), []);
    assert_eq!(bench.validator.counters().dependencies, 0);
}

#[test]
fn two_flows_of_one_thread_close_a_cycle() {
    let mut bench = Bench::user();
    let [mut one, mut other] = flows();
    assert_eq!(bench.poll(&mut one, "A"), []);
    assert_eq!(bench.poll(&mut other, "C"), []);
    assert_eq!(bench.poll(&mut one, "B --"), []);
    assert_eq!(bench.poll(&mut other, "-C B"), []);
    assert_eq!(bench.poll(&mut other, "A --"), [ERROR]);
    assert_eq!(bench.validator.counters().dependencies, 2, "none with C");
}

#[test]
fn a_flow_that_moves_to_another_thread_takes_its_locks_along() {
    let mut bench = Bench::user();
    let [mut flow] = flows();
    bench.poll(&mut flow, "A");
    let mut second = bench.validator.start_task(TaskId(2), None);
    std::mem::swap(&mut bench.task, &mut second);
    assert_eq!(bench.poll(&mut flow, "B --"), []);
    assert_eq!((flow.n_held(), second.n_held()), (0, 0));
    assert_eq!(bench.run("B A --").found(), [ERROR]);
}

#[test]
fn flows_nest() {
    let mut bench = Bench::user();
    let [mut outer, mut inner] = flows();
    bench.task.exchange(&mut outer);
    bench.run("A");
    assert_eq!(bench.poll(&mut inner, "B"), []);
    assert_eq!(bench.run("C --").found(), []);
    bench.task.exchange(&mut outer);
    assert_eq!((inner.n_held(), outer.n_held(), bench.task.n_held()), (1, 0, 0));
    assert_eq!(bench.validator.counters().dependencies, 1, "A and C alone");
}

#[test]
fn what_is_wanted_is_not_held_until_it_is_granted() {
    let mut bench = Bench::user();
    let [mut one, mut other] = flows();
    bench.poll(&mut one, "A");
    let wanted = bench.wants(&mut one, "B");
    assert_eq!(bench.found(), []);
    assert_eq!(one.n_held(), 1);
    // Had by the other flow, which lets the first one have it.
    assert_eq!(bench.poll(&mut other, "B"), []);
    assert_eq!(bench.poll(&mut other, "A --"), [ERROR], "the order counts since it was wanted");
    bench.gets(&mut one, &wanted);
    assert_eq!(one.n_held(), 2);
    assert_eq!(bench.poll(&mut one, "C"), []);
    assert_eq!(bench.validator.counters().dependencies, 4, "C comes after both");
}

#[test]
fn a_grant_judges_nothing() {
    let mut bench = Bench::user();
    let [mut one] = flows();
    bench.run("B A --");
    let wanted = bench.wants(&mut one, "B");
    bench.poll(&mut one, "A");
    bench.gets(&mut one, &wanted);
    assert_eq!(bench.found(), [], "A was not held when B was wanted");
    assert_eq!(bench.poll(&mut one, "--"), []);
}

#[test]
fn a_lock_that_is_wanted_again_is_recursion_and_is_told_until_it_is_confirmed() {
    let mut bench = Bench::user();
    let [mut flow] = flows();
    bench.poll(&mut flow, "A");
    assert_eq!(bench.poll(&mut flow, "A"), [RECURSION]);
    assert_eq!(flow.n_held(), 1);
}

#[test]
fn what_rests_on_a_flow_counts_once_it_is_confirmed() {
    let mut bench = Bench::user();
    let [mut one, mut other] = flows();
    bench.poll(&mut one, "A B --");
    bench.task.exchange(&mut other);
    bench.run("B A --");
    bench.task.exchange(&mut other);
    let found = bench.violations.pop().expect("a cycle");
    assert!(found.rests_on_flow());
    let lowered = crate::check::violation::Violation { level: Level::Warning, ..found.clone() };
    assert!(bench.validator.confirm(&lowered), "not marked before");
    assert!(!bench.validator.confirm(&lowered));
    assert!(bench.validator.confirm(&found), "a higher level is news");
    let mut threads = Bench::user();
    threads.run("A B -- B A --");
    assert!(threads.violations.iter().all(|violation| !violation.rests_on_flow()));
}

#[test]
fn contexts_and_releases_of_other_tasks_stay_with_their_flow() {
    let mut bench = Bench::user();
    let context = bench.validator.register_context("irq", ContextAttributes::default()).expect("room");
    let [mut flow, mut other] = flows();
    bench.task.exchange(&mut flow);
    bench.run("A");
    bench.validator.context_enter(&mut bench.task, context, None);
    bench.run("B");
    bench.task.exchange(&mut flow);
    assert!(bench.task.is_plain());
    let (a, b) = (bench.lock("A"), bench.lock("B"));
    bench.task.exchange(&mut other);
    let outcome = bench.validator.release_by_any_task(&mut bench.task, b, Site(0));
    assert!(outcome.is_clean());
    bench.task.exchange(&mut other);
    bench.task.exchange(&mut flow);
    assert!(bench.validator.notice_releases(&mut bench.task), "the guard of B was elsewhere");
    assert_eq!(bench.task.held_locks().collect::<Vec<_>>(), [a]);
    bench.task.exchange(&mut flow);
}

#[test]
fn a_flow_that_ends_with_locks_gives_them_away() {
    let mut bench = Bench::user();
    let [mut flow] = flows();
    bench.poll(&mut flow, "A B");
    bench.validator.flow_ended(&mut flow);
    assert_eq!(flow.n_held(), 0);
    assert_eq!(bench.run("-A").found(), [], "its guard is with the thread");
    let [mut next] = flows();
    assert_eq!(bench.poll(&mut next, "-B"), []);
}

#[test]
fn a_flow_with_more_locks_than_a_thread_has_room_for_keeps_them_all() {
    let mut bench = Bench::user();
    let [mut flow] = flows();
    let many: Vec<String> = (0..60).map(|index| format!("A{index}")).collect();
    bench.run("B");
    bench.poll(&mut flow, &many.join(" "));
    assert_eq!((flow.n_held(), bench.task.n_held()), (60, 1));
    assert_eq!(bench.poll(&mut flow, "--"), []);
    assert_eq!((flow.n_held(), bench.task.n_held()), (0, 1));
}

#[test]
fn a_lock_of_threads_is_told_apart_from_an_awaited_one() {
    const WARNING: (Code, Level) = (Code::HeldAcrossAwait, Level::Warning);
    let mut bench = Bench::user();
    let [mut flow] = flows();
    let awaited = bench.awaited("A");
    bench.task.exchange(&mut flow);
    bench.send(&awaited);
    assert!(!bench.task.holds_thread_locks());
    bench.run("S");
    bench.movable_lock("M");
    assert!(bench.task.holds_thread_locks());
    let held = bench.validator.thread_locks(&bench.task);
    let s = bench.lock("S");
    assert_eq!(held.iter().map(|held| held.lock).collect::<Vec<_>>(), [s], "the guard of M may be away");
    bench.task.exchange(&mut flow);
    for expected in [&[WARNING][..], &[]] {
        let outcome = bench.validator.held_across_await(&bench.task, flow.id(), held[0]);
        bench.take(outcome);
        assert_eq!(bench.found(), expected, "once");
    }
    let wanted = bench.event("S", Mode::Exclusive, Wait::Blocking);
    let hangs = bench.validator.wanted_across_await(&bench.task, held[0], &wanted, &NoStacks);
    assert_eq!((hangs.code, hangs.level), (Code::HeldAcrossAwait, Level::Error));
    assert!(bench.validator.confirm(&hangs) && !bench.validator.confirm(&hangs));
}

#[test]
fn a_future_that_is_ahead_is_reported_once_at_each_level() {
    let mut bench = Bench::user();
    let ahead = bench.awaited("A");
    let wanted = bench.awaited("A");
    let [ahead, wanted] = [ahead, wanted].map(|event| bench.validator.seen(&event, &NoStacks));
    for (level, is_new) in [(Level::Warning, true), (Level::Warning, false), (Level::Error, true)] {
        let outcome = bench.validator.futurelock(&bench.task, ahead, wanted, level);
        bench.take(outcome);
        let expected: &[_] = if is_new { &[(Code::Futurelock, level)] } else { &[] };
        assert_eq!(bench.found(), expected);
    }
}
