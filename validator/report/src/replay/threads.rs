//! Tasks that start and wait for others: in scenarios and in traces.

use lockdep_validator::{
    ClassAttributes, ClassId, EndedTask, LockClassKey, NoStacks, Outcome, Site, TaskContext, Validator,
};

use super::ReplayError;
use super::op::{Op, field};
use super::runner::{Runner, Step};

impl Runner {
    pub(super) fn spawn_or_join(&mut self, op: &Op, site: Site) -> Step {
        let name = field(&op.task, "task", op)?.to_owned();
        let parent = self.current.clone();
        self.switch_to(&name)?;
        let child = self.tasks[&name].id();
        self.current = parent;
        if child == self.tasks[&self.current].id() {
            return Err(ReplayError::new(format_args!("task \"{name}\" cannot spawn or join itself")));
        }
        if op.op == "join" {
            return Ok(self.join(&name, site));
        }
        let (validator, task) = self.parts();
        let segment = validator.spawned(task);
        let mut started = validator.start_task(child, Some(segment));
        validator.record_acquired(&mut started, false);
        self.tasks.insert(name.clone(), started);
        self.spawned_at.insert(name, site);
        Ok(Outcome::CLEAN)
    }

    fn join(&mut self, name: &str, site: Site) -> Outcome {
        let spawned_at = self.spawned_at.get(name).copied().unwrap_or(Site::UNKNOWN);
        let Some(mut child) = self.tasks.remove(name) else { return Outcome::CLEAN };
        let (validator, task) = self.parts();
        let outcome = joined(validator, task, &mut child, name, spawned_at, site);
        self.tasks.insert(name.to_owned(), child);
        outcome
    }
}

/// The task has waited for the end of `child`.
pub(super) fn joined(
    validator: &Validator,
    task: &mut TaskContext,
    child: &mut TaskContext,
    name: &str,
    spawned_at: Site,
    site: Site,
) -> Outcome {
    let acquired = validator.take_acquired(child);
    let ended = EndedTask { task: child.id(), spawned_at, acquired: &acquired, is_only_provider: true };
    let outcome = validator.waited_for_end(
        task,
        &[ended],
        site,
        &mut || class_of(validator, &format!("end of {name}"), "JoinHandle"),
        &NoStacks,
    );
    validator.joined(task, child.id());
    outcome
}

/// The class that stands for what is awaited.
pub(super) fn class_of(validator: &Validator, name: &str, kind: &str) -> Option<ClassId> {
    let key = LockClassKey { name: Some(name.to_owned()), kind: kind.to_owned(), ..LockClassKey::default() };
    validator.register_class(&key, Site::UNKNOWN, ClassAttributes::default())
}
