//! What stands in for the validator in `events.rs`: it takes what the crate announces, and writes
//! it down.
//!
//! `dep.rs` is compiled against this instead of `lockdep::hook`, so what is compared is what the
//! validator would receive: the class, the mode, the kind of wait, the level, and the place, not
//! what a probe was told one line before.

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::panic::Location;

pub use real::hook::{Held, LockInfo, Verdict};
use real::{Mode, Subclass, Wait};

/// One announcement.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// The class, what is announced, and how.
    pub(crate) what: String,
    /// The place that came with it.
    pub(crate) site: &'static Location<'static>,
}

std::thread_local! {
    static LOG: RefCell<Vec<Event>> = const { RefCell::new(Vec::new()) };
    static IS_MEASURING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `body`; what it announced, in order.
pub(crate) fn announced<R>(body: impl FnOnce() -> R) -> (R, Vec<Event>) {
    LOG.take();
    let result = body();
    (result, LOG.take())
}

/// Has the calling thread's contention measured, or no longer.
pub(crate) fn measure(is_measuring: bool) {
    IS_MEASURING.set(is_measuring);
}

fn log(class: &LockClassKey, what: impl std::fmt::Display, site: &'static Location<'static>) {
    // After the thread-local's destructor no code reads it.
    let _ = LOG.try_with(|log| log.borrow_mut().push(Event { what: format!("{} {what}", class.0), site }));
}

pub const fn is_on() -> bool {
    true
}

/// A class: its name.
#[derive(Debug)]
pub struct LockClassKey(&'static str);

impl LockClassKey {
    pub const fn named(name: &'static str) -> Self {
        Self(name)
    }

    pub const fn kind(self, _kind: &'static str) -> Self {
        self
    }
}

/// The options of an acquisition: the level.
#[derive(Debug, Default)]
pub struct AcquireOptions(Option<Subclass>);

impl AcquireOptions {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn subclass(self, level: Subclass) -> Self {
        Self(Some(level))
    }
}

/// The part in a lock: its class.
#[derive(Debug)]
pub struct LockMap<K>(K);

impl LockMap<&'static LockClassKey> {
    pub const fn with_key(key: &'static LockClassKey) -> Self {
        Self(key)
    }

    #[track_caller]
    fn log(&self, what: impl std::fmt::Display) {
        log(self.0, what, Location::caller());
    }

    #[track_caller]
    pub fn acquire(&self, _info: &LockInfo, mode: Mode, wait: Wait) -> Verdict {
        self.log(format_args!("acquire {mode:?} {wait:?}"));
        if IS_MEASURING.get() { Verdict::Measure } else { Verdict::Proceed }
    }

    #[track_caller]
    pub fn acquire_with(
        &self,
        _info: &LockInfo,
        mode: Mode,
        wait: Wait,
        options: &AcquireOptions,
    ) -> Verdict {
        let level = (0..8).find(|level| Subclass::new(*level) == options.0);
        self.log(format_args!("acquire {mode:?} {wait:?} at {level:?}"));
        Verdict::Proceed
    }

    #[track_caller]
    pub fn might_acquire(&self, _info: &LockInfo, mode: Mode) {
        self.log(format_args!("might acquire {mode:?}"));
    }

    #[track_caller]
    pub fn try_acquired(&self, _info: &LockInfo, mode: Mode) {
        self.log(format_args!("try {mode:?}"));
    }

    /// No event: other threads can read of the wait.
    pub fn wait_for<S>(&self, _try_lock: impl FnMut() -> Option<S>, lock: impl FnOnce() -> S) -> S {
        lock()
    }

    #[track_caller]
    pub fn contended(&self) {
        self.log("contended");
    }

    #[track_caller]
    pub fn acquired(&self) {
        self.log("acquired");
    }

    #[track_caller]
    pub fn release(&self) {
        self.log("release");
    }

    pub fn release_of_guard(&self, made: &'static Location<'static>) {
        log(self.0, "release by a guard", made);
    }

    #[track_caller]
    pub fn downgrade(&self) {
        self.log("downgrade");
    }

    #[track_caller]
    pub fn stale_holder(&self) {
        self.log("stale holder");
    }

    #[track_caller]
    pub fn self_deadlock(&self) {
        self.log("self deadlock");
    }

    #[track_caller]
    pub fn acquire_failed(&self) {
        self.log("acquire failed");
    }

    #[track_caller]
    pub fn handed_over(&self) {
        self.log("handed over");
    }

    #[track_caller]
    pub fn reinitialised(&self) {
        self.log("initialised");
    }

    pub fn assertion_broken(
        &self,
        _info: &LockInfo,
        message: &str,
        _remedy: &'static str,
        at: &'static Location<'static>,
    ) {
        log(self.0, format_args!("broken: {message}"), at);
    }

    pub fn is_held(&self) -> Held {
        Held::Unknown
    }

    pub fn is_held_exclusive(&self) -> Held {
        Held::Unknown
    }

    /// What the assertion macros call.
    #[track_caller]
    pub fn asserted(&self, demand: impl Debug) {
        self.log(format_args!("asserted {demand:?}"));
    }
}
