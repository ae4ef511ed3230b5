//! [`Thread`] and [`current`].

use std::thread::{self, ThreadId};
use std::{fmt, ptr};

use crate::hook;

/// [`std::thread::Thread`], whose [`unpark`](Thread::unpark) is noted: while a thread is parked,
/// reports tell which thread unparked it last, and where.
///
/// ```
/// use lockdep::thread;
///
/// let parked = thread::spawn(thread::park);
/// parked.thread().unpark();
/// parked.join().unwrap();
/// ```
// The layout of the inner handle, because a `&Thread` has to be made from that of a `JoinHandle`.
#[derive(Clone)]
#[repr(transparent)]
pub struct Thread {
    inner: thread::Thread,
}

impl Thread {
    pub(super) fn wrap(inner: &thread::Thread) -> &Self {
        // SAFETY: `Thread` is transparent over the type that the pointer comes from, the lifetime
        // is kept, and it has no invariants of its own.
        unsafe { &*ptr::from_ref(inner).cast::<Self>() }
    }

    /// Does what [`std::thread::Thread::unpark`] does, and notes which thread did so.
    #[track_caller]
    #[inline]
    pub fn unpark(&self) {
        hook::unparked(|| self.inner.id());
        self.inner.unpark();
    }

    /// Returns what distinguishes the thread from every other one.
    #[must_use]
    pub fn id(&self) -> ThreadId {
        self.inner.id()
    }

    /// Returns the name of the thread, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.inner.name()
    }
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// Returns the running thread, as [`std::thread::current`] does.
///
/// # Panics
///
/// As std's may, if the thread-local data of the thread is gone.
#[must_use]
pub fn current() -> Thread {
    Thread { inner: thread::current() }
}
