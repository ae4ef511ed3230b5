//! The wound/wait ops of a scenario: `ww_ctx_*` for transactions, `ww_lock`, `ww_trylock`,
//! `ww_unlock` for their locks.

use super::ReplayError;
use super::op::{Op, field};
use super::runner::Runner;
use super::transactions::{CLASS, unknown};
use lockdep_validator::{Acquire, Mode, NoStacks, Outcome, Site, TaskContext, Validator, Wait, WoundWait};

impl Runner {
    pub(super) fn wound_wait(&mut self, name: &str, op: &Op, site: Site) -> Result<Outcome, ReplayError> {
        match name {
            "ww_ctx_init" => self.ww_begin(op, site),
            "ww_ctx_copy" => {
                let source = field(&op.source, "source", op)?;
                let copy = self.transactions.open.get(source).cloned().ok_or_else(|| unknown(source))?;
                let name = field(&op.wwctx, "wwctx", op)?.to_owned();
                // A copy has the age that the test forges, and nothing that the original acquired.
                self.transactions.open.insert(name, WoundWait { n_acquired: 0, contended: None, ..copy });
                Ok(Outcome::CLEAN)
            }
            "ww_ctx_done" => self.with_transaction(op, |validator, task, t| validator.ww_done(task, t, site)),
            "ww_ctx_fini" => self.with_transaction(op, |validator, task, t| validator.ww_end(task, t, site)),
            "ww_lock" | "ww_trylock" => self.ww_lock(op, site),
            "ww_unlock" => self.ww_unlock(op, site),
            other => Err(ReplayError::new(format_args!(
                "unknown op \"{other}\"; known are ww_ctx_init ww_ctx_copy ww_ctx_done ww_ctx_fini ww_lock ww_trylock \
                 ww_unlock"
            ))),
        }
    }

    fn ww_begin(&mut self, op: &Op, site: Site) -> Result<Outcome, ReplayError> {
        let name = field(&op.wwctx, "wwctx", op)?.to_owned();
        let class_name = op.class.as_deref().unwrap_or(CLASS);
        let context = self.new_lock(&format!("ww_ctx.{class_name}"), "ww_ctx")?;
        let first = self.new_lock(class_name, "ww")?;
        let (validator, task) = self.parts();
        let (transaction, outcome) = validator.ww_begin(task, context, first, site, &NoStacks);
        self.transactions.open.insert(name, transaction);
        Ok(outcome)
    }

    fn with_transaction(
        &mut self,
        op: &Op,
        event_fn: impl FnOnce(&Validator, &mut TaskContext, &mut WoundWait) -> Outcome,
    ) -> Result<Outcome, ReplayError> {
        let mut transaction = self.transactions.named(op)?.clone();
        let (validator, task) = self.parts();
        let outcome = event_fn(validator, task, &mut transaction);
        *self.transactions.named(op)? = transaction;
        Ok(outcome)
    }

    fn ww_lock(&mut self, op: &Op, site: Site) -> Result<Outcome, ReplayError> {
        let lock = self.lock(op)?.id;
        let lock_name = field(&op.lock, "lock", op)?.to_owned();
        let wait = if op.op == "ww_trylock" { Wait::Try } else { Wait::Blocking };
        let event = Acquire::new(lock, Mode::Exclusive, wait, site);
        let backs_off = match op.result.as_deref().unwrap_or("ok") {
            "ok" => false,
            "deadlk" => true,
            // The lock is owned by this transaction, or the try failed: nothing was waited for.
            "already" | "busy" => return Ok(Outcome::CLEAN),
            other => {
                return Err(ReplayError::new(format_args!(
                    "unknown result \"{other}\"; known are ok already busy deadlk"
                )));
            }
        };
        if op.wwctx.is_none() {
            let (validator, task) = self.parts();
            return Ok(validator.ww_acquire(task, None, &event, op.slow, &NoStacks));
        }
        let name = field(&op.wwctx, "wwctx", op)?.to_owned();
        let owner = self.transactions.owners.get(&lock_name).cloned();
        let mut all = self.with_transaction(op, |validator, task, transaction| {
            validator.ww_acquire(task, Some(transaction), &event, op.slow, &NoStacks)
        })?;
        if backs_off {
            all.append(self.with_transaction(op, |validator, task, transaction| {
                validator.ww_backed_off(task, transaction, lock, site)
            })?);
            return Ok(all);
        }
        if owner.is_some() {
            let (validator, task) = self.parts();
            all.append(validator.ww_stale_owner(task, lock, site));
        }
        all.append(self.with_transaction(op, |validator, task, transaction| {
            validator.ww_acquired(task, transaction, lock, site)
        })?);
        self.transactions.owners.insert(lock_name, name);
        Ok(all)
    }

    fn ww_unlock(&mut self, op: &Op, site: Site) -> Result<Outcome, ReplayError> {
        let lock = self.lock(op)?.id;
        let owner = self.transactions.owners.remove(field(&op.lock, "lock", op)?);
        let mut transaction = owner.as_ref().and_then(|owner| self.transactions.open.get(owner)).cloned();
        let (validator, task) = self.parts();
        let outcome = validator.ww_release(task, transaction.as_mut(), lock, site);
        if let (Some(owner), Some(transaction)) = (owner, transaction) {
            self.transactions.open.insert(owner, transaction);
        }
        Ok(outcome)
    }

    /// The test forges state that only a broken program could have.
    pub(super) fn poke(&mut self, op: &Op) -> Result<(), ReplayError> {
        match field(&op.what, "what", op)? {
            "ctx.acquired" => {
                let n_acquired = op.value.as_u64().unwrap_or_default();
                self.transactions.named(op)?.n_acquired = u32::try_from(n_acquired).unwrap_or(u32::MAX);
            }
            "object.ctx" => {
                let lock = field(&op.lock, "lock", op)?.to_owned();
                match op.value.as_str() {
                    Some(owner) => self.transactions.owners.insert(lock, owner.to_owned()),
                    None => self.transactions.owners.remove(&lock),
                };
            }
            "ctx.contending_lock" => {
                let contended = match op.value.as_str().or(op.lock.as_deref()) {
                    Some(name) => Some(self.locks.get(name).map(|lock| lock.id).ok_or_else(|| {
                        ReplayError::new(format_args!("lock \"{name}\" was never acquired"))
                    })?),
                    None => None,
                };
                self.transactions.named(op)?.contended = contended;
            }
            "ctx.done_acquire" => {
                self.transactions.named(op)?.is_done = op.value.as_u64().unwrap_or_default() != 0;
            }
            "ctx.ww_class" | "ctx.class" => {
                let foreign = self.new_lock(op.value.as_str().unwrap_or("ww.foreign"), "ww")?;
                self.transactions.named(op)?.first = foreign;
            }
            other => {
                return Err(ReplayError::new(format_args!(
                    "\"what\" is \"{other}\"; known are ctx.acquired ctx.contending_lock ctx.done_acquire \
                     ctx.ww_class object.ctx"
                )));
            }
        }
        Ok(())
    }
}
