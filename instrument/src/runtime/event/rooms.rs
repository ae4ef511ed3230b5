//! Channels with a bound: sends that may wait for room, and the receiver that makes room.

use std::panic::Location;

use lockdep_validator::{BoundedSend, Outcome, Site, TaskContext};

use super::classes;
use super::enter::enter;
use crate::runtime::Runtime;
use crate::runtime::identity::site::site;
use crate::runtime::output::report;
use crate::runtime::process::internal_error;
use crate::runtime::task::Task;
use crate::runtime::wait::{Event, Stamp};

/// The class of room in a channel.
const KIND: &str = "ChannelRoom";

/// The running thread has made a channel with a bound, and is likely to use it.
#[cold]
#[inline(never)]
pub(crate) fn made() {
    let Some(mut entered) = enter() else { return };
    let task = entered.task();
    internal_error::guard(|| task.runtime.validator.note_acquired(&mut task.context));
}

/// The running thread is about to send a message that is looked at.
pub(super) fn sends(
    runtime: &'static Runtime,
    context: &TaskContext,
    event: &Event,
    waits: bool,
    caller: &'static Location<'static>,
) -> Outcome {
    let Some(capacity) = event.capacity().filter(|_| event.has_receiver()) else { return Outcome::CLEAN };
    if !event.is_learning() {
        // The last one that is looked at.
        runtime.validator.room_unseen();
    }
    let send = BoundedSend { channel: event.number(), capacity, waits, site: site(caller) };
    let mut class_fn = || classes::of_event(runtime, KIND, event.created());
    runtime.validator.sends(context, &send, &mut class_fn, &runtime.stacks)
}

/// The running thread has found the channel full, and waits for room for a message that is looked
/// at.
#[cold]
pub(crate) fn send_waits(event: &Event) {
    let Some(mut entered) = enter() else { return };
    let task = entered.task();
    internal_error::guard(|| task.runtime.validator.send_waits(&task.context, event.number()));
}

/// A send of the running thread into a channel with a bound is over.
#[cold]
pub(crate) fn had_room() {
    let Some(mut entered) = enter() else { return };
    let task = entered.task();
    internal_error::guard(|| task.runtime.validator.had_room(&mut task.context));
}

/// The running thread could not send a message that is looked at.
#[cold]
pub(crate) fn not_sent(event: &Event) {
    if event.capacity().is_none() {
        return;
    }
    let Some(mut entered) = enter() else { return };
    let task = entered.task();
    internal_error::guard(|| task.runtime.validator.not_sent(&task.context, event.number()));
}

/// The running thread has taken a message.
pub(super) fn takes(
    task: &mut Task,
    event: &Event,
    stamp: Stamp,
    caller: &'static Location<'static>,
) -> Outcome {
    if !stamp.is_learned() || event.capacity().is_none() {
        return Outcome::CLEAN;
    }
    let runtime: &'static Runtime = task.runtime;
    let outcome = internal_error::guard(|| {
        runtime.validator.note_acquired(&mut task.context);
        let mut class_fn = || classes::of_event(runtime, KIND, event.created());
        runtime.validator.takes(&task.context, event.number(), site(caller), &mut class_fn)
    });
    outcome.unwrap_or(Outcome::CLEAN)
}

/// The running thread lets the receiver go.
#[inline]
pub(crate) fn receiver_ends(event: &Event) {
    if event.capacity().is_some() && event.has_messages() {
        receiver_of_known_ends(event);
    }
}

#[cold]
fn receiver_of_known_ends(event: &Event) {
    let Some(mut entered) = enter() else { return };
    let task = entered.task();
    let runtime: &'static Runtime = task.runtime;
    let outcome = internal_error::guard(|| {
        let mut class_fn = || classes::of_event(runtime, KIND, event.created());
        let (number, is_exact) = (event.number(), event.is_all_of_one());
        runtime.validator.receiver_ends(&task.context, number, Site::UNKNOWN, is_exact, &mut class_fn)
    });
    // A destructor: no place for a panic.
    report::handle(task, outcome.unwrap_or(Outcome::CLEAN)).defer(task);
}
