//! The word in each lock that says which class and which instance it is.

use std::num::NonZeroU64;

use lockdep_validator::LockId;
use once_cell::race::OnceNonZeroUsize;

#[cfg(not(target_pointer_width = "64"))]
compile_error!(
    "lockdep packs class and instance number of a lock into one 64-bit word and needs a 64-bit target; \
     build with `--cfg lockdep_disabled` elsewhere"
);

/// The class (24 bits) and instance number (40 bits) of one lock object, written once, at its first
/// acquisition.
///
/// Two threads may race to fill it: both make an id, one wins, both go on with the winner's. The
/// loser's instance number is never used again, which costs nothing but a number.
#[derive(Debug)]
pub(crate) struct Slot(OnceNonZeroUsize);

impl Slot {
    pub(crate) const fn empty() -> Self {
        Self(OnceNonZeroUsize::new())
    }

    /// The id, if the lock was ever acquired with validation on.
    // ORDERING: `OnceNonZeroUsize::get` is an Acquire load. The word itself is all that is read
    // through it, except for the class that its number names; that table entry was published before
    // the word was.
    #[inline]
    pub(crate) fn id(&self) -> Option<LockId> {
        self.0.get().and_then(|word| LockId::from_raw(word.get() as u64))
    }

    /// Returns the same without a look at the part of the word that names the class. `fill` wrote
    /// the word: it is a lock id.
    // ORDERING: as in `id`.
    #[inline(always)]
    pub(crate) fn id_of_used(&self) -> Option<LockId> {
        self.0.get().and_then(|word| NonZeroU64::new(word.get() as u64)).map(LockId::from_known)
    }

    /// Whether the lock was ever acquired with validation on.
    // ORDERING: `OnceNonZeroUsize::get` is an Acquire load; a thread that releases a lock or ends
    // it knows of its acquisition anyway.
    #[inline(always)]
    pub(crate) fn is_used(&self) -> bool {
        self.0.get().is_some()
    }

    /// Fills the slot, unless another thread did.
    pub(crate) fn try_fill(&self, id: LockId) -> bool {
        usize::try_from(id.raw())
            .ok()
            .and_then(std::num::NonZeroUsize::new)
            .is_some_and(|word| self.0.set(word).is_ok())
    }

    /// Fills the slot, or gives back what another thread filled it with first.
    #[cold]
    pub(crate) fn fill(&self, id: LockId) -> LockId {
        let word = usize::try_from(id.raw())
            .ok()
            .and_then(std::num::NonZeroUsize::new)
            .expect("a usize has 64 bits here and a LockId is never zero");
        match self.0.set(word) {
            Ok(()) => id,
            Err(()) => self.id().unwrap_or(id),
        }
    }
}
