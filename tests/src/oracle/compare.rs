//! The engine and the truth, side by side, under the kernel's policy.

use lockdep_validator::{
    Acquire, ClassAttributes, Code, Config, ContextAttributes, ContextId, ContextSet, LockClassKey, LockId,
    NoStacks, Outcome, Site, TaskContext, TaskId, Validator, Violation,
};

use super::history::{Event, Lock, N_CONTEXTS, Shape};
use super::truth::{Deadlock, Relation, Truth};

/// The engine, fed with the events of a history.
#[derive(Debug)]
pub struct Engine {
    validator: Validator,
    task: TaskContext,
    locks: Vec<[LockId; 2]>,
    contexts: [ContextId; N_CONTEXTS],
    entered: Vec<ContextId>,
    n_events: u64,
}

impl Engine {
    /// An engine that knows the classes and contexts of histories.
    pub fn new(n_classes: usize) -> Self {
        let validator = Validator::new(Config::kernel());
        let mut task = TaskContext::new(TaskId(1));
        let locks = (0..n_classes)
            .map(|class| {
                let key = LockClassKey { name: Some(format!("class {class}")), ..LockClassKey::default() };
                let class = validator.register_class(&key, Site::UNKNOWN, ClassAttributes::default());
                let class = class.expect("few classes");
                [validator.new_lock(&mut task, class), validator.new_lock(&mut task, class)]
            })
            .collect();
        let register = |name, attributes| validator.register_context(name, attributes).expect("two contexts");
        let hard = register("hard", ContextAttributes::default());
        let keeps_out = ContextSet::of(hard);
        let soft =
            ContextAttributes { masked_with: keeps_out, masks: keeps_out, ..ContextAttributes::default() };
        let contexts = [hard, register("soft", soft)];
        Self { validator, task, locks, contexts, entered: Vec::new(), n_events: 0 }
    }

    /// What the engine says to an event.
    pub fn event(&mut self, event: Event) -> Vec<Violation> {
        self.n_events += 1;
        let site = Site(self.n_events);
        let locks = &self.locks;
        let id = |lock: Lock| locks[lock.class][lock.instance];
        let (validator, task) = (&self.validator, &mut self.task);
        let outcome = match event {
            Event::Acquire(lock, mode, wait, nest) => {
                let event = Acquire { nest: nest.map(id), ..Acquire::new(id(lock), mode, wait, site) };
                validator.acquire(task, &event, &NoStacks)
            }
            Event::Release(lock) => validator.release(task, id(lock), site),
            Event::Enter(context) => {
                self.entered.push(self.contexts[context]);
                validator.context_enter(task, self.contexts[context], None);
                Outcome::CLEAN
            }
            Event::Exit => {
                let newest = self.entered.pop().expect("histories leave only what they entered");
                validator.context_exit(task, newest, site, &NoStacks)
            }
            Event::Mask(context) => {
                validator.context_mask(task, self.contexts[context]);
                Outcome::CLEAN
            }
            Event::Unmask(context) => validator.context_unmask(task, self.contexts[context], site, &NoStacks),
        };
        outcome.into_findings().map(|findings| findings.violations).unwrap_or_default()
    }
}

/// Where the engine and the truth part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Difference {
    /// The event completes a deadlock, and the engine is silent.
    Missed(usize, Deadlock),
    /// The engine complains, and nothing is wrong.
    False(usize, Code),
}

/// What a comparison came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Agreed {
    /// Whether the history contains a deadlock.
    pub has_deadlock: bool,
}

fn of_code(code: Code) -> Option<Deadlock> {
    match code {
        Code::CircularDependency => Some(Deadlock::Circular),
        Code::InconsistentContext | Code::ContextInversion => Some(Deadlock::Context),
        _ => None,
    }
}

/// Runs a history up to the first deadlock, which the engine must report at the event that
/// completes it, and by its kind.
///
/// # Errors
///
/// With the first difference.
pub fn until_first(shape: Shape, history: &[Event]) -> Result<Agreed, Difference> {
    let mut engine = Engine::new(shape.n_classes);
    let mut truth = Truth::new(shape.n_classes, Relation::Full);
    for (index, event) in history.iter().enumerate() {
        let wanted = truth.event(*event);
        let found = engine.event(*event);
        if let Some(violation) =
            found.iter().find(|violation| of_code(violation.code).is_none_or(|kind| !wanted.contains(&kind)))
        {
            return Err(Difference::False(index, violation.code));
        }
        match wanted.first() {
            Some(deadlock) if found.is_empty() => return Err(Difference::Missed(index, *deadlock)),
            Some(_) => return Ok(Agreed { has_deadlock: true }),
            None => {}
        }
    }
    Ok(Agreed { has_deadlock: false })
}

/// Runs a whole history: whatever is reported on the way, each event that completes a simple strong
/// cycle of dependencies with a kind of its own must be reported too, and every reported cycle must
/// be one.
///
/// # Errors
///
/// With the first difference.
pub fn to_the_end(shape: Shape, history: &[Event]) -> Result<Agreed, Difference> {
    let mut engine = Engine::new(shape.n_classes);
    let mut truth = Truth::new(shape.n_classes, Relation::Direct);
    let mut agreed = Agreed::default();
    for (index, event) in history.iter().enumerate() {
        let wanted = truth.event(*event).contains(&Deadlock::Circular);
        let found = engine.event(*event);
        let mut circular =
            found.iter().filter(|violation| violation.code == Code::CircularDependency).peekable();
        if wanted && circular.peek().is_none() {
            return Err(Difference::Missed(index, Deadlock::Circular));
        }
        agreed.has_deadlock |= wanted;
        for violation in circular {
            if !is_strong_cycle(&truth, violation) {
                return Err(Difference::False(index, violation.code));
            }
        }
    }
    Ok(agreed)
}

fn is_strong_cycle(truth: &Truth, violation: &Violation) -> bool {
    let steps = &violation.cycle;
    let after = steps.iter().cycle().skip(1);
    let mut classes: Vec<_> = steps.iter().map(|step| step.from.class).collect();
    classes.sort_unstable();
    classes.dedup();
    classes.len() == steps.len()
        && steps.iter().zip(after).all(|(step, next)| {
            step.to.class == next.from.class
                && truth.has(step.from.class.index(), step.to.class.index(), step.kind.as_str())
                && !(step.kind.as_str().ends_with('R') && next.kind.as_str().starts_with('S'))
        })
}
