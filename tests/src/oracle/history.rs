//! Random histories of one task: nested, out of order, in and out of contexts.

use lockdep_validator::{Mode, Wait};

/// A lock of a history: its class, and which of the class's locks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Lock {
    /// Zero-based.
    pub class: usize,
    /// Zero for all classes but the one that is nested under a nest lock.
    pub instance: usize,
}

/// One event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A lock is acquired, under a nest lock or not.
    Acquire(Lock, Mode, Wait, Option<Lock>),
    /// A lock is released.
    Release(Lock),
    /// A context interrupts the task.
    Enter(usize),
    /// The newest context ends.
    Exit,
    /// A context is kept out.
    Mask(usize),
    /// A context may interrupt again.
    Unmask(usize),
}

/// What histories look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// How many classes there are; at least two.
    pub n_classes: usize,
    /// How many acquisitions of a hundred are reads.
    pub percent_readers: u64,
    /// How many locks are held at once at most.
    pub max_depth: usize,
    /// How many events are made.
    pub n_events: usize,
    /// Whether contexts interrupt.
    pub contexts: bool,
}

/// Where decisions come from: a generator, or a test that shrinks.
pub trait Choices {
    /// A number below `limit`.
    fn below(&mut self, limit: u64) -> u64;
}

/// A fixed sequence of numbers that looks random (splitmix64).
#[derive(Clone, Copy, Debug)]
pub struct Seed(pub u64);

impl Choices for Seed {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

impl Choices for std::slice::Iter<'_, u16> {
    fn below(&mut self, limit: u64) -> u64 {
        self.next().map_or(0, |choice| u64::from(*choice) % limit)
    }
}

/// How many contexts there are. Context 1 is kept out whenever context 0 is, and keeps context 0
/// out while it runs (a soft and a hard interrupt).
pub const N_CONTEXTS: usize = 2;

/// What a history needs to know of itself while it is made.
#[derive(Debug, Default)]
struct State {
    held: Vec<(Lock, usize)>,
    entered: Vec<usize>,
    masked: [bool; N_CONTEXTS],
}

impl State {
    fn can_enter(&self, context: usize) -> bool {
        let is_out = |context: usize| self.masked[context] || self.entered.contains(&context);
        match context {
            0 => !is_out(0) && !self.entered.contains(&1),
            _ => !is_out(1) && !is_out(0),
        }
    }

    fn in_this_context(&self) -> impl Iterator<Item = Lock> + '_ {
        let depth = self.entered.len();
        self.held.iter().filter(move |(_, at)| *at == depth).map(|(lock, _)| *lock)
    }
}

/// Makes a history. Locks of one class are nested only under the nest lock, which is the lock of
/// class 0.
pub fn make(shape: Shape, choices: &mut dyn Choices) -> Vec<Event> {
    let mut state = State::default();
    let mut events = Vec::new();
    for _ in 0..shape.n_events {
        if let Some(event) = next(shape, &state, choices) {
            apply(&mut state, event);
            events.push(event);
        }
    }
    events
}

fn next(shape: Shape, state: &State, choices: &mut dyn Choices) -> Option<Event> {
    if shape.contexts && choices.below(100) < 12 {
        return context_event(state, choices);
    }
    let held: Vec<Lock> = state.in_this_context().collect();
    let full = state.held.len() >= shape.max_depth;
    if !held.is_empty() && (full || choices.below(100) < 40) {
        // Mostly the newest one, sometimes any; but a nest lock outlives what it serialises.
        let newest = held.len() as u64 - 1;
        let index = if choices.below(4) > 0 { newest } else { choices.below(newest + 1) };
        let chosen = held[usize::try_from(index).expect("a short stack")];
        let serialises = chosen.class == 0 && held.iter().any(|lock| lock.class == 1);
        return (!serialises).then_some(Event::Release(chosen));
    }
    if full {
        return None;
    }
    let class = usize::try_from(choices.below(shape.n_classes as u64)).expect("few classes");
    let mode = match choices.below(100) {
        roll if roll >= shape.percent_readers => Mode::Exclusive,
        roll if roll % 3 == 0 => Mode::Shared,
        _ => Mode::SharedRecursive,
    };
    let wait = match choices.below(100) {
        0..=9 => Wait::Try,
        10..=14 => Wait::Timed,
        _ => Wait::Blocking,
    };
    let is_held = |class: usize| state.held.iter().any(|(lock, _)| lock.class == class);
    let nest = Lock { class: 0, instance: 0 };
    let is_outermost = state.held.first().is_some_and(|(lock, _)| *lock == nest);
    let serialises = is_outermost && held.first() == Some(&nest) && class == 1;
    if is_held(class) {
        // The second lock of class 1, under a nest lock that is below the first one.
        let second = Lock { class, instance: 1 };
        let is_new = state.held.iter().all(|(lock, _)| *lock != second);
        return (serialises && is_new).then_some(Event::Acquire(
            second,
            Mode::Exclusive,
            Wait::Blocking,
            Some(nest),
        ));
    }
    let lock = Lock { class, instance: 0 };
    let names_nest = serialises && choices.below(2) == 0;
    // The engine, like the kernel, forgets the mode of what it merges under a nest lock: only one
    // mode is used there.
    let mode = if class == 1 && serialises { Mode::Exclusive } else { mode };
    Some(Event::Acquire(lock, mode, wait, names_nest.then_some(nest)))
}

fn context_event(state: &State, choices: &mut dyn Choices) -> Option<Event> {
    let context = usize::try_from(choices.below(N_CONTEXTS as u64)).expect("two contexts");
    let at_task_level = state.entered.is_empty();
    let holds_here = state.in_this_context().next().is_some();
    match choices.below(4) {
        0 if state.can_enter(context) => Some(Event::Enter(context)),
        1 if at_task_level && !state.masked[context] => Some(Event::Mask(context)),
        2 if at_task_level && state.masked[context] => Some(Event::Unmask(context)),
        _ if !at_task_level && !holds_here => Some(Event::Exit),
        _ => None,
    }
}

fn apply(state: &mut State, event: Event) {
    match event {
        Event::Acquire(lock, ..) => state.held.push((lock, state.entered.len())),
        Event::Release(lock) => {
            let index =
                state.held.iter().rposition(|(held, _)| *held == lock).expect("releases what is held");
            state.held.remove(index);
        }
        Event::Enter(context) => state.entered.push(context),
        Event::Exit => drop(state.entered.pop()),
        Event::Mask(context) => state.masked[context] = true,
        Event::Unmask(context) => state.masked[context] = false,
    }
}
