//! One case of a scenario, op by op, into the engine.

use rustc_hash::FxHashMap;

use super::flow::ScenarioFlow;
use super::op::{Op, field};
use super::sent::Sent;
use super::transactions::Transactions;
use super::{ReplayError, defaults, flavour};
use lockdep_validator::{
    Acquire, AcquireFlags, ClassId, Config, ContextAttributes, ContextId, ContextSet, HeldQuery,
    LockClassKey, LockId, Mode, NoStacks, Outcome, OwnStack, PinCookie, Site, Subclass, TaskContext, TaskId,
    Validation, Validator, Violation, Wait, WaitType,
};

/// A lock of the scenario.
#[derive(Clone, Debug)]
pub(super) struct Lock {
    pub(super) id: LockId,
    /// The class as the scenario names it, without the level.
    pub(super) class: String,
    pub(super) subclass: Subclass,
    pub(super) flags: AcquireFlags,
    /// Whether it lies on the stack of the task that acquired it first.
    is_on_stack: bool,
    n_moves: usize,
    was_acquired: bool,
    /// Acquisitions that the engine refused to stack because they can never return; their releases
    /// are skipped.
    n_hung: u32,
}

/// Where what lies on the stack of a task lies.
const STACK: OwnStack = OwnStack { start: 1 << 20, end: 1 << 30 };

impl Lock {
    /// Zero, which is unknown, for what is neither on the stack nor was ever moved.
    fn address(&self) -> usize {
        self.n_moves * 64 + if self.is_on_stack { STACK.start } else { 0 }
    }
}

/// A case that runs.
pub(super) struct Runner {
    pub(super) validator: Validator,
    hardirq: ContextId,
    softirq: ContextId,
    pub(super) tasks: FxHashMap<String, TaskContext>,
    pub(super) current: String,
    pub(super) classes: FxHashMap<String, (ClassId, String)>,
    pub(super) locks: FxHashMap<String, Lock>,
    pins: FxHashMap<String, Vec<PinCookie>>,
    pub(super) transactions: Transactions,
    pub(super) spawned_at: FxHashMap<String, Site>,
    pub(super) sent: FxHashMap<String, Sent>,
    pub(super) flows: FxHashMap<String, ScenarioFlow>,
    found: Vec<(usize, Violation)>,
}

pub(super) type Step = Result<Outcome, ReplayError>;

impl Runner {
    pub(super) fn new(config: &Config) -> Self {
        let validator = Validator::new(config.clone());
        let context = |name: &str, attributes| {
            validator.register_context(name, attributes).expect("an empty validator has room for two")
        };
        let limit = |wait_limit| ContextAttributes { wait_limit, ..ContextAttributes::default() };
        let hardirq = context("hardirq", limit(WaitType::Spin));
        // Soft interrupts run only where hard ones may too, and mask them while they are entered.
        let hard = ContextSet::of(hardirq);
        let softirq = context(
            "softirq",
            ContextAttributes { masked_with: hard, masks: hard, ..limit(WaitType::Config) },
        );
        let current = "task0".to_owned();
        let tasks = [(current.clone(), TaskContext::new(TaskId(1)))].into_iter().collect();
        Self {
            validator,
            hardirq,
            softirq,
            tasks,
            current,
            classes: FxHashMap::default(),
            locks: FxHashMap::default(),
            pins: FxHashMap::default(),
            transactions: Transactions::default(),
            spawned_at: FxHashMap::default(),
            sent: FxHashMap::default(),
            flows: FxHashMap::default(),
            found: Vec::new(),
        }
    }

    pub(super) fn into_found(self) -> Vec<(usize, Violation)> {
        self.found
    }

    /// Runs one op.
    pub(super) fn step(&mut self, index: usize, op: &Op) -> Result<(), ReplayError> {
        if let Some(name) = op.ctx.as_deref().filter(|ctx| !matches!(*ctx, "hardirq" | "softirq")) {
            self.switch_to(name)?;
        }
        let site = Site(index as u64 + 1);
        let outcome = match op.op.as_str() {
            "acquire" => self.acquire(op, site, AcquireFlags::NONE),
            "sync" => self.acquire(op, site, AcquireFlags::SYNC),
            "want" => self.acquire(op, site, AcquireFlags::ASYNC),
            "queued" | "granted" => self.grant(op, site),
            "resume" | "suspend" | "end" => self.flow(op),
            "release" | "forget_held" => self.release(op, site),
            "init" => self.with_lock(op, |validator, task, lock| validator.reinitialised(task, lock, site)),
            "free" => self.with_lock(op, |validator, task, lock| validator.freed(task, lock, site)),
            "downgrade" => {
                self.with_lock(op, |validator, task, lock| validator.downgrade(task, lock, site, &NoStacks))
            }
            "upgrade" => {
                let wait = wait(op);
                self.with_lock(op, |validator, task, lock| {
                    validator.upgrade(task, lock, wait, site, &NoStacks)
                })
            }
            "irq_enter" | "irq_exit" | "irq_disable" | "irq_enable" => self.interrupt(op, site),
            "set_subclass" | "set_class" => self.rekey(op, site),
            "check_name_unchanged" => self.check_name(op),
            "pin" | "unpin" => self.pin(op, site),
            "assert" => self.assert(op, site),
            "order_by_instance" => self.order_by_instance(op),
            "order_by_key" => self.order_by_key(op),
            "remove_class" => self.remove_class(op),
            "thread_exit" => {
                let (validator, task) = self.parts();
                Ok(validator.thread_exit(task, site))
            }
            "spawn" | "join" => self.spawn_or_join(op, site),
            "send" | "receive" | "wait_ended" | "send_waits" | "had_room" | "drop_receiver" | "yield"
            | "sleep" | "wake" => self.message(op, site),
            "move" => self.move_object(op),
            "noop" | "trylock_fails" => Ok(Outcome::CLEAN),
            "test_poke" => {
                self.poke(op)?;
                Ok(Outcome::CLEAN)
            }
            name if name.starts_with("ww_") => self.wound_wait(name, op, site),
            name => Err(ReplayError::new(format_args!(
                "unknown op \"{name}\"; known are acquire release init free sync downgrade upgrade irq_enter irq_exit \
                 irq_disable irq_enable set_subclass set_class check_name_unchanged pin unpin assert order_by_instance \
                 order_by_key remove_class thread_exit spawn join send receive wait_ended send_waits had_room drop_receiver yield sleep wake resume suspend \
                 end want queued granted move forget_held trylock_fails test_poke noop and ww_*"
            ))),
        }?;
        self.take(index, outcome);
        Ok(())
    }

    fn take(&mut self, index: usize, outcome: Outcome) {
        for violation in outcome.into_findings().map(|findings| findings.violations).unwrap_or_default() {
            // A flow of a scenario is one future. A self-deadlock was confirmed when it was sent.
            if violation.is_self_deadlock() || self.validator.confirm(&violation) {
                self.found.push((index, violation));
            }
        }
    }

    /// The running task, and the engine.
    pub(super) fn parts(&mut self) -> (&Validator, &mut TaskContext) {
        let task = self.tasks.get_mut(&self.current).expect("the running task is made when it is named");
        (&self.validator, task)
    }

    pub(super) fn switch_to(&mut self, name: &str) -> Result<(), ReplayError> {
        let number = name.strip_prefix("task").and_then(|number| number.parse::<u32>().ok());
        let Some(number) = number.and_then(|number| number.checked_add(1)) else {
            return Err(ReplayError::new(format_args!(
                "unknown ctx \"{name}\"; known are task0 task1 … hardirq softirq"
            )));
        };
        if !self.tasks.contains_key(name) {
            self.tasks.insert(name.to_owned(), TaskContext::new(TaskId(number)));
        }
        name.clone_into(&mut self.current);
        Ok(())
    }

    /// The class of a name, registered if it is new. `NAME/3` is level 3 of `NAME`.
    pub(super) fn class(
        &mut self,
        name: &str,
        flavour_name: &str,
    ) -> Result<(ClassId, String, Subclass), ReplayError> {
        let (base, level) = match name.rsplit_once('/').map(|(base, level)| (base, level.parse::<u8>())) {
            Some((base, Ok(level))) => (base, level),
            _ => (name, 0),
        };
        let subclass = level_of(level)?;
        if let Some((class, known)) = self.classes.get(base) {
            if known != flavour_name {
                return Err(ReplayError::new(format_args!(
                    "class \"{base}\" is of flavour \"{known}\" and of flavour \"{flavour_name}\""
                )));
            }
            return Ok((*class, base.to_owned(), subclass));
        }
        let Some(attributes) = flavour::attributes(flavour_name) else {
            return Err(ReplayError::new(format_args!(
                "unknown flavour \"{flavour_name}\"; known are {}",
                flavour::FLAVOURS
            )));
        };
        // Not by name: a named class declares its locks interchangeable, and a scenario tells them
        // apart.
        let key = LockClassKey {
            type_name: base.to_owned(),
            kind: flavour_name.to_owned(),
            ..LockClassKey::default()
        };
        let class = self.validator.register_class(&key, Site::UNKNOWN, attributes);
        let class = class.ok_or_else(|| ReplayError::new("too many classes"))?;
        self.classes.insert(base.to_owned(), (class, flavour_name.to_owned()));
        Ok((class, base.to_owned(), subclass))
    }

    /// The lock of an op, made if its name, or its class, is new.
    pub(super) fn lock(&mut self, op: &Op) -> Result<Lock, ReplayError> {
        let name = field(&op.lock, "lock", op)?;
        let class_name = match (&op.class, self.locks.get(name)) {
            (Some(class_name), _) => class_name.clone(),
            (None, Some(known)) => return Ok(known.clone()),
            (None, None) if op.op.starts_with("ww_") => super::transactions::CLASS.to_owned(),
            (None, None) if takes(op) => class_of(name).to_owned(),
            (None, None) => {
                return Err(ReplayError::new(format_args!(
                    "lock \"{name}\" was never acquired, and the op has no \"class\""
                )));
            }
        };
        let flavour_name = match (&op.flavour, self.locks.get(name)) {
            (Some(flavour_name), _) => flavour_name.clone(),
            (None, Some(known)) => self.classes[&known.class].1.clone(),
            (None, None) if op.op.starts_with("ww_") => "ww".to_owned(),
            (None, None) => defaults::flavour_of(name).to_owned(),
        };
        let (class, base, subclass) = self.class(&class_name, &flavour_name)?;
        if let Some(known) = self.locks.get(name).filter(|known| known.class == base) {
            return Ok(known.clone());
        }
        let simple = flavour::attributes(&flavour_name).is_some_and(|a| a.validation == Validation::Simple);
        let flags = if simple { AcquireFlags::UNCHECKED } else { AcquireFlags::NONE };
        let (validator, task) = self.parts();
        let id = validator.new_lock(task, class);
        let (is_on_stack, n_moves, was_acquired) = (false, 0, false);
        let lock = Lock { id, class: base, subclass, flags, is_on_stack, n_moves, was_acquired, n_hung: 0 };
        self.locks.insert(name.to_owned(), lock.clone());
        Ok(lock)
    }

    /// A lock object of a class, without a name of its own.
    pub(super) fn new_lock(&mut self, class_name: &str, flavour_name: &str) -> Result<LockId, ReplayError> {
        let (class, ..) = self.class(class_name, flavour_name)?;
        let (validator, task) = self.parts();
        Ok(validator.new_lock(task, class))
    }

    fn with_lock(
        &mut self,
        op: &Op,
        event_fn: impl FnOnce(&Validator, &mut TaskContext, LockId) -> Outcome,
    ) -> Step {
        let lock = self.lock(op)?;
        let (validator, task) = self.parts();
        Ok(event_fn(validator, task, lock.id))
    }

    fn acquire(&mut self, op: &Op, site: Site, flags: AcquireFlags) -> Step {
        let lock = self.lock(op)?;
        let mode = mode(op, &self.classes[&lock.class].1)?;
        let mut event = Acquire::new(lock.id, mode, wait(op), site);
        event.subclass = level(op)?.unwrap_or(lock.subclass);
        event.flags = lock.flags.union(flags);
        if op.upgradable {
            event.flags = event.flags.union(AcquireFlags::UPGRADABLE);
        }
        event.is_first = !lock.was_acquired;
        event.own_stack = if op.on_stack { STACK } else { OwnStack::UNKNOWN };
        if let Some(lock) = op.lock.as_ref().and_then(|name| self.locks.get_mut(name)) {
            lock.was_acquired = true;
            lock.is_on_stack |= op.on_stack;
            event.address = lock.address();
        }
        event.nest = match &op.nest {
            None => None,
            Some(name) => Some(self.nest(name)?),
        };
        Ok(self.send(op, &event))
    }

    pub(super) fn send(&mut self, op: &Op, event: &Acquire) -> Outcome {
        let (validator, task) = self.parts();
        let n_held = task.n_held();
        let outcome = validator.acquire(task, event, &NoStacks);
        if outcome.is_self_deadlock() {
            let hung = task.n_held() == n_held;
            for violation in outcome.violations().iter().filter(|violation| violation.is_self_deadlock()) {
                validator.confirm(violation);
            }
            if let Some(lock) = op.lock.as_ref().and_then(|name| self.locks.get_mut(name)).filter(|_| hung) {
                lock.n_hung += 1;
            }
        }
        outcome
    }

    /// The lock that an annotation names; one that was never seen is simply not held.
    fn nest(&mut self, name: &str) -> Result<LockId, ReplayError> {
        if let Some(context) = name.strip_prefix("ww_ctx.").and_then(|name| self.transactions.context(name)) {
            return Ok(context);
        }
        if let Some(lock) = self.locks.get(name) {
            return Ok(lock.id);
        }
        self.new_lock(&format!("nest.{name}"), "mutex")
    }

    fn release(&mut self, op: &Op, site: Site) -> Step {
        let lock = self.lock(op)?;
        if lock.n_hung > 0 {
            let name = field(&op.lock, "lock", op)?;
            self.locks.get_mut(name).expect("just found").n_hung -= 1;
            return Ok(Outcome::CLEAN);
        }
        let (validator, task) = self.parts();
        Ok(validator.release(task, lock.id, site))
    }

    /// The lock object lies elsewhere from now on: in another variable, in a box.
    fn move_object(&mut self, op: &Op) -> Step {
        let name = field(&op.lock, "lock", op)?;
        self.lock(op)?;
        if let Some(lock) = self.locks.get_mut(name) {
            lock.n_moves += 1;
            lock.is_on_stack = false;
        }
        Ok(Outcome::CLEAN)
    }

    fn interrupt(&mut self, op: &Op, site: Site) -> Step {
        let context = match field(&op.which.clone().or_else(|| self.own_interrupt(op)), "which", op)? {
            "hardirq" => self.hardirq,
            "softirq" => self.softirq,
            other => {
                return Err(ReplayError::new(format_args!(
                    "\"which\" is \"{other}\"; known are hardirq softirq"
                )));
            }
        };
        let limit = op.threaded.then_some(WaitType::Config);
        let (validator, task) = self.parts();
        Ok(match op.op.as_str() {
            "irq_enter" => {
                validator.context_enter(task, context, limit);
                Outcome::CLEAN
            }
            "irq_exit" => validator.context_exit(task, context, site, &NoStacks),
            "irq_disable" => {
                validator.context_mask(task, context);
                Outcome::CLEAN
            }
            _ => validator.context_unmask(task, context, site, &NoStacks),
        })
    }

    /// The context that an op enters or leaves if it does not say so: an op in an interrupt means
    /// that one.
    fn own_interrupt(&self, op: &Op) -> Option<String> {
        let is_own = matches!(op.op.as_str(), "irq_enter" | "irq_exit");
        op.ctx.clone().filter(|ctx| is_own && matches!(ctx.as_str(), "hardirq" | "softirq"))
    }

    fn pin(&mut self, op: &Op, site: Site) -> Step {
        let lock = self.lock(op)?;
        let name = field(&op.lock, "lock", op)?.to_owned();
        let cookies = self.pins.entry(name).or_default();
        let task = self.tasks.get_mut(&self.current).expect("the running task is made when it is named");
        if op.op == "pin" {
            let (cookie, outcome) = self.validator.pin(task, lock.id, site);
            cookies.extend(cookie);
            return Ok(outcome);
        }
        let cookie = cookies.pop().ok_or_else(|| ReplayError::new("unpin without a pin"))?;
        Ok(self.validator.unpin(task, lock.id, cookie, site))
    }

    fn assert(&mut self, op: &Op, site: Site) -> Step {
        // About a lock that is named, "held" is what is asserted.
        let what = op.what.clone().or_else(|| op.lock.as_ref().map(|_| "held".to_owned()));
        let query = match field(&what, "what", op)? {
            "none_held" => {
                let (validator, task) = self.parts();
                return Ok(validator.assert_none_held(task, site));
            }
            "may_block" => {
                let (validator, task) = self.parts();
                return Ok(validator.assert_may_block(task, site));
            }
            "held" => HeldQuery::Held,
            "held_exclusive" => HeldQuery::HeldExclusive,
            "held_shared" => HeldQuery::HeldShared,
            "not_held" => HeldQuery::NotHeld,
            other => {
                return Err(ReplayError::new(format_args!(
                    "\"what\" is \"{other}\"; known are held held_exclusive held_shared not_held none_held may_block"
                )));
            }
        };
        self.with_lock(op, |validator, task, lock| validator.assert_held(task, lock, query, site))
    }
}

/// Whether the op may be the first to name a lock.
fn takes(op: &Op) -> bool {
    matches!(
        op.op.as_str(),
        "acquire" | "want" | "sync" | "init" | "trylock_fails" | "order_by_key" | "order_by_instance"
    )
}

/// The class of a lock that names none: X1 and X2, Y1 and Y2, Z1 and Z2 are of one class each, any
/// other is its own.
fn class_of(name: &str) -> &str {
    let last = name.rsplit_once('.').map_or(name, |(_, last)| last);
    let is_pair = matches!(last, "X1" | "X2" | "Y1" | "Y2" | "Z1" | "Z2");
    if is_pair { &name[..name.len() - 1] } else { name }
}

pub(super) fn mode(op: &Op, flavour: &str) -> Result<Mode, ReplayError> {
    match op.mode.as_deref().unwrap_or_else(|| defaults::mode(op, flavour)) {
        "exclusive" => Ok(Mode::Exclusive),
        "shared" => Ok(Mode::Shared),
        "shared_recursive" => Ok(Mode::SharedRecursive),
        other => Err(ReplayError::new(format_args!(
            "unknown mode \"{other}\"; known are exclusive shared shared_recursive"
        ))),
    }
}

pub(super) fn wait(op: &Op) -> Wait {
    match (op.trylock, op.timed) {
        (true, _) => Wait::Try,
        (false, true) => Wait::Timed,
        (false, false) => Wait::Blocking,
    }
}

pub(super) fn level(op: &Op) -> Result<Option<Subclass>, ReplayError> {
    op.subclass.map(level_of).transpose()
}

fn level_of(level: u8) -> Result<Subclass, ReplayError> {
    Subclass::new(level)
        .ok_or_else(|| ReplayError::new(format_args!("subclass {level} is out of range; levels are 0 to 7")))
}
