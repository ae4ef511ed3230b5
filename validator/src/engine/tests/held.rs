//! The held stack: recursion, balance, freeing, exit, assertions, nesting, pins, modes.

use super::{Bench, check};
use crate::base::event::AcquireFlags;
use crate::base::id::LockId;
use crate::base::mode::{Mode, Wait};
use crate::base::site::Site;
use crate::check::violation::{Code, Detail, Level};
use crate::config::Config;
use crate::engine::{Held, HeldQuery, NoStacks, PinCookie};

const fn error(code: Code) -> (Code, Level) {
    (code, Level::Error)
}

#[test]
fn the_same_lock_again() {
    check("A A", &[error(Code::Recursion)], &[Code::Recursion]);
    check("rA A", &[error(Code::Recursion)], &[Code::Recursion]);
    check("A rA", &[error(Code::Recursion)], &[Code::Recursion]);
    check("RA RA --", &[], &[]);
    check("rA RA --", &[], &[]);
    check("rA rA --", &[(Code::RecursiveFairRead, Level::Warning)], &[Code::Recursion]);
    check("A -- rA rA --", &[error(Code::RecursiveFairRead)], &[Code::Recursion]);
    check("A ~A", &[(Code::Recursion, Level::Note)], &[]);
    check("A1 ^A1", &[error(Code::Recursion)], &[]);
}

#[test]
fn a_fair_reader_behind_itself_is_raised_by_the_first_writer() {
    let mut bench = Bench::user();
    assert_eq!(bench.run("rA rA --").found(), [(Code::RecursiveFairRead, Level::Warning)]);
    assert_eq!(bench.run("A --").found(), [error(Code::RecursiveFairRead)]);
    assert_eq!(bench.run("rA rA -- A --").found(), []);
}

#[test]
fn the_first_writer_that_can_queue_is_named() {
    let mut bench = Bench::user();
    bench.run("rA rA --");
    assert_eq!(bench.violations[0].evidence.writer, None);
    bench.run("A -- A --");
    let raised = bench.violations.last().expect("an error now");
    let (task, site) = raised.evidence.writer.expect("the writer that raised it");
    assert_eq!((raised.level, task), (Level::Error, bench.task.id));
    assert_eq!(site, Site(3), "the first writer's, behind two reads");
}

#[test]
fn a_self_deadlock_is_reported_when_it_is_confirmed() {
    let mut bench = Bench::user();
    bench.run("A A");
    assert_eq!(bench.task.n_held(), 1, "the second was not pushed");
    let violation = bench.violations[0].clone();
    assert!(violation.is_self_deadlock());
    assert!(bench.validator.confirm(&violation));
    assert!(!bench.validator.confirm(&violation), "once");
    // The embedder found the entry stale: dropped, counted, sent again.
    let lock = bench.lock("A");
    bench.validator.forget(&mut bench.task, lock);
    assert_eq!((bench.task.n_held(), bench.validator.counters().unseen), (0, 1));
}

#[test]
fn a_try_that_succeeds_shows_a_stale_entry() {
    let mut bench = Bench::user();
    assert_eq!(bench.run("A ?A").found(), []);
    assert_eq!((bench.task.n_held(), bench.validator.counters().unseen), (1, 1));
}

#[test]
fn releases() {
    check("A -A -A", &[error(Code::BadRelease)], &[Code::BadRelease]);
    check("-A", &[error(Code::BadRelease)], &[Code::BadRelease]);
    check("A B C -A -C -B", &[], &[]);
    check("A B -A -B A B -B -A", &[], &[]);
}

#[test]
fn what_is_held_at_the_end() {
    let mut bench = Bench::user();
    bench.run("A B");
    let outcome = bench.validator.thread_exit(&mut bench.task, Site(0));
    bench.take(outcome);
    assert_eq!(bench.violations[0].held.len(), 2);
    assert_eq!(bench.found(), [error(Code::HeldAtExit)]);
    let outcome = bench.validator.thread_exit(&mut bench.task, Site(0));
    assert!(outcome.is_clean());
}

#[test]
fn freed_and_initialised_again() {
    let mut bench = Bench::user();
    let (a, b) = (bench.lock("A"), bench.lock("B"));
    bench.run("A");
    assert!(bench.validator.freed(&mut bench.task, b, Site(0)).is_clean());
    let outcome = bench.validator.freed(&mut bench.task, a, Site(0));
    bench.take(outcome);
    assert_eq!(bench.found(), [error(Code::HeldLockFreed)]);
    assert_eq!(bench.task.n_held(), 0);
    bench.run("A");
    let outcome = bench.validator.dropped(&mut bench.task, a, &NoStacks);
    bench.take(outcome);
    assert_eq!(bench.found(), [], "told of the class as an error");
    assert!(bench.validator.dropped(&mut bench.task, b, &NoStacks).is_clean());
    bench.run("B");
    let outcome = bench.validator.dropped(&mut bench.task, b, &NoStacks);
    bench.take(outcome);
    assert_eq!(
        bench.found(),
        [(Code::HeldLockFreed, Level::Warning)],
        "its owner can leak a guard, not hang anyone"
    );
    assert_eq!(bench.task.n_held(), 0);
    let mut event = bench.event("B", Mode::Exclusive, Wait::Blocking);
    event.address = 0x1000;
    bench.send(&event);
    assert!(bench.validator.freed_range(&mut bench.task, 0xf00, 0x100, Site(0)).is_clean());
    let outcome = bench.validator.freed_range(&mut bench.task, 0xf00, 0x101, Site(0));
    bench.take(outcome);
    assert_eq!(bench.found(), [error(Code::HeldLockFreed)]);
}

#[test]
fn assertions() {
    use HeldQuery::{Held, HeldExclusive, HeldShared, NotHeld};
    let table = [
        ("", [false, false, false, true]),
        ("A", [true, true, false, false]),
        ("rA", [true, false, true, false]),
        ("RA", [true, false, true, false]),
    ];
    for (script, passes) in table {
        for (query, passes) in [Held, HeldExclusive, HeldShared, NotHeld].into_iter().zip(passes) {
            let mut bench = Bench::user();
            let lock = bench.lock("A");
            bench.run(script);
            let outcome = bench.validator.assert_held(&mut bench.task, lock, query, Site(0));
            assert_eq!(outcome.is_clean(), passes, "{script} {query:?}");
        }
    }
    let mut bench = Bench::user();
    assert!(bench.validator.assert_none_held(&mut bench.task, Site(0)).is_clean());
    bench.run("A");
    assert!(!bench.validator.assert_none_held(&mut bench.task, Site(0)).is_clean());
}

#[test]
fn an_assertion_of_a_locks_own_is_reported_once_for_each_sentence() {
    let mut bench = Bench::user();
    let lock = bench.lock("A");
    let mut broken = |message| {
        bench.validator.assertion_broken(&mut bench.task, lock, message, "do otherwise", Site(7)).is_clean()
    };
    assert_eq!(["one", "one", "two"].map(&mut broken), [false, true, false]);
}

#[test]
fn a_guard_that_releases_too_often_is_shown_where_it_was_made() {
    let mut bench = Bench::user();
    let lock = bench.lock("A");
    let outcome = bench.validator.release(&mut bench.task, lock, Site(7)).by_guard();
    let [violation] = outcome.violations() else { panic!("one violation") };
    assert!(matches!(violation.detail, Detail::ByGuard));
    assert_eq!(violation.subject.map(|subject| subject.site), Some(Site(7)));
}

#[test]
fn what_does_not_fit_is_unknown_and_passes() {
    let mut config = Config::user();
    config.max_held = 1;
    let mut bench = Bench::new(config);
    let (a, b) = (bench.lock("A"), bench.lock("B"));
    bench.run("A B");
    assert_eq!(bench.validator.is_held(&bench.task, a, None), Held::Yes);
    assert_eq!(bench.validator.is_held(&bench.task, b, None), Held::Unknown);
    assert!(bench.validator.assert_held(&mut bench.task, b, HeldQuery::Held, Site(0)).is_clean());
    assert_eq!(bench.run("-B -A").found(), []);
    assert!(bench.validator.counters().dropped > 0);
}

#[test]
fn nest_locks() {
    check("G A1 A2@G A3@G --", &[], &[]);
    check("A1@G --", &[error(Code::NestLockNotHeld)], &[Code::NestLockNotHeld]);
    check("G A1@G -G -A1", &[error(Code::NestLockNotHeld)], &[Code::NestLockNotHeld]);
    // The nest lock serialises only what was taken after it.
    let found = Bench::kernel().run("A1 G A2@G").found();
    assert_eq!(
        found,
        [error(Code::SameClassOrder), error(Code::CircularDependency)],
        "A before G, and G before A"
    );
    assert_eq!(Bench::user().run("G A1 A2@G -- G A2 A1@G --").found(), []);
}

#[test]
fn merged_references() {
    let mut bench = Bench::kernel();
    bench.run("G A1@G A2@G");
    assert_eq!(bench.task.n_held(), 2);
    let other = bench.lock("A2");
    assert_eq!(bench.validator.is_held(&bench.task, other, None), Held::Yes);
    assert_eq!(bench.run("-A1 -A2 -G").found(), []);
    assert_eq!(bench.run("-A1").found(), [error(Code::BadRelease)]);
}

#[test]
fn pins() {
    let mut bench = Bench::user();
    let lock = bench.lock("A");
    let (cookie, outcome) = bench.validator.pin(&mut bench.task, lock, Site(0));
    assert!(cookie.is_none());
    bench.take(outcome);
    assert_eq!(bench.found(), [error(Code::PinnedLockReleased)], "pinned without being held");
    bench.run("A");
    let cookie = pinned(&mut bench, lock);
    assert!(bench.validator.unpin(&mut bench.task, lock, cookie, Site(0)).is_clean());
    let outcome = bench.validator.unpin(&mut bench.task, lock, cookie, Site(0));
    bench.take(outcome);
    assert_eq!(bench.found(), [error(Code::PinnedLockReleased)], "twice");
    assert!(bench.validator.repin(&mut bench.task, lock, cookie, Site(0)).is_clean());
    assert_eq!(bench.run("-A").found(), [error(Code::PinnedLockReleased)]);
    assert_eq!(bench.run("A -A").found(), []);
    let outcome = bench.validator.repin(&mut bench.task, lock, cookie, Site(0));
    bench.take(outcome);
    assert_eq!(bench.found(), [error(Code::PinnedLockReleased)], "not held");
}

fn pinned(bench: &mut Bench, lock: LockId) -> PinCookie {
    let (cookie, outcome) = bench.validator.pin(&mut bench.task, lock, Site(7));
    assert!(outcome.is_clean());
    cookie.expect("held")
}

#[test]
fn a_pin_that_was_broken_is_reported_once_and_hides_no_other() {
    let mut bench = Bench::user();
    let lock = bench.lock("A");
    bench.run("A");
    let broken = pinned(&mut bench, lock);
    bench.run("-A");
    let released = &bench.violations[0];
    assert_eq!(
        (released.subject.map(|at| at.site), released.conflict.map(|at| at.site)),
        (Some(Site(0)), Some(Site(1)))
    );
    assert_eq!(released.detail, Detail::Pinned { at: Site(7) });
    assert_eq!(bench.run("A").found(), [error(Code::PinnedLockReleased)]);
    let second = pinned(&mut bench, lock);
    assert!(bench.validator.unpin(&mut bench.task, lock, broken, Site(0)).is_clean(), "told when it broke");
    assert!(bench.validator.unpin(&mut bench.task, lock, second, Site(0)).is_clean());
    assert!(!bench.validator.unpin(&mut bench.task, lock, broken, Site(0)).is_clean(), "but it is gone");
    let _ = pinned(&mut bench, lock);
    bench.found();
    // The same rule and class: not told again, but released all the same.
    assert_eq!(bench.run("-A").found(), []);
    assert_eq!(bench.task.n_held(), 0);
}

#[test]
fn pins_that_nobody_takes_back_are_not_kept_for_ever() {
    let mut bench = Bench::user();
    let lock = bench.lock("A");
    let cookies: Vec<_> = (0..200)
        .map(|_| {
            bench.run("A");
            let cookie = pinned(&mut bench, lock);
            bench.run("-A");
            cookie
        })
        .collect();
    bench.found();
    let mut is_known = |cookie| bench.validator.unpin(&mut bench.task, lock, cookie, Site(0)).is_clean();
    assert!(is_known(cookies[199]) && !is_known(cookies[0]));
}

#[test]
fn downgrade_makes_a_fair_reader() {
    let mut bench = Bench::kernel();
    let lock = bench.lock("A");
    bench.run("A");
    assert!(bench.validator.downgrade(&mut bench.task, lock, Site(0), &NoStacks).is_clean());
    assert_eq!(bench.validator.is_held(&bench.task, lock, Some(Mode::Shared)), Held::Yes);
    assert_eq!(bench.run("B -- B rA --").found(), [error(Code::CircularDependency)]);
    let outcome = bench.validator.downgrade(&mut bench.task, lock, Site(0), &NoStacks);
    bench.take(outcome);
    assert_eq!(bench.found(), [error(Code::BadRelease)]);
}

#[test]
fn upgrades_wait_for_readers() {
    let mut bench = Bench::user();
    let lock = bench.lock("A");
    bench.run("uA");
    let outcome = bench.validator.upgrade(&mut bench.task, lock, Wait::Blocking, Site(0), &NoStacks);
    assert!(outcome.is_clean());
    assert_eq!(bench.validator.is_held(&bench.task, lock, Some(Mode::Exclusive)), Held::Yes);
    assert!(bench.validator.downgrade_to_upgradable(&mut bench.task, lock, Site(0), &NoStacks).is_clean());
    bench.run("rA");
    let outcome = bench.validator.upgrade(&mut bench.task, lock, Wait::Blocking, Site(0), &NoStacks);
    assert!(outcome.is_self_deadlock(), "its own read never ends");
    // What is acquired between counts as held while the upgrade waits.
    let mut bench = Bench::user();
    let lock = bench.lock("A");
    bench.run("uA B");
    let outcome = bench.validator.upgrade(&mut bench.task, lock, Wait::Blocking, Site(0), &NoStacks);
    bench.take(outcome);
    assert_eq!(bench.found(), [error(Code::CircularDependency)]);
}

#[test]
fn another_class_for_a_held_lock() {
    let mut bench = Bench::kernel();
    let old = bench.lock("A");
    let class = bench.class("N");
    let new = LockId::new(class, old.instance());
    bench.run("B N0 -- A B");
    let zero = crate::base::id::Subclass::ZERO;
    let outcome = bench.validator.set_class(&mut bench.task, old, new, zero, Site(0), &NoStacks);
    bench.take(outcome);
    assert_eq!(bench.found(), [error(Code::CircularDependency)], "N -> B against B -> N");
    assert_eq!(bench.task.held_locks().next(), Some(new));
}

#[test]
fn a_removed_class_leaves_what_ran_through_it() {
    for (script, expected) in [("A B -- B C --", 1), ("A RB -- RB C --", 0)] {
        let mut bench = Bench::kernel();
        bench.run(script);
        let class = bench.lock("B").class();
        assert!(bench.validator.remove_class(class) && !bench.validator.remove_class(class));
        assert_eq!(bench.run("C A --").found().len(), expected, "{script}");
    }
}

#[test]
fn a_lock_that_is_held_already_is_waited_for_by_nobody() {
    let mut bench = Bench::user();
    let again = |bench: &mut Bench, name: &str| {
        let mut event = bench.event(name, Mode::Exclusive, Wait::Blocking);
        event.flags = AcquireFlags::REENTRANT;
        bench.send(&event);
    };
    for _ in 0..2 {
        again(&mut bench, "R");
        bench.run("A");
        again(&mut bench, "R");
        assert_eq!(bench.task.n_held(), 3);
        bench.run("--");
    }
    assert_eq!(bench.found(), []);
    assert_eq!(Bench::user().run("RX B RX --").found(), []);
}

#[test]
fn a_report_of_an_inverted_order_names_both_places() {
    let mut bench = Bench::user();
    bench.run("A1 A2 -- A2 A1 --");
    let cycle = &bench.violations[0].cycle;
    assert_eq!(cycle.len(), 2);
    assert!(
        cycle
            .iter()
            .all(|step| step.from.site.0 != 0 && step.to.site.0 != 0 && step.from.lock != step.to.lock)
    );
    assert!(!cycle[0].closing && cycle[1].closing);
}

#[test]
fn a_sync_is_never_held_however_often_it_was_seen() {
    let mut bench = Bench::user();
    // Alone, above another lock, and above a lock of its own class, where the single locks decide.
    for script in ["", "B", "A2"] {
        bench.run(script);
        let n_held = bench.task.n_held();
        for _ in 0..4 {
            let mut event = bench.event("A1", Mode::Exclusive, Wait::Blocking);
            event.flags = AcquireFlags::SYNC;
            bench.send(&event);
            assert_eq!(bench.task.n_held(), n_held, "above {script:?}");
        }
        bench.run("--");
    }
    assert_eq!(bench.found(), []);
}
