//! [`JoinHandle`].

use std::{fmt, thread};

use super::handle::Thread;
use super::spawn::{Spawn, Waiter};

/// [`std::thread::JoinHandle`], whose join is announced to the validator.
pub struct JoinHandle<T> {
    inner: thread::JoinHandle<T>,
    waiter: Waiter,
}

impl<T> JoinHandle<T> {
    pub(super) fn new(inner: thread::JoinHandle<T>, spawn: Spawn) -> Self {
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
    /// A lock that the caller holds and the thread acquired is LD0101: the run shows that the
    /// thread needs the lock before it can end.
    ///
    /// # Errors
    ///
    /// With the payload, if the thread panicked.
    ///
    /// # Panics
    ///
    /// As std may, if a thread joins itself.
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

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[cfg(unix)]
mod unix {
    use std::os::unix::thread::{JoinHandleExt, RawPthread};

    use super::JoinHandle;

    impl<T> JoinHandleExt for JoinHandle<T> {
        fn as_pthread_t(&self) -> RawPthread {
            self.inner.as_pthread_t()
        }

        fn into_pthread_t(self) -> RawPthread {
            self.inner.into_pthread_t()
        }
    }
}

#[cfg(windows)]
mod windows {
    use std::os::windows::io::{
        AsHandle, AsRawHandle, BorrowedHandle, IntoRawHandle, OwnedHandle, RawHandle,
    };

    use super::JoinHandle;

    impl<T> AsRawHandle for JoinHandle<T> {
        fn as_raw_handle(&self) -> RawHandle {
            self.inner.as_raw_handle()
        }
    }

    impl<T> IntoRawHandle for JoinHandle<T> {
        fn into_raw_handle(self) -> RawHandle {
            self.inner.into_raw_handle()
        }
    }

    impl<T> AsHandle for JoinHandle<T> {
        fn as_handle(&self) -> BorrowedHandle<'_> {
            self.inner.as_handle()
        }
    }

    impl<T> From<JoinHandle<T>> for OwnedHandle {
        fn from(handle: JoinHandle<T>) -> Self {
            handle.inner.into()
        }
    }
}
