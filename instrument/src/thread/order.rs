//! What the validator is told when threads start and end: the one file of this room that knows how.

/// The order between a thread and the one that started it; travels with both.
#[derive(Clone, Copy)]
pub(super) struct Spawn(());

impl Spawn {
    /// The running thread is about to start another one.
    #[inline]
    pub(super) fn announce() -> Self {
        Self(())
    }

    /// The running thread is about to start another one inside `scope`.
    #[inline]
    pub(super) fn announce_in(_scope: ScopeId) -> Self {
        Self(())
    }

    /// Runs `f` as the body of the thread that was started.
    #[inline]
    pub(super) fn run<T>(self, f: impl FnOnce() -> T) -> T {
        f()
    }

    /// The running thread has joined the one that was started.
    #[inline]
    pub(super) fn joined(self) {}
}

/// A `thread::scope` that is running: the address of its `Scope`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ScopeId(pub(super) usize);

/// The end of a `thread::scope`, as seen by the thread that opened it.
pub(super) struct ScopeEnd(Option<ScopeId>);

impl ScopeEnd {
    #[inline]
    pub(super) fn new() -> Self {
        Self(None)
    }

    /// The scope is open.
    #[inline]
    pub(super) fn of(&mut self, scope: ScopeId) {
        self.0 = Some(scope);
    }

    /// Every thread of the scope has ended.
    #[inline]
    pub(super) fn reached(self) {}
}
