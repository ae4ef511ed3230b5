//! Messages between the tasks of a scenario, and waits whose order is not known.

use lockdep_validator::{BoundedSend, EndedTask, NoStacks, Outcome, Site};

use super::ReplayError;
use super::op::{Op, field};
use super::runner::{Runner, Step};
use super::sent::Sent;
use super::threads::class_of;

impl Runner {
    /// `send` and `receive` of the message called `what`, `wait_ended`, and what tasks do with a
    /// `channel` that has a bound.
    pub(super) fn message(&mut self, op: &Op, site: Site) -> Step {
        let (validator, task) = self.parts();
        match op.op.as_str() {
            "wait_ended" => validator.wait_ended(task),
            "yield" => validator.idled(task),
            "had_room" => validator.had_room(task),
            // All at one place.
            "sleep" => validator.sleeps(task, Site::UNKNOWN, true),
            "wake" => validator.slept(task),
            "send" => return self.send_message(op, site),
            "receive" => return self.receive_message(op, site),
            "send_waits" => {
                let number = channel_number(field(&op.channel, "channel", op)?);
                validator.send_waits(task, number);
            }
            _ => {
                let channel = field(&op.channel, "channel", op)?;
                let mut class_fn = || class_of(validator, &format!("room in {channel}"), "ChannelRoom");
                return Ok(validator.receiver_ends(task, channel_number(channel), site, true, &mut class_fn));
            }
        }
        Ok(Outcome::CLEAN)
    }

    fn send_message(&mut self, op: &Op, site: Site) -> Step {
        let what = field(&op.what, "what", op)?.to_owned();
        let (validator, task) = self.parts();
        let mut outcome = Outcome::CLEAN;
        if let Some(channel) = &op.channel {
            let number = channel_number(channel);
            let send = BoundedSend { channel: number, capacity: op.room, waits: !op.trylock, site };
            let mut class_fn = || class_of(validator, &format!("room in {channel}"), "ChannelRoom");
            outcome = validator.sends(task, &send, &mut class_fn, &NoStacks);
        }
        let acquired = validator.acquired(task).to_vec();
        let segment = validator.spawned(task);
        self.sent.insert(what, Sent { segment, at: site, acquired });
        Ok(outcome)
    }

    fn receive_message(&mut self, op: &Op, site: Site) -> Step {
        let what = field(&op.what, "what", op)?.to_owned();
        let Some(sent) = self.sent.remove(&what) else {
            return Err(ReplayError::new(format_args!("message \"{what}\" was not sent")));
        };
        let (validator, task) = self.parts();
        let mut outcome = Outcome::CLEAN;
        if let Some(channel) = &op.channel {
            let mut class_fn = || class_of(validator, &format!("room in {channel}"), "ChannelRoom");
            outcome = validator.takes(task, channel_number(channel), site, &mut class_fn);
        }
        let sender = EndedTask {
            task: sent.segment.task,
            spawned_at: sent.at,
            acquired: &sent.acquired,
            is_only_provider: !op.several,
        };
        outcome.append(validator.waited_for_end(
            task,
            &[sender],
            site,
            &mut || class_of(validator, &format!("message {what}"), "Channel"),
            &NoStacks,
        ));
        validator.received(task, sent.segment);
        Ok(outcome)
    }
}

/// What distinguishes the channel from the others of the scenario.
fn channel_number(name: &str) -> u64 {
    name.bytes().fold(1, |number, byte| number * 31 + u64::from(byte))
}
