//! What a history really contains, decided by enumeration.

use lockdep_validator::{Mode, Wait};

use super::history::{Event, Lock, N_CONTEXTS};

/// Holder shared, wanted by a recursive reader.
const SR: u8 = 1;
/// Holder exclusive, wanted by a recursive reader.
const ER: u8 = 2;
/// Holder shared, wanted by anyone who waits for readers.
const SN: u8 = 4;
/// Holder exclusive, wanted by anyone who waits for readers.
const EN: u8 = 8;
const KINDS: [u8; 4] = [SR, ER, SN, EN];

/// What an event completed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deadlock {
    /// A strong cycle of dependencies.
    Circular,
    /// A strong cycle with one step from an interrupted holder to what the interrupting context
    /// wants.
    Context,
}

/// Which holders a new lock depends on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    /// Every one: the definition.
    Full,
    /// Those that the rules record one by one: up to the first that was waited for, is no recursive
    /// reader, and was not excused by a nest lock.
    Direct,
}

#[derive(Clone, Copy, Debug)]
struct HeldLock {
    lock: Lock,
    mode: Mode,
    wait: Wait,
    depth: usize,
    /// Whether it named a nest lock.
    nested: bool,
    /// Acquisitions merged into this entry.
    n_merged: usize,
    /// Whether any ever was: the entry then stands for every lock of its class.
    stands_for_class: bool,
}

/// Everything that a history has shown so far.
#[derive(Clone, Debug)]
pub struct Truth {
    relation: Relation,
    n_classes: usize,
    /// By holder and wanted class.
    kinds: Vec<u8>,
    /// By context: [used by one who waits for readers, used by a recursive reader, held enabled by
    /// a writer, by a reader], one bit a class.
    usage: [[u32; 4]; N_CONTEXTS],
    held: Vec<HeldLock>,
    entered: Vec<usize>,
    masked: [bool; N_CONTEXTS],
}

/// One step of a cycle: a dependency, or an interruption.
#[derive(Clone, Copy, Debug)]
struct Step {
    to: usize,
    kind: u8,
    interrupts: bool,
}

impl Truth {
    /// Nothing was seen.
    pub fn new(n_classes: usize, relation: Relation) -> Self {
        Self {
            relation,
            n_classes,
            kinds: vec![0; n_classes * n_classes],
            usage: [[0; 4]; N_CONTEXTS],
            held: Vec::new(),
            entered: Vec::new(),
            masked: [false; N_CONTEXTS],
        }
    }

    /// What the event completes: a cycle that was not there before it.
    pub fn event(&mut self, event: Event) -> Vec<Deadlock> {
        match event {
            Event::Acquire(lock, mode, wait, nest) => self.acquire(lock, mode, wait, nest),
            Event::Release(lock) => {
                self.release(lock);
                Vec::new()
            }
            Event::Enter(context) => {
                self.entered.push(context);
                Vec::new()
            }
            Event::Exit => {
                let before = self.enabled();
                self.entered.pop();
                self.newly_enabled(before)
            }
            Event::Mask(context) => {
                self.masked[context] = true;
                Vec::new()
            }
            Event::Unmask(context) => {
                let before = self.enabled();
                self.masked[context] = false;
                self.newly_enabled(before)
            }
        }
    }

    /// Whether a dependency of this kind was seen; the names are those of reports.
    pub fn has(&self, from: usize, to: usize, kind: &str) -> bool {
        let bit = match kind {
            "SR" => SR,
            "ER" => ER,
            "SN" => SN,
            _ => EN,
        };
        self.kinds[from * self.n_classes + to] & bit != 0
    }

    /// The contexts that could interrupt now.
    fn enabled(&self) -> [bool; N_CONTEXTS] {
        let is_out = |context: usize| self.masked[context] || self.entered.contains(&context);
        // A soft interrupt keeps hard ones out in these histories, and hard ones keep soft ones
        // out.
        let hard_is_out = is_out(0) || self.entered.contains(&1);
        [!hard_is_out, !is_out(1) && !hard_is_out]
    }

    fn acquire(&mut self, lock: Lock, mode: Mode, wait: Wait, nest: Option<Lock>) -> Vec<Deadlock> {
        let depth = self.entered.len();
        if let Some(newest) = self.held.last_mut()
            && nest.is_some()
            && newest.lock.class == lock.class
            && newest.depth == depth
        {
            newest.n_merged += 1;
            newest.stands_for_class = true;
            return Vec::new();
        }
        let mut found = Vec::new();
        let can_hang = wait == Wait::Blocking;
        for context in 0..N_CONTEXTS {
            if can_hang && self.entered.contains(&context) {
                found.extend(self.mark(context, usize::from(mode == Mode::SharedRecursive), lock.class));
            }
            if self.enabled()[context] {
                found.extend(self.mark(context, 2 + usize::from(mode != Mode::Exclusive), lock.class));
            }
        }
        let serialised = nest.is_some() && self.held.iter().any(|held| held.lock.class == lock.class);
        if can_hang && !serialised {
            found.extend(self.depend(lock.class, mode, depth));
        }
        self.held.push(HeldLock {
            lock,
            mode,
            wait,
            depth,
            nested: nest.is_some(),
            n_merged: 0,
            stands_for_class: false,
        });
        found
    }

    /// Adds the dependencies on what is held, and looks for cycles through the new ones only after
    /// all are known.
    fn depend(&mut self, to: usize, mode: Mode, depth: usize) -> Vec<Deadlock> {
        let mut new = Vec::new();
        for held in self.held.iter().rev().filter(|held| held.depth == depth) {
            let kind = match (held.mode == Mode::Exclusive, mode == Mode::SharedRecursive) {
                (true, true) => ER,
                (true, false) => EN,
                (false, true) => SR,
                (false, false) => SN,
            };
            let entry = &mut self.kinds[held.lock.class * self.n_classes + to];
            if *entry & kind == 0 {
                *entry |= kind;
                new.push((held.lock.class, kind));
            }
            let ends = held.wait == Wait::Blocking && held.mode != Mode::SharedRecursive && !held.nested;
            if self.relation == Relation::Direct && ends {
                break;
            }
        }
        let step = |kind| Step { to, kind, interrupts: false };
        let mut found = Vec::new();
        for (from, kind) in new {
            if self.closes(from, step(kind), false) {
                found.push(Deadlock::Circular);
            }
            if self.closes(from, step(kind), true) {
                found.push(Deadlock::Context);
            }
        }
        found
    }

    fn newly_enabled(&mut self, before: [bool; N_CONTEXTS]) -> Vec<Deadlock> {
        let mut found = Vec::new();
        for (context, was_enabled) in before.into_iter().enumerate() {
            if self.enabled()[context] && !was_enabled {
                for held in self.held.clone() {
                    found.extend(self.mark(
                        context,
                        2 + usize::from(held.mode != Mode::Exclusive),
                        held.lock.class,
                    ));
                }
            }
        }
        found
    }

    fn mark(&mut self, context: usize, usage: usize, class: usize) -> Option<Deadlock> {
        let bits = &mut self.usage[context][usage];
        if *bits >> class & 1 == 1 {
            return None;
        }
        *bits |= 1 << class;
        // Every interruption that the new mark makes possible.
        let closes = (0..self.n_classes).any(|other| {
            let (from, to) = if usage < 2 { (other, class) } else { (class, other) };
            self.interruptions(context, from, to)
                .any(|kind| self.closes(from, Step { to, kind, interrupts: true }, false))
        });
        closes.then_some(Deadlock::Context)
    }

    /// The kinds of the step from an interrupted holder of `from` to a context that wants `to`.
    fn interruptions(&self, context: usize, from: usize, to: usize) -> impl Iterator<Item = u8> + use<> {
        let usage = self.usage[context];
        KINDS.into_iter().filter(move |kind| {
            let held = if matches!(*kind, EN | ER) { 2 } else { 3 };
            let used = if matches!(*kind, EN | SN) { 0 } else { 1 };
            usage[held] >> from & 1 == 1 && usage[used] >> to & 1 == 1
        })
    }

    /// Whether a simple strong cycle runs through the step `from -> step.to`; with `interrupted`,
    /// one that has exactly one interruption among its other steps.
    fn closes(&self, from: usize, step: Step, interrupted: bool) -> bool {
        let mut passed = vec![false; self.n_classes];
        if step.to == from {
            return waits(step.kind, step.kind);
        }
        self.reaches(from, step, step, interrupted, &mut passed)
    }

    fn reaches(
        &self,
        goal: usize,
        first: Step,
        last: Step,
        interruption_left: bool,
        passed: &mut [bool],
    ) -> bool {
        let at = last.to;
        passed[at] = true;
        let mut found = false;
        for to in (0..self.n_classes).filter(|to| *to == goal || !passed[*to]).collect::<Vec<_>>() {
            for step in self.steps(at, to) {
                if step.interrupts && !interruption_left || !waits(last.kind, step.kind) {
                    continue;
                }
                let left = interruption_left && !step.interrupts;
                found = if to == goal {
                    !left && waits(step.kind, first.kind)
                } else {
                    self.reaches(goal, first, step, left, passed)
                };
                if found {
                    passed[at] = false;
                    return true;
                }
            }
        }
        passed[at] = false;
        found
    }

    fn steps(&self, from: usize, to: usize) -> Vec<Step> {
        let seen = self.kinds[from * self.n_classes + to];
        let plain = KINDS.into_iter().filter(move |kind| seen & kind != 0);
        let plain = plain.map(|kind| Step { to, kind, interrupts: false });
        let interrupting = (0..N_CONTEXTS).flat_map(|context| self.interruptions(context, from, to));
        plain.chain(interrupting.map(|kind| Step { to, kind, interrupts: true })).collect()
    }

    fn release(&mut self, lock: Lock) {
        let depth = self.entered.len();
        let is_it = |held: &HeldLock| {
            held.depth == depth
                && (held.lock == lock || held.stands_for_class && held.lock.class == lock.class)
        };
        let index = self.held.iter().rposition(is_it).expect("releases what is held");
        if self.held[index].n_merged > 0 {
            self.held[index].n_merged -= 1;
        } else {
            self.held.remove(index);
        }
    }
}

/// Whether who arrives by `arrive` waits for who leaves by `leave`: not a recursive reader for a
/// reader.
fn waits(arrive: u8, leave: u8) -> bool {
    !(matches!(arrive, SR | ER) && matches!(leave, SR | SN))
}
