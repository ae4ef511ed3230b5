//! Table tests of the engine, rule by rule.

mod again;
mod contexts;
mod cycles;
mod fast;
mod flows;
mod hand_over;
mod held;
mod instances;
mod levels;
mod overflow;
mod quick;
mod stacks;
mod waits;

use rustc_hash::FxHashMap;

use super::{NoStacks, Outcome, TaskContext, Validator};
use crate::base::event::{Acquire, AcquireFlags};
use crate::base::id::{ClassId, LockId, Subclass, TaskId};
use crate::base::mode::{Mode, Wait};
use crate::base::site::Site;
use crate::check::violation::{Code, Level};
use crate::config::Config;
use crate::state::class::{ClassAttributes, LockClassKey};

/// A validator, one running task, and locks by name: the letters before a digit name the class.
pub(super) struct Bench {
    pub(super) validator: Validator,
    pub(super) task: TaskContext,
    locks: FxHashMap<String, LockId>,
    classes: FxHashMap<String, ClassId>,
    pub(super) found: Vec<(Code, Level)>,
    pub(super) violations: Vec<crate::check::violation::Violation>,
    n_sites: u64,
}

impl Bench {
    pub(super) fn new(config: Config) -> Self {
        Self {
            validator: Validator::new(config),
            task: TaskContext::new(TaskId(1)),
            locks: FxHashMap::default(),
            classes: FxHashMap::default(),
            found: Vec::new(),
            violations: Vec::new(),
            n_sites: 0,
        }
    }

    pub(super) fn user() -> Self {
        Self::new(Config::user())
    }

    pub(super) fn kernel() -> Self {
        Self::new(Config::kernel())
    }

    pub(super) fn class(&mut self, name: &str) -> ClassId {
        self.class_with(name, ClassAttributes::default())
    }

    pub(super) fn class_with(&mut self, name: &str, attributes: ClassAttributes) -> ClassId {
        let key = LockClassKey { kind: "Mutex".into(), type_name: name.into(), ..LockClassKey::default() };
        let class = self.validator.register_class(&key, Site(1), attributes).expect("room");
        *self.classes.entry(name.to_owned()).or_insert(class)
    }

    pub(super) fn lock(&mut self, name: &str) -> LockId {
        if let Some(lock) = self.locks.get(name) {
            return *lock;
        }
        let class = self.class(name.trim_end_matches(|c: char| c.is_ascii_digit()));
        let lock = self.validator.new_lock(&mut self.task, class);
        self.locks.insert(name.to_owned(), lock);
        lock
    }

    pub(super) fn event(&mut self, name: &str, mode: Mode, wait: Wait) -> Acquire {
        self.n_sites += 1;
        Acquire::new(self.lock(name), mode, wait, Site(self.n_sites))
    }

    pub(super) fn send(&mut self, event: &Acquire) {
        let outcome = self.validator.acquire(&mut self.task, event, &NoStacks);
        self.take(outcome);
    }

    pub(super) fn take(&mut self, outcome: Outcome) {
        for violation in outcome.into_findings().map(|findings| findings.violations).unwrap_or_default() {
            self.found.push((violation.code, violation.level));
            self.violations.push(violation);
        }
    }

    /// Runs a script of words. `A` locks, `-A` unlocks, `--` unlocks all, newest first. Before the
    /// name: `r` fair read, `R` recursive read, `u` upgradable read, `?` try, `~` timed, `^` level
    /// one; after it `@G`: with nest lock G.
    pub(super) fn run(&mut self, script: &str) -> &mut Self {
        for word in script.split_whitespace() {
            if word == "--" {
                let held: Vec<LockId> = self.task.held_locks().rev().collect();
                for lock in held {
                    let outcome = self.validator.release(&mut self.task, lock, Site(0));
                    self.take(outcome);
                }
            } else if let Some(name) = word.strip_prefix('-') {
                let lock = self.lock(name);
                let outcome = self.validator.release(&mut self.task, lock, Site(0));
                self.take(outcome);
            } else {
                self.acquire_word(word);
            }
        }
        self
    }

    fn acquire_word(&mut self, word: &str) {
        let name = word.trim_start_matches(|c| "rRu?~^".contains(c));
        let marks = &word[..word.len() - name.len()];
        let (name, nest) = name.split_once('@').map_or((name, None), |(name, nest)| (name, Some(nest)));
        let mut event = self.event(name, Mode::Exclusive, Wait::Blocking);
        event.nest = nest.map(|nest| self.lock(nest));
        for mark in marks.chars() {
            match mark {
                'r' => event.mode = Mode::Shared,
                'R' => event.mode = Mode::SharedRecursive,
                'u' => (event.mode, event.flags) = (Mode::Shared, AcquireFlags::UPGRADABLE),
                '?' => event.wait = Wait::Try,
                '~' => event.wait = Wait::Timed,
                _ => event.subclass = Subclass::new(1).expect("below the limit"),
            }
        }
        self.send(&event);
    }

    /// What was found since the last call.
    pub(super) fn found(&mut self) -> Vec<(Code, Level)> {
        self.violations.clear();
        std::mem::take(&mut self.found)
    }
}

/// Runs a script in a fresh bench of each policy and compares what is found.
pub(super) fn check(script: &str, user: &[(Code, Level)], kernel: &[Code]) {
    let got = Bench::user().run(script).found();
    assert_eq!(got, user, "default policy: {script}");
    let got: Vec<Code> = Bench::kernel().run(script).found().into_iter().map(|(code, _)| code).collect();
    assert_eq!(got, kernel, "kernel policy: {script}");
}
