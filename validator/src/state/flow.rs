//! What a task holds while no thread runs it.

use super::context::ContextSet;
use super::held::{HeldLock, Rare};
use super::overflow::{MAX_ORDERED, Overflow};
use super::task::{EMPTY_CHAIN, Entered, N_HELD, TaskContext};
use crate::base::id::{ClassId, LockId, TaskId};

/// A task that threads run by turns, as an executor runs futures.
///
/// What it holds goes with it, not with a thread: [`TaskContext::exchange`] puts it into the
/// context of the thread that runs the task, and takes it out again. Caches stay with the thread.
///
/// ```
/// use lockdep_validator::{Acquire, Config, Flow, LockId, Mode, NoStacks, Site, TaskId, Validator, Wait};
/// # use lockdep_validator::{LockClassKey, ClassAttributes};
/// let validator = Validator::new(Config::user());
/// let key = LockClassKey { kind: "Mutex".into(), ..LockClassKey::default() };
/// let class = validator.register_class(&key, Site::UNKNOWN, ClassAttributes::default()).unwrap();
/// let mut thread = validator.start_task(TaskId(1), None);
/// let lock = validator.new_lock(&mut thread, class);
/// let mut flow = Flow::new(TaskId::of_flow(1));
///
/// thread.exchange(&mut flow);
/// let acquire = Acquire::new(lock, Mode::Exclusive, Wait::Blocking, Site(1));
/// assert!(validator.acquire(&mut thread, &acquire, &NoStacks).is_clean());
/// thread.exchange(&mut flow);
/// assert_eq!((thread.n_held(), flow.n_held()), (0, 1));
/// ```
#[derive(Debug)]
pub struct Flow {
    id: TaskId,
    segment: u32,
    moment: u32,
    /// The epoch that its thread had seen.
    epoch: u64,
    chain: u64,
    held: Vec<HeldLock>,
    /// What few tasks have.
    rest: Option<Box<Rest>>,
}

/// Everything about what a task holds that is out of the ordinary.
#[derive(Debug, Default)]
struct Rest {
    state: u64,
    rare: Vec<Rare>,
    overflow: Overflow,
    given_up: Vec<LockId>,
    entered: Vec<Entered>,
    toggled: ContextSet,
    is_unknown: bool,
    open_transactions: Vec<(LockId, ClassId)>,
    lost_pins: Vec<u64>,
}

impl Flow {
    /// Makes a flow that holds nothing.
    pub const fn new(id: TaskId) -> Self {
        Self { id, segment: 0, moment: 0, epoch: 0, chain: EMPTY_CHAIN, held: Vec::new(), rest: None }
    }

    /// Returns the id of what is kept here: that of the flow, or of the thread while it runs the
    /// flow.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Returns how many locks are kept here.
    pub fn n_held(&self) -> usize {
        self.held.len() + self.rest.as_ref().map_or(0, |rest| rest.overflow.len())
    }

    /// Returns whether nothing is kept here: an exchange with an [idle](TaskContext::is_idle) context
    /// allocates nothing.
    pub fn is_idle(&self) -> bool {
        self.held.is_empty() && self.rest.is_none()
    }

    /// The locks kept here.
    pub(crate) fn locks(&self) -> impl Iterator<Item = LockId> + '_ {
        let beyond = self.rest.iter().flat_map(|rest| rest.overflow.all());
        self.held.iter().chain(beyond).map(|held| held.lock)
    }
}

impl TaskContext {
    /// Has the context be that of the flow, and the flow keep what the context was: the thread
    /// begins to run the flow, or ends. Flows nest as the calls do that run them.
    pub fn exchange(&mut self, flow: &mut Flow) {
        let n_own = self.held.len();
        if n_own + flow.held.len() <= self.held.capacity().min(MAX_ORDERED) {
            // Both keep their memory.
            self.held.append(&mut flow.held);
            flow.held.extend(self.held.drain(..n_own));
        } else {
            std::mem::swap(&mut self.held, &mut flow.held);
            self.held.reserve_exact(N_HELD.saturating_sub(self.held.len()));
        }
        let rest = self.take_rest();
        let entering = std::mem::replace(&mut flow.rest, rest);
        self.put_rest(entering.map_or_else(Rest::default, |rest| *rest));
        std::mem::swap(&mut self.chain, &mut flow.chain);
        std::mem::swap(&mut self.id, &mut flow.id);
        std::mem::swap(&mut self.segment, &mut flow.segment);
        std::mem::swap(&mut self.moment, &mut flow.moment);
        let entered = std::mem::replace(&mut flow.epoch, self.epoch);
        if !self.held.is_empty() {
            // What is held may be in doubt since: the next look at it begins a new epoch.
            self.epoch = self.epoch.min(entered);
        }
        self.settle();
    }

    /// Returns whether it holds nothing and nothing about it is out of the ordinary.
    pub fn is_idle(&self) -> bool {
        self.held.is_empty() && self.is_ordinary()
    }

    fn is_ordinary(&self) -> bool {
        self.is_plain()
            && self.state == 0
            && self.overflow.is_empty()
            && self.given_up.is_empty()
            && self.toggled == ContextSet::EMPTY
            && !self.is_unknown
            && self.open_transactions.is_empty()
            && self.lost_pins.is_empty()
    }

    fn take_rest(&mut self) -> Option<Box<Rest>> {
        if self.is_ordinary() {
            return None;
        }
        Some(Box::new(Rest {
            state: self.state,
            rare: std::mem::take(&mut self.rare),
            overflow: std::mem::take(&mut self.overflow),
            given_up: std::mem::take(&mut self.given_up),
            entered: std::mem::take(&mut self.entered),
            toggled: self.toggled,
            is_unknown: self.is_unknown,
            open_transactions: std::mem::take(&mut self.open_transactions),
            lost_pins: std::mem::take(&mut self.lost_pins),
        }))
    }

    fn put_rest(&mut self, rest: Rest) {
        let Rest { state, rare, overflow, given_up, entered, toggled, .. } = rest;
        (self.state, self.rare, self.overflow) = (state, rare, overflow);
        (self.given_up, self.entered, self.toggled) = (given_up, entered, toggled);
        self.is_unknown = rest.is_unknown;
        (self.open_transactions, self.lost_pins) = (rest.open_transactions, rest.lost_pins);
    }
}
