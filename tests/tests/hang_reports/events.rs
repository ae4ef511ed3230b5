//! Threads that wait for what others bring.

use lockdep_report::hang_report::{HangReport, HangRole};
use lockdep_report::model::WaitKind;
use lockdep_report::wait_event::{WaitEvent, WaitProvision};

use super::running::{asked, line_of_events, names_of, thread};
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
    assert_eq!((wait.kind, wait.timed), (WaitKind::Unpark, false));
    assert_eq!(event(&hang, "parked", WaitKind::Unpark).provided, None, "no thread unparked it");
    assert_eq!(names_of(&hang, thread(&hang, "main")), ["parked"]);
}

#[test]
fn a_parked_thread_says_which_thread_unparked_it_last() {
    let hang = asked("stuck_unpark");
    let event = event(&hang, "parked", WaitKind::Unpark);
    let unparked = line_of_events("handle.unpark()");
    assert_eq!(last(event.provided.as_ref()), Some(("unparker", unparked, true)));
    let wait = thread(&hang, "parked").wait.as_ref().expect("it waits");
    assert_eq!(wait.site.line, line_of_events("        thread::park();") + 1, "the second one");
}

#[test]
fn a_thread_that_sleeps_under_a_lock_is_the_root() {
    let hang = asked("stuck_sleep");
    let root = &hang.threads[0];
    assert_eq!((root.thread.as_str(), root.role), ("sleeper", HangRole::Root));
    let wait = root.wait.as_ref().expect("it waits");
    assert_eq!((wait.kind, wait.timed), (WaitKind::Time, true));
    assert_eq!(wait.site.line, line_of_events("thread::sleep(Duration"));
    assert_eq!(root.holds[0].site.line, wait.site.line - 2);
    assert_eq!(names_of(&hang, thread(&hang, "waiter")), ["sleeper"]);
}

#[test]
fn a_notification_that_was_lost_came_before_the_wait() {
    let hang = asked("stuck_lost_notification");
    let event = event(&hang, "waiter", WaitKind::Notification);
    assert_eq!(event.created.line, line_of_events("static CHANGED: Condvar = Condvar::new();"));
    let notified = line_of_events("CHANGED.notify_one();");
    assert_eq!(last(event.provided.as_ref()), Some(("notifier", notified, true)));
}

#[test]
fn a_condition_variable_of_parking_lot_says_who_notified_last() {
    let hang = asked("stuck_parking_condvar");
    let event = event(&hang, "waiter", WaitKind::Notification);
    assert_eq!(event.created.line, line_of_events("static EARLY: Condvar = Condvar::new();"));
    let notified = line_of_events("EARLY.notify_one()");
    assert_eq!(last(event.provided.as_ref()), Some(("notifier", notified, true)));
}

#[test]
fn a_thread_names_the_test_that_started_it_through_others() {
    let hang = asked("stuck_test");
    assert_eq!(thread(&hang, "parked").started_by, "a_test");
    assert_eq!(thread(&hang, "a_test").started_by, "", "no watched thread started it");
    let hang = asked("stuck_park");
    assert_eq!(thread(&hang, "parked").started_by, "", "every thread comes from the first one");
}
