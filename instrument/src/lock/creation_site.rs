//! The place where a lock was made: the identity of a lock without a name.
//!
//! How the place outside the library is found lives in `runtime/identity/callers.rs`.

use std::fmt;
use std::panic::Location;

/// Where a lock was made: the identity of a lock without a name.
///
/// ```
/// let site = lockdep::hook::CreationSite::caller();
/// assert!(site.location().line() > 0);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CreationSite(*const Location<'static>);

// SAFETY: 1. what it points to, a `Location` or a leaked `Caller`, is never changed or freed; 2.
// both are `Sync`.
unsafe impl Send for CreationSite {}
// SAFETY: as above.
unsafe impl Sync for CreationSite {}

impl CreationSite {
    /// Returns the place of the call.
    #[track_caller]
    #[inline]
    pub const fn caller() -> Self {
        Self(std::ptr::from_ref(Location::caller()))
    }

    /// Returns the place itself, as the compiler knows it: for a lock that a function of the
    /// library made, a line of the library.
    #[inline]
    pub fn location(self) -> &'static Location<'static> {
        match self.outsider() {
            Some(caller) => caller.inside,
            // SAFETY: not tagged, so it was made in `caller` from a reference to a constant.
            None => unsafe { &*self.0 },
        }
    }

    /// What distinguishes it from every other: an address, odd for a [`Caller`].
    #[cfg(not(lockdep_disabled))]
    #[inline(always)]
    pub(crate) fn token(self) -> u64 {
        self.0.expose_provenance() as u64
    }

    /// The same place of the program, distinguished by the caller of the library.
    #[cfg(not(lockdep_disabled))]
    pub(crate) fn called_by(caller: &'static Caller) -> Self {
        Self(std::ptr::from_ref(caller).cast::<Location<'static>>().map_addr(|address| address | 1))
    }

    #[inline]
    fn outsider(self) -> Option<&'static Caller> {
        if self.0.addr() & 1 == 0 {
            return None;
        }
        let caller = self.0.map_addr(|address| address & !1).cast::<Caller>();
        // SAFETY: only `called_by` makes odd addresses, from a reference that lives forever.
        Some(unsafe { &*caller })
    }
}

impl fmt::Debug for CreationSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CreationSite({})", self.location())
    }
}

/// Who had the library make a lock, as far as the debug information tells. Aligned to at least two,
/// for the tag.
#[derive(Debug)]
#[repr(align(8))]
#[cfg_attr(lockdep_disabled, expect(dead_code, reason = "no lock has a class in this build"))]
pub(crate) struct Caller {
    /// The line of the library.
    pub(crate) inside: &'static Location<'static>,
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
}
