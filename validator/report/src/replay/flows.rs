//! The ops of tasks that the threads of a scenario run by turns.

use lockdep_validator::{Acquire, AcquireFlags, Flow, NoStacks, Outcome, Site, TaskId};

use super::ReplayError;
use super::flow::ScenarioFlow;
use super::op::{Op, field};
use super::runner::{Runner, Step, mode, wait};

impl Runner {
    /// `resume`, `suspend` and `end` of the flow called `task`: its thread is the `ctx`.
    pub(super) fn flow(&mut self, op: &Op) -> Step {
        let name = field(&op.task, "task", op)?.to_owned();
        let number = u32::try_from(self.flows.len() + 1).unwrap_or(u32::MAX);
        let thread = self.current.clone();
        let mut flow = self
            .flows
            .remove(&name)
            .unwrap_or_else(|| ScenarioFlow { flow: Flow::new(TaskId::of_flow(number)), run_by: None });
        let is_running = flow.run_by.as_deref() == Some(thread.as_str());
        if flow.run_by.is_some() && !is_running || is_running == (op.op == "resume") {
            return Err(ReplayError::new(format_args!(
                "op \"{}\": the flow \"{name}\" is run by {}",
                op.op,
                flow.run_by.as_deref().unwrap_or("no task")
            )));
        }
        let (validator, task) = self.parts();
        task.exchange(&mut flow.flow);
        flow.run_by = (op.op == "resume").then_some(thread);
        if op.op == "end" {
            validator.flow_ended(&mut flow.flow);
        }
        self.flows.insert(name, flow);
        Ok(Outcome::CLEAN)
    }

    /// `queued`: the lock that was just asked for is not there yet. `granted`: it is.
    pub(super) fn grant(&mut self, op: &Op, site: Site) -> Step {
        let lock = self.lock(op)?;
        let mode = mode(op, &self.classes[&lock.class].1)?;
        let mut event = Acquire::new(lock.id, mode, wait(op), site);
        event.flags = lock.flags.union(AcquireFlags::ASYNC);
        let (validator, task) = self.parts();
        if op.op == "queued" {
            validator.queued(task, lock.id);
        } else {
            validator.granted(task, &event, &NoStacks);
        }
        Ok(Outcome::CLEAN)
    }
}
