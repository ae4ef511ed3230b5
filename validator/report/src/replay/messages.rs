//! Messages between the tasks of a scenario, and waits whose order is not known.

use lockdep_validator::{EndedTask, NoStacks, Outcome, Site};

use super::ReplayError;
use super::op::{Op, field};
use super::runner::{Runner, Step};
use super::sent::Sent;
use super::threads::class_of;

impl Runner {
    /// `send` and `receive` of the message called `what`, and `wait_ended`.
    pub(super) fn message(&mut self, op: &Op, site: Site) -> Step {
        let (validator, task) = self.parts();
        if op.op == "wait_ended" {
            validator.wait_ended(task);
            return Ok(Outcome::CLEAN);
        }
        let what = field(&op.what, "what", op)?.to_owned();
        if op.op == "send" {
            let acquired = validator.acquired(task).to_vec();
            let segment = validator.spawned(task);
            self.sent.insert(what, Sent { segment, at: site, acquired });
            return Ok(Outcome::CLEAN);
        }
        let Some(sent) = self.sent.remove(&what) else {
            return Err(ReplayError::new(format_args!("message \"{what}\" was not sent")));
        };
        let (validator, task) = self.parts();
        let sender = EndedTask { task: sent.segment.task, spawned_at: sent.at, acquired: &sent.acquired };
        let outcome = validator.waited_for_end(
            task,
            &[sender],
            site,
            &mut || class_of(validator, &format!("message {what}"), "Channel"),
            &NoStacks,
        );
        validator.received(task, sent.segment);
        Ok(outcome)
    }
}
