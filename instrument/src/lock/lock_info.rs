//! What a wrapper knows about its lock type, whichever object an event is about.

use std::fmt;

use lockdep_validator::WaitType;

/// What a wrapper knows about its lock type, handed over with each event. Make it once, as an
/// associated constant.
///
/// The name of the data's type is a function, so that it is only asked for when the first lock of
/// the class is registered.
#[derive(Clone, Copy)]
pub struct LockInfo {
    pub(crate) kind: &'static str,
    #[cfg(not(lockdep_disabled))]
    pub(crate) kind_token: KindToken,
    pub(crate) type_name: fn() -> &'static str,
    pub(crate) outer: WaitType,
    pub(crate) inner: WaitType,
    pub(crate) is_measured: bool,
    pub(crate) publishes_waits: bool,
    pub(crate) is_sendable: fn() -> bool,
    pub(crate) recursive_reads: bool,
    pub(crate) hands_over: bool,
}

/// The address of a kind's text, which is compared in place of the text.
#[cfg(not(lockdep_disabled))]
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct KindToken(*const u8);

// SAFETY: nothing is read through it.
#[cfg(not(lockdep_disabled))]
unsafe impl Send for KindToken {}
// SAFETY: as above.
#[cfg(not(lockdep_disabled))]
unsafe impl Sync for KindToken {}

#[cfg(not(lockdep_disabled))]
impl KindToken {
    #[inline(always)]
    pub(crate) fn addr(self) -> usize {
        self.0.addr()
    }
}

impl LockInfo {
    /// Returns a lock called `kind` around data of type `T`.
    pub const fn of<T: ?Sized>(kind: &'static str) -> Self {
        Self {
            kind,
            #[cfg(not(lockdep_disabled))]
            kind_token: KindToken(kind.as_ptr()),
            type_name: core::any::type_name::<T>,
            outer: WaitType::Unchecked,
            inner: WaitType::Unchecked,
            is_measured: false,
            publishes_waits: false,
            is_sendable: || false,
            recursive_reads: false,
            hands_over: false,
        }
    }

    /// Returns a lock called `kind` that protects no data of its own.
    pub const fn bare(kind: &'static str) -> Self {
        Self { type_name: || "", ..Self::of::<()>(kind) }
    }

    /// Says that the wrapper understands [`Verdict::Measure`](super::Verdict::Measure): it tries
    /// the real lock first when the hook asks for it.
    #[must_use]
    pub const fn measured(mut self) -> Self {
        self.is_measured = true;
        self
    }

    /// Says that the wrapper waits by [`wait_for`](crate::hook::LockMap::wait_for) or a relative of it
    /// whenever it has to wait.
    ///
    /// If such a wait is about to close a ring of waiting threads, the report of that (LD0100)
    /// comes before the reports of the acquisition.
    #[must_use]
    pub const fn publishes_waits(mut self) -> Self {
        self.publishes_waits = true;
        self
    }

    /// Says that the lock has a recursive read beside the fair one, as `read_recursive` of
    /// parking_lot.
    ///
    /// A report advises it only for such a lock.
    #[must_use]
    pub const fn recursive_reads(mut self) -> Self {
        self.recursive_reads = true;
        self
    }

    /// Says of an async lock that it goes to the future that has waited longest, whether or not
    /// that future is polled. The locks of tokio do so.
    #[must_use]
    pub const fn hands_over(mut self) -> Self {
        self.hands_over = true;
        self
    }

    /// Says that the guards of the lock can be sent to other threads, which release it there with
    /// [`release_by_any_thread`](crate::hook::LockMap::release_by_any_thread).
    ///
    /// That a thread acquired the lock is then no proof that it still holds it. What rests on that
    /// is a note, until the thread is seen to release the lock itself.
    #[must_use]
    pub const fn sendable(self) -> Self {
        self.sendable_if(|| true)
    }

    /// [`sendable`](Self::sendable) if the function says so; it is asked when the first lock of the class is registered.
    #[must_use]
    pub const fn sendable_if(mut self, is_sendable_fn: fn() -> bool) -> Self {
        self.is_sendable = is_sendable_fn;
        self
    }

    /// Sets what the lock waits for, and what may be waited for while it is held.
    #[must_use]
    pub const fn wait_types(mut self, outer: WaitType, inner: WaitType) -> Self {
        self.outer = outer;
        self.inner = inner;
        self
    }
}

impl fmt::Debug for LockInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LockInfo({}<{}>)", self.kind, (self.type_name)())
    }
}
