//! Messages between threads: what they order, and what a thread holds that waits for one.

use std::panic::Location;

use lockdep_validator::{EndedTask, Outcome};

use super::classes;
use super::enter::enter;
use super::rooms;
use crate::runtime::identity::site::site;
use crate::runtime::output::report;
use crate::runtime::process::internal_error;
use crate::runtime::task::messages::Sent;
use crate::runtime::wait::{Event, Stamp};
use crate::runtime::{Runtime, running, task};

/// After so many messages of a thread, no more of its are looked at.
const MAX_LEARNED: u32 = 1 << 12;

/// The running thread is about to send a message that is looked at. `waits`: for room, if the
/// channel is full.
#[cold]
#[inline(never)]
pub(crate) fn send(event: &Event, waits: bool, caller: &'static Location<'static>) -> Stamp {
    let Some(mut entered) = enter() else {
        event.learn(None);
        return lost();
    };
    let task = entered.task();
    if task.n_learned >= MAX_LEARNED {
        event.learn(None);
        return Stamp::of(task.context.segment());
    }
    task.n_learned += 1;
    event.learn(Some(task.context.id()));
    let runtime: &'static Runtime = task.runtime;
    let segment = internal_error::guard(|| {
        runtime.validator.note_acquired(&mut task.context);
        let outcome = rooms::sends(runtime, &task.context, event, waits, caller);
        let acquired = runtime.validator.acquired(&task.context).to_vec();
        let segment = runtime.validator.spawned(&mut task.context);
        if !acquired.is_empty() {
            runtime.messages.put(event.number(), Sent { segment, at: site(caller), acquired });
        }
        (segment, outcome)
    });
    let Some((segment, outcome)) = segment else { return lost() };
    // The message would be lost: no place for a panic.
    report::handle(task, outcome).defer(task);
    Stamp::of(segment).learned()
}

/// The running thread has received a message that is looked at, or whose order it does not know.
/// `waits`: it would have waited for the message without a limit.
#[cold]
#[inline(never)]
pub(crate) fn receive(event: &Event, stamp: Stamp, waits: bool, caller: &'static Location<'static>) {
    let Some(segment) = stamp.segment() else { return };
    let Some(mut entered) = enter() else {
        lost();
        return;
    };
    let task = entered.task();
    let outcome = rooms::takes(task, event, stamp, caller);
    report::handle(task, outcome).defer(task);
    if segment.task == task.context.id() {
        // Its own: ordered as it is.
        event.set_known(Stamp::of(segment));
        return;
    }
    let runtime: &'static Runtime = task.runtime;
    let sent = if stamp.is_learned() { runtime.messages.take(event.number(), segment) } else { None };
    let outcome = internal_error::guard(|| {
        let mut outcome = Outcome::CLEAN;
        runtime.validator.notice_releases(&mut task.context);
        if let Some(sent) = sent
            && waits
            && event.is_only_provider(segment.task)
        {
            let sender = EndedTask {
                task: segment.task,
                spawned_at: sent.at,
                acquired: &sent.acquired,
                is_only_provider: event.has_one_sender(),
            };
            let mut class_fn = || classes::of_event(runtime, "Channel", event.created());
            let validator = &runtime.validator;
            outcome = validator.waited_for_end(
                &task.context,
                &[sender],
                site(caller),
                &mut class_fn,
                &runtime.stacks,
            );
        }
        runtime.validator.received(&mut task.context, segment);
        outcome
    });
    event.set_known(Stamp::of(segment));
    // The message is about to be returned: no place for a panic.
    report::handle(task, outcome.unwrap_or(Outcome::CLEAN)).defer(task);
}

/// The running thread lets others run: perhaps it looks for what another thread has done.
#[cold]
#[inline(never)]
pub(crate) fn idled() {
    // A thread of which nothing is known acquired nothing, and what runs inside the validator is no
    // event.
    if task::mark().is_none() {
        return;
    }
    let Some(mut entered) = enter() else { return };
    let task = entered.task();
    internal_error::guard(|| task.runtime.validator.idled(&mut task.context));
}

/// The running thread is about to sleep. `is_long`: longer than a thread that looks for something
/// again and again sleeps between two looks.
pub(crate) fn sleeps(is_long: bool, caller: &'static Location<'static>) {
    let Some(mut entered) = enter() else { return };
    let task = entered.task();
    internal_error::guard(|| task.runtime.validator.sleeps(&mut task.context, site(caller), is_long));
}

/// The running thread has slept.
pub(crate) fn slept() {
    let Some(mut entered) = enter() else { return };
    let task = entered.task();
    internal_error::guard(|| task.runtime.validator.slept(&mut task.context));
}

/// The running thread has waited for something that other threads bring, none knows which.
pub(crate) fn waited() {
    let Some(mut entered) = enter() else { return };
    let task = entered.task();
    internal_error::guard(|| task.runtime.validator.wait_ended(&mut task.context));
}

/// The running thread is about to wait for such a thing, and does not say when the wait ends.
pub(crate) fn waits_unseen() {
    let Some(mut entered) = enter() else { return };
    let task = entered.task();
    internal_error::guard(|| task.runtime.validator.wait_begins(&mut task.context));
}

/// The order of a message is not known.
fn lost() -> Stamp {
    running().inspect(|runtime| runtime.validator.order_lost());
    Stamp::NONE
}
