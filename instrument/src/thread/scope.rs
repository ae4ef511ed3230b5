//! [`scope`], [`Scope`] and [`ScopedJoinHandle`].

use std::ptr;
use std::{fmt, thread};

use super::handle::Thread;
use super::spawn::{ScopeEnd, ScopeId, Spawn, Waiter};

/// Does what [`std::thread::scope`] does, with the order of its threads announced to the validator.
///
/// The caller may still hold locks when the scope ends and waits for its threads. These locks get
/// dependencies to what the threads acquired.
///
/// # Panics
///
/// With `f`; and if a thread of the scope panicked that was never joined.
#[track_caller]
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let mut end = ScopeEnd::new();
    let result = thread::scope(|inner| {
        let scope = Scope::wrap(inner);
        end.of(scope.id());
        let result = f(scope);
        end.awaited();
        result
    });
    end.reached();
    result
}

/// [`std::thread::Scope`]: where [`scope`] starts its threads.
// The layout of the inner scope, because a `&'scope Scope` has to be made from a `&'scope` of the
// real one: there is no place that lives for 'scope in which a wrapper could be stored.
#[repr(transparent)]
pub struct Scope<'scope, 'env: 'scope> {
    inner: thread::Scope<'scope, 'env>,
}

impl<'scope, 'env> Scope<'scope, 'env> {
    fn wrap(inner: &'scope thread::Scope<'scope, 'env>) -> &'scope Self {
        // SAFETY: `Scope` is transparent over the type that the pointer comes from, the lifetime is
        // kept, and it has no invariants of its own.
        unsafe { &*ptr::from_ref(inner).cast::<Self>() }
    }

    pub(super) fn inner(&'scope self) -> &'scope thread::Scope<'scope, 'env> {
        &self.inner
    }

    /// What distinguishes this scope from every other one that is running.
    pub(super) fn id(&self) -> ScopeId {
        ScopeId(ptr::from_ref(self).addr())
    }

    /// Starts a thread that ends before the scope does.
    ///
    /// # Panics
    ///
    /// If the operating system cannot start a thread.
    #[track_caller]
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let spawn = Spawn::announce_in(self.id());
        ScopedJoinHandle::new(self.inner.spawn(move || spawn.run(f)), spawn)
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// [`std::thread::ScopedJoinHandle`], whose join is announced to the validator.
pub struct ScopedJoinHandle<'scope, T> {
    inner: thread::ScopedJoinHandle<'scope, T>,
    waiter: Waiter,
}

impl<'scope, T> ScopedJoinHandle<'scope, T> {
    pub(super) fn new(inner: thread::ScopedJoinHandle<'scope, T>, spawn: Spawn) -> Self {
        Self { inner, waiter: Waiter::new(spawn) }
    }

    /// Returns the thread behind the handle.
    #[must_use]
    pub fn thread(&self) -> &Thread {
        Thread::wrap(self.inner.thread())
    }

    /// Waits for the thread to end. What follows cannot run at the same time as anything the thread
    /// did.
    ///
    /// # Errors
    ///
    /// With the payload, if the thread panicked.
    #[track_caller]
    pub fn join(self) -> thread::Result<T> {
        let Self { inner, waiter } = self;
        let waiting = waiter.waits(|| inner.is_finished());
        let result = inner.join();
        drop(waiting);
        waiter.joined();
        result
    }

    /// Returns whether the thread has finished its function. No event: it may still be running
    /// destructors.
    #[track_caller]
    pub fn is_finished(&self) -> bool {
        self.waiter.asked(self.inner.is_finished())
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
