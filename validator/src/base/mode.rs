//! How a lock is wanted, and how its caller waits for it.

/// How a lock is held or wanted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Mode {
    /// A writer, or the only mode of a mutex (the kernel's `read = 0`).
    Exclusive = 0,
    /// A fair reader: queues behind a waiting writer (`read = 1`); `std` and `parking_lot`
    /// `read()`.
    Shared = 1,
    /// A recursive reader: never waits for another reader (`read = 2`); `read_recursive()`.
    SharedRecursive = 2,
}

impl Mode {
    /// Returns whether other readers may hold the lock at the same time.
    #[inline]
    pub const fn is_shared(self) -> bool {
        !matches!(self, Self::Exclusive)
    }

    /// Returns the mode as reports and run records write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exclusive => "exclusive",
            Self::Shared => "shared",
            Self::SharedRecursive => "shared-recursive",
        }
    }

    /// Reads what [`Mode::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Exclusive, Self::Shared, Self::SharedRecursive].into_iter().find(|mode| mode.as_str() == text)
    }
}

/// How the caller of an acquisition waits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Wait {
    /// Until the lock is there: such an acquisition can hang.
    Blocking = 0,
    /// Not at all; the event is sent after success. Adds no dependency to the lock, only from it.
    Try = 1,
    /// For a bounded time: cannot hang forever, so a cycle that needs it is a note.
    Timed = 2,
}

impl Wait {
    /// Returns the wait as reports and run records write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blocking => "blocking",
            Self::Try => "try",
            Self::Timed => "timed",
        }
    }

    /// Reads what [`Wait::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Blocking, Self::Try, Self::Timed].into_iter().find(|wait| wait.as_str() == text)
    }
}
