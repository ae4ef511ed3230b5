//! What a lock without an id is recognised by: its creation site or its key, and its type.

use std::ptr;

/// Distinguishes, in a place, the address of a [`KnownClass`] from that of a lock.
pub(crate) const TAG: usize = 1;

/// What a class is found by without looking at a string: constants of the program, by address.
///
/// One class may have several of these (a function may exist more than once in a program); one of
/// these has one class.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(C)]
pub(crate) struct Token {
    /// The `Location` or the `LockClassKey`.
    pub(crate) key: usize,
    /// `type_name::<T>`.
    pub(crate) type_name: usize,
    /// The kind's text.
    pub(crate) kind: usize,
}

/// A class that is known to have several locks, for the next of them.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct KnownClass {
    pub(crate) token: Token,
    /// The word of the class's lock whose number is zero.
    pub(crate) word: u64,
}

impl KnownClass {
    /// What a [place](crate::runtime::task::place::Place) has in place of a lock's address, for this class.
    pub(crate) fn tagged(class: *const Self) -> usize {
        class.expose_provenance() | TAG
    }

    /// Reads what [`tagged`](Self::tagged) returned; `None` for the address of a lock.
    ///
    /// # Safety
    ///
    /// The class that it was made of is still there. It is read only.
    pub(crate) unsafe fn read(address: usize) -> Option<Self> {
        if address & TAG == 0 {
            return None;
        }
        // SAFETY: as the caller says.
        Some(unsafe { ptr::with_exposed_provenance::<Self>(address & !TAG).read() })
    }
}
