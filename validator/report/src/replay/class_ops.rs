//! Ops about the class of a lock: another one, another level, an order, its end.

use super::ReplayError;
use super::op::{Op, field, missing};
use super::runner::{Lock, Runner, Step, level};
use lockdep_validator::{ClassOrder, LockId, NoStacks, Outcome, Site};

impl Runner {
    /// `set_subclass` moves the lock to a level, `set_class` to the class in `value`; a held one is
    /// looked at again.
    pub(super) fn rekey(&mut self, op: &Op, site: Site) -> Step {
        let lock = self.lock(op)?;
        let name = field(&op.lock, "lock", op)?.to_owned();
        let mut new = lock.clone();
        if op.op == "set_class" {
            let class_name = op.value.as_str().ok_or_else(|| missing("value", op))?;
            let flavour_name = self.classes[&lock.class].1.clone();
            let (class, base, subclass) = self.class(class_name, &flavour_name)?;
            (new.id, new.class, new.subclass) = (LockId::new(class, lock.id.instance()), base, subclass);
        } else {
            new.subclass = level(op)?.ok_or_else(|| missing("subclass", op))?;
        }
        let (id, subclass) = (new.id, new.subclass);
        self.locks.insert(name, new);
        let (validator, task) = self.parts();
        if task.held_locks().any(|held| held == lock.id) {
            return Ok(validator.set_class(task, lock.id, id, subclass, site, &NoStacks));
        }
        Ok(Outcome::CLEAN)
    }

    /// The name of a class does not depend on the level of a lock.
    pub(super) fn check_name(&mut self, op: &Op) -> Step {
        let lock = self.lock(op)?;
        let class = self.validator.class(lock.id.class());
        let name = class.as_ref().map(|class| class.key.type_name.as_str());
        if name == Some(lock.class.as_str()) {
            return Ok(Outcome::CLEAN);
        }
        Err(ReplayError::new(format_args!("the class was named \"{}\" and is now {name:?}", lock.class)))
    }

    /// Gives the class an order: by the age of its locks in the scenario.
    pub(super) fn order_by_instance(&mut self, op: &Op) -> Step {
        let lock = self.lock(op)?;
        let by_age = ClassOrder::By(|held, wanted| Some(held.id.instance().cmp(&wanted.id.instance())));
        self.order_class(&lock, by_age)
    }

    /// Gives the class an order by key, and the lock its key, which is in `value`.
    pub(super) fn order_by_key(&mut self, op: &Op) -> Step {
        let lock = self.lock(op)?;
        let key = op.value.as_u64().ok_or_else(|| missing("value", op))?;
        self.validator.set_order_key(lock.id, key, false);
        self.order_class(&lock, ClassOrder::ByKey)
    }

    fn order_class(&self, lock: &Lock, order: ClassOrder) -> Step {
        match self.validator.order_class(lock.id.class(), order) {
            Ok(()) => Ok(Outcome::CLEAN),
            Err(other) => Err(ReplayError::new(format_args!(
                "class \"{}\" is ordered already, {}",
                lock.class,
                other.as_str()
            ))),
        }
    }

    pub(super) fn remove_class(&mut self, op: &Op) -> Step {
        let lock = self.lock(op)?;
        if !self.validator.remove_class(lock.id.class()) {
            return Err(ReplayError::new(format_args!("class \"{}\" was removed before", lock.class)));
        }
        self.classes.remove(&lock.class);
        self.locks.retain(|_, other| other.class != lock.class);
        Ok(Outcome::CLEAN)
    }
}
