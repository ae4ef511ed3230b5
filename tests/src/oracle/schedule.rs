//! Interleavings of small programs: what can really hang, and whether the engine's levels agree.
//!
//! A program is a few outermost sections, each from holding nothing to holding nothing. One run of
//! each, one after the other, is all that the engine sees, under the default policy. Then every
//! interleaving of threads that run these sections is tried: an error must have one that hangs
//! forever, and a program that can hang must have got at least a warning. A cycle whose
//! dependencies are kept apart by a gate lock has none.

use lockdep_validator::{
    Acquire, ClassAttributes, Code, Config, Level, LockClassKey, LockId, Mode, NoStacks, OwnStack, Site,
    TaskContext, TaskId, Validator, Violation, Wait,
};
use rustc_hash::FxHashSet;

use super::history::{Choices, Lock};

/// One step of a section.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    /// A lock is acquired.
    Acquire(Lock, Mode, Wait),
    /// The newest acquisition of the lock is undone.
    Release(Lock),
}

/// From holding nothing to holding nothing.
pub type Section = Vec<Step>;

/// How many classes there are. The first two have two locks each, which are only ever held
/// exclusively: whether a writer was seen is known of a class, not of a lock.
const N_CLASSES: usize = 4;
const N_PAIRS: usize = 2;

/// The number of a lock, beside the two of its class, that a section makes on its own stack: every
/// thread has one of its own. It is first acquired while another lock is held.
pub const MADE: usize = 2;

/// Makes a program of two or three sections and at most twelve events.
pub fn make(choices: &mut dyn Choices) -> Vec<Section> {
    program(false, choices)
}

/// The same, of sections that make locks of their own.
pub fn make_with_made(choices: &mut dyn Choices) -> Vec<Section> {
    program(true, choices)
}

fn program(makes: bool, choices: &mut dyn Choices) -> Vec<Section> {
    let n_sections = 2 + choices.below(2);
    let n_acquisitions: &[u64] = match n_sections {
        // Four in one: what is held around two dependencies of one thread does not keep that thread
        // apart from itself.
        2 if choices.below(2) == 0 => &[4, 2],
        2 => &[3, 3],
        _ => &[2, 2, 2],
    };
    n_acquisitions.iter().map(|n| section(*n, makes, choices)).collect()
}

fn section(n_acquisitions: u64, makes: bool, choices: &mut dyn Choices) -> Section {
    let (mut steps, mut held, mut left) = (Vec::new(), Vec::new(), n_acquisitions);
    let mut made = Vec::new();
    while left > 0 || !held.is_empty() {
        if left == 0 || (!held.is_empty() && choices.below(5) == 0) {
            // Mostly the newest one.
            let newest = held.len() - 1;
            let index = if choices.below(3) > 0 { newest } else { below(choices, held.len()) };
            let lock = held.remove(index);
            steps.push(Step::Release(lock));
            continue;
        }
        left -= 1;
        let class = below(choices, N_CLASSES);
        let is_pair = class < N_PAIRS;
        let can_make = makes && is_pair && (!held.is_empty() || made.contains(&class));
        let n_locks = if can_make { 3 } else { 2 };
        let lock = Lock { class, instance: if is_pair { below(choices, n_locks) } else { 0 } };
        let mode = match choices.below(4) {
            0 if !is_pair => Mode::Shared,
            1 if !is_pair => Mode::SharedRecursive,
            _ => Mode::Exclusive,
        };
        let wait = match choices.below(12) {
            0 => Wait::Try,
            1 => Wait::Timed,
            _ => Wait::Blocking,
        };
        // A try by the holder never gets the lock: in a run there is nothing to see.
        if held.contains(&lock) && wait != Wait::Blocking {
            continue;
        }
        if lock.instance == MADE {
            made.push(class);
        }
        steps.push(Step::Acquire(lock, mode, wait));
        held.push(lock);
    }
    steps
}

fn below(choices: &mut dyn Choices, limit: usize) -> usize {
    usize::try_from(choices.below(limit as u64)).expect("below a usize")
}

/// What the engine says to one run of each section, in order, on one thread or on one each.
pub fn judge(program: &[Section], one_thread: bool) -> Vec<Violation> {
    let validator = Validator::new(Config::user());
    let mut owner = TaskContext::new(TaskId(1));
    let mut id = |class: usize| -> [LockId; 2] {
        let key = LockClassKey { type_name: format!("class {class}"), ..LockClassKey::default() };
        let registered = validator.register_class(&key, Site::UNKNOWN, ClassAttributes::default());
        let registered = registered.expect("few classes");
        let first = validator.new_lock(&mut owner, registered);
        // A second lock that no thread uses would make the only one look like one of several.
        let second = if class < N_PAIRS { validator.new_lock(&mut owner, registered) } else { first };
        [first, second]
    };
    let locks: Vec<[LockId; 2]> = (0..N_CLASSES).map(&mut id).collect();
    let mut tasks: Vec<TaskContext> =
        (0..).take(program.len()).map(|n| TaskContext::new(TaskId(n + 2))).collect();
    let mut found = Vec::new();
    let mut n_steps = 0;
    for (index, section) in program.iter().enumerate() {
        let task = &mut tasks[if one_thread { 0 } else { index }];
        let mut made: Vec<Option<LockId>> = vec![None; N_CLASSES];
        for step in section {
            n_steps += 1;
            let (Step::Acquire(lock, ..) | Step::Release(lock)) = step;
            let is_made = lock.instance == MADE;
            let is_first = is_made && made[lock.class].is_none();
            if is_first {
                made[lock.class] = Some(validator.new_lock(task, locks[lock.class][0].class()));
            }
            let id = made[lock.class].filter(|_| is_made).unwrap_or_else(|| locks[lock.class][lock.instance]);
            let outcome = match step {
                Step::Acquire(_, mode, wait) => {
                    let event = Acquire::new(id, *mode, *wait, Site(n_steps));
                    // Where a section's own locks lie.
                    let own_stack = OwnStack { start: 1 << 20, end: 1 << 30 };
                    let address = if is_made { own_stack.start } else { 0 };
                    let event = Acquire { address, is_first, own_stack, ..event };
                    validator.acquire(task, &event, &NoStacks)
                }
                Step::Release(_) => validator.release(task, id, Site(n_steps)),
            };
            let hangs = outcome.is_self_deadlock();
            found.extend(outcome.into_findings().map(|found| found.violations).unwrap_or_default());
            if hangs {
                // The section never gets further.
                let held: Vec<LockId> = task.held_locks().rev().collect();
                for lock in held {
                    let _ = validator.release(task, lock, Site::UNKNOWN);
                }
                break;
            }
        }
    }
    found
}

/// Where a thread is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
struct Thread {
    section: usize,
    at: usize,
    /// It waits for the lock of the step at `at`, and a thread that comes later sees that.
    is_queued: bool,
    /// The acquisitions that gave up, one bit a step.
    given_up: u32,
}

/// The sections, and what each release undoes.
struct World<'a> {
    program: &'a [Section],
    undone: Vec<Vec<Option<usize>>>,
}

impl<'a> World<'a> {
    fn new(program: &'a [Section]) -> Self {
        Self { program, undone: program.iter().map(undone).collect() }
    }

    /// What the thread holds.
    fn held(&self, thread: Thread) -> impl Iterator<Item = (Lock, Mode)> + '_ {
        let undone = &self.undone[thread.section][..thread.at];
        let steps = self.program[thread.section][..thread.at].iter().enumerate();
        steps.filter_map(move |(at, step)| match step {
            Step::Acquire(lock, mode, _) => {
                let is_held = thread.given_up >> at & 1 == 0 && !undone.contains(&Some(at));
                is_held.then_some((*lock, *mode))
            }
            Step::Release(_) => None,
        })
    }

    /// Whether the thread at `index` gets the lock it wants. A fair reader queues behind a writer
    /// that waits.
    fn is_granted(&self, threads: &[Thread], index: usize, lock: Lock, mode: Mode) -> bool {
        // What a section makes is another lock in each thread.
        let is_met = |other: usize| lock.instance != MADE || other == index;
        let threads_met = threads.iter().enumerate().filter(|(other, _)| is_met(*other));
        let held = threads_met.flat_map(|(_, thread)| self.held(*thread)).filter(|(other, _)| *other == lock);
        let (mut n_writers, mut n_readers) = (0, 0);
        for (_, mode) in held {
            if mode == Mode::Exclusive { n_writers += 1 } else { n_readers += 1 }
        }
        let writer_waits = || {
            threads.iter().enumerate().any(|(other, thread)| {
                let wanted = self.program[thread.section].get(thread.at);
                let writes =
                    matches!(wanted, Some(Step::Acquire(wanted, Mode::Exclusive, _)) if *wanted == lock);
                other != index && thread.is_queued && writes
            })
        };
        match mode {
            Mode::Exclusive => n_writers + n_readers == 0,
            Mode::Shared => n_writers == 0 && !writer_waits(),
            Mode::SharedRecursive => n_writers == 0,
        }
    }

    /// Where the thread at `index` can get to from here.
    fn moves(&self, threads: &[Thread], index: usize) -> Vec<Thread> {
        let thread = threads[index];
        let Some(step) = self.program[thread.section].get(thread.at) else { return Vec::new() };
        let next = Thread { at: thread.at + 1, is_queued: false, ..thread };
        let gives_up = Thread { given_up: thread.given_up | 1 << thread.at, ..next };
        let Step::Acquire(lock, mode, wait) = *step else { return vec![next] };
        if self.is_granted(threads, index, lock, mode) {
            return vec![next];
        }
        let queues = Thread { is_queued: true, ..thread };
        match wait {
            Wait::Try => vec![gives_up],
            Wait::Timed if thread.is_queued => vec![gives_up],
            Wait::Timed => vec![queues, gives_up],
            Wait::Blocking if thread.is_queued => Vec::new(),
            Wait::Blocking => vec![queues],
        }
    }
}

/// For each release the acquisition that it undoes: the newest of its lock.
fn undone(section: &Section) -> Vec<Option<usize>> {
    let mut open: Vec<(usize, Lock)> = Vec::new();
    let steps = section.iter().enumerate();
    steps
        .map(|(at, step)| match step {
            Step::Acquire(lock, ..) => {
                open.push((at, *lock));
                None
            }
            Step::Release(lock) => {
                let newest = open.iter().rposition(|(_, other)| other == lock)?;
                Some(open.remove(newest).0)
            }
        })
        .collect()
}

/// Whether some interleaving of `n_copies` threads for each section ends with threads that wait
/// forever.
pub fn hangs(program: &[Section], n_copies: usize) -> bool {
    let world = World::new(program);
    let start: Vec<Thread> = (0..program.len())
        .flat_map(|section| std::iter::repeat_n(Thread { section, ..Thread::default() }, n_copies))
        .collect();
    let mut seen = FxHashSet::from_iter([start.clone()]);
    let mut todo = vec![start];
    while let Some(threads) = todo.pop() {
        let mut is_stuck = true;
        for index in 0..threads.len() {
            for moved in world.moves(&threads, index) {
                is_stuck = false;
                let mut next = threads.clone();
                next[index] = moved;
                // Threads of one section are interchangeable.
                next.sort_unstable();
                if seen.insert(next.clone()) {
                    todo.push(next);
                }
            }
        }
        if is_stuck && threads.iter().any(|thread| thread.at < program[thread.section].len()) {
            return true;
        }
    }
    false
}

/// What a comparison came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Agreed {
    /// Whether the program can hang.
    pub hangs: bool,
    /// The highest level that the engine gave.
    pub level: Option<Level>,
    /// Whether a gate lock lowered something.
    pub gated: bool,
    /// Whether an order with a lock that a section made lowered something.
    pub unpublished: bool,
}

/// Compares the engine's levels with what can hang. Where the engine gives no error, `n_copies`
/// threads run each section.
///
/// # Errors
///
/// With what differs: an error without a schedule that hangs, or a schedule that hangs without as
/// much as a warning.
pub fn compare(program: &[Section], one_thread: bool, n_copies: usize) -> Result<Agreed, String> {
    let found = judge(program, one_thread);
    let is_order = |violation: &&Violation| {
        matches!(
            violation.code,
            Code::Recursion | Code::SameClassOrder | Code::CircularDependency | Code::RecursiveFairRead
        )
    };
    let level = found.iter().filter(is_order).map(|violation| violation.level).max();
    let gated = found.iter().any(|violation| violation.evidence.gate.is_some());
    let unpublished = found.iter().any(|violation| violation.evidence.unpublished);
    let told: Vec<_> = found.iter().map(|violation| (violation.code, violation.level)).collect();
    if level == Some(Level::Error) {
        // A ring may need a section as often as it has dependencies of that section.
        let hangs = (1..=3).any(|n_copies| hangs(program, n_copies));
        return if hangs {
            Ok(Agreed { hangs, level, gated, unpublished })
        } else {
            Err(format!("{told:?}, and no schedule hangs"))
        };
    }
    let hangs = hangs(program, n_copies);
    if hangs && level < Some(Level::Warning) {
        return Err(format!("a schedule hangs, and the engine says {told:?}"));
    }
    Ok(Agreed { hangs, level, gated, unpublished })
}
