//! [`spawn`] and [`Builder`].

use std::{fmt, io, thread};

use super::join_handle::JoinHandle;
use super::scope::{Scope, ScopedJoinHandle};
use super::spawn::Spawn;

/// Does what [`std::thread::spawn`] does, with the order of the two threads announced to the
/// validator.
///
/// # Panics
///
/// If the operating system cannot start a thread.
#[track_caller]
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let spawn = Spawn::announce();
    JoinHandle::new(thread::spawn(move || spawn.run(f)), spawn)
}

/// [`std::thread::Builder`], with the order of the two threads announced to the validator.
///
/// ```
/// use lockdep::thread::Builder;
///
/// let handle = Builder::new().name("worker".to_string()).spawn(|| 1).unwrap();
/// assert_eq!(handle.thread().name(), Some("worker"));
/// # handle.join().unwrap();
/// ```
#[must_use = "must eventually spawn the thread"]
pub struct Builder {
    inner: thread::Builder,
}

#[expect(clippy::new_without_default, reason = "std's has no Default either")]
impl Builder {
    /// Makes a thread without a name, with a stack of the default size.
    pub fn new() -> Self {
        Self { inner: thread::Builder::new() }
    }

    /// Names the thread; reports show the name.
    pub fn name(self, name: String) -> Self {
        Self { inner: self.inner.name(name) }
    }

    /// Sets the size of the stack, in bytes.
    pub fn stack_size(self, size: usize) -> Self {
        Self { inner: self.inner.stack_size(size) }
    }

    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// If the operating system cannot start a thread.
    ///
    /// # Panics
    ///
    /// If the name contains a null byte.
    #[track_caller]
    pub fn spawn<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let spawn = Spawn::announce();
        let handle = self.inner.spawn(move || spawn.run(f)).inspect_err(|_| spawn.failed())?;
        Ok(JoinHandle::new(handle, spawn))
    }

    /// Starts the thread without a bound on what `f` borrows.
    ///
    /// # Errors
    ///
    /// If the operating system cannot start a thread.
    ///
    /// # Panics
    ///
    /// If the name contains a null byte.
    ///
    /// # Safety
    ///
    /// As for [`std::thread::Builder::spawn_unchecked`]: what `f` borrows and returns must live
    /// until the thread was joined.
    #[track_caller]
    pub unsafe fn spawn_unchecked<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        let spawn = Spawn::announce();
        // SAFETY: passed on to the caller; the closure around `f` borrows nothing besides.
        let handle = unsafe { self.inner.spawn_unchecked(move || spawn.run(f)) };
        let handle = handle.inspect_err(|_| spawn.failed())?;
        Ok(JoinHandle::new(handle, spawn))
    }

    /// Starts the thread inside `scope`.
    ///
    /// # Errors
    ///
    /// If the operating system cannot start a thread.
    ///
    /// # Panics
    ///
    /// If the name contains a null byte.
    #[track_caller]
    pub fn spawn_scoped<'scope, 'env, F, T>(
        self,
        scope: &'scope Scope<'scope, 'env>,
        f: F,
    ) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let spawn = Spawn::announce_in(scope.id());
        let handle = self.inner.spawn_scoped(scope.inner(), move || spawn.run(f))?;
        Ok(ScopedJoinHandle::new(handle, spawn))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
