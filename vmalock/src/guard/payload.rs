//! What a program keeps with each VMA: a page table, a file, a policy.
//!
//! A payload lives as its VMA does: in a slab, made once, handed from life to life, never dropped
//! while the process runs. So a reference to it stays valid whatever a caller does wrong with the
//! raw functions, and reading it under a lock costs nothing. The price is that a payload changes
//! through `&self`, so its members are atomics, locks, or [`Shared`].

use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::mapping::Mapping;

/// What a program keeps with each VMA, and what happens to it when VMAs are split, merged, copied
/// or freed.
///
/// [`split`](Self::split), [`merge`](Self::merge) and [`fork`](Self::fork) run inside a write
/// section, with the VMAs involved write-locked, or new and known to no other thread.
/// [`is_alike`](Self::is_alike) runs there without the locks of the VMAs.
/// [`clear`](Self::clear) runs when the VMA is detached, under the mmap lock in either mode: an
/// unmap of its own section downgrades first. No method may block on a lock of the address space.
///
/// One that panics leaves mappings that are whole; after a panic of `clear` the other VMAs that the
/// same call frees are never used again, and keep their payloads. Pages are best counted by their
/// offset ([`Mapping::pgoff`]), which no split, merge, growth or move changes; for growth and moves
/// there is therefore nothing to implement.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use vmalock::{AddressSpace, Mapping, PAGE_SIZE, VmaPayload, flags};
///
/// /// Which node of a machine the memory should come from.
/// #[derive(Default)]
/// struct Policy(AtomicUsize);
///
/// impl VmaPayload for Policy {
///     fn split(&self, upper: &Self, _whole: Mapping, _at: usize) {
///         upper.0.store(self.0.load(Ordering::Relaxed), Ordering::Relaxed);
///     }
///     fn is_alike(&self, upper: &Self) -> bool {
///         self.0.load(Ordering::Relaxed) == upper.0.load(Ordering::Relaxed)
///     }
///     fn merge(&self, _upper: &Self, _of: Mapping) {}
///     fn fork(&self, child: &Self, of: Mapping) {
///         self.split(child, of, of.start);
///     }
///     fn clear(&self) {
///         self.0.store(0, Ordering::Relaxed);
///     }
/// }
///
/// let space = AddressSpace::<Policy>::with_payloads();
/// space.map(0x10000, 4 * PAGE_SIZE, flags::READ)?;
/// # Ok::<(), vmalock::SpaceError>(())
/// ```
pub trait VmaPayload: Default + Send + Sync + 'static {
    /// The VMA of `self` is split at address `at`: gives `upper`, which is clear, what belongs to
    /// the part above.
    ///
    /// `whole` is the range before the split. Both VMAs are write-locked.
    fn split(&self, upper: &Self, whole: Mapping, at: usize);

    /// Whether the VMA of `self` may be merged with the one of `upper`, which begins where it ends.
    fn is_alike(&self, upper: &Self) -> bool {
        let _ = upper;
        true
    }

    /// Takes over what `upper` holds, whose VMA had the range `of` and goes; `upper` is cleared
    /// afterwards.
    fn merge(&self, upper: &Self, of: Mapping);

    /// Gives `child`, which is clear, its copy of `self`, for the VMA of a forked address space;
    /// `of` is the range of both.
    fn fork(&self, child: &Self, of: Mapping);

    /// Lets go of what the payload holds: its VMA is detached, and will begin a new life.
    fn clear(&self);
}

/// Nothing is kept.
impl VmaPayload for () {
    fn split(&self, _upper: &Self, _whole: Mapping, _at: usize) {}

    fn merge(&self, _upper: &Self, _of: Mapping) {}

    fn fork(&self, _child: &Self, _of: Mapping) {}

    fn clear(&self) {}
}

/// A payload that is one shared value, or none: replaced as a whole, the same in both halves of a
/// split and in a child.
///
/// ```
/// use vmalock::{AddressSpace, PAGE_SIZE, Shared, flags, lock_vma_under_rcu};
/// let space = AddressSpace::<Shared<String>>::with_payloads();
/// space.map(0x10000, 4 * PAGE_SIZE, flags::READ)?;
/// let vma = lock_vma_under_rcu(space.mm(), 0x10000).expect("no thread writes");
/// space.payload(&vma).set(Some("a file".to_owned().into()));
/// drop(vma);
/// space.unmap(0x11000, PAGE_SIZE)?;
/// let upper = lock_vma_under_rcu(space.mm(), 0x12000).expect("no thread writes");
/// assert_eq!(space.payload(&upper).get().as_deref().map(String::as_str), Some("a file"));
/// # Ok::<(), vmalock::SpaceError>(())
/// ```
pub struct Shared<T: ?Sized>(RwLock<Option<Arc<T>>>);

impl<T: ?Sized> Shared<T> {
    /// Returns the present value.
    #[must_use]
    pub fn get(&self) -> Option<Arc<T>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the value.
    pub fn set(&self, value: Option<Arc<T>>) {
        let old = std::mem::replace(&mut *self.0.write().unwrap_or_else(PoisonError::into_inner), value);
        // Outside the lock: the last reference runs a destructor.
        drop(old);
    }
}

impl<T: ?Sized> Default for Shared<T> {
    fn default() -> Self {
        Self(RwLock::new(None))
    }
}

impl<T: ?Sized> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl<T: ?Sized + Send + Sync + 'static> VmaPayload for Shared<T> {
    fn split(&self, upper: &Self, _whole: Mapping, _at: usize) {
        upper.set(self.get());
    }

    fn is_alike(&self, upper: &Self) -> bool {
        match (self.get(), upper.get()) {
            (None, None) => true,
            (Some(lower), Some(upper)) => Arc::ptr_eq(&lower, &upper),
            _ => false,
        }
    }

    fn merge(&self, _upper: &Self, _of: Mapping) {}

    fn fork(&self, child: &Self, _of: Mapping) {
        child.set(self.get());
    }

    fn clear(&self) {
        self.set(None);
    }
}

/// How many VMAs are made at a time, and have numbers in a row.
pub(crate) const N_CHUNK: u32 = 64;

/// How many chunks the first block of the table has; each further one has twice as many as the one
/// before.
const N_FIRST: u32 = 64;
/// Enough blocks for every number.
const N_BLOCKS: usize = 21;

/// The payloads of one chunk of VMAs.
type Leaf<P> = OnceLock<Box<[P]>>;

/// The payloads of a slab's VMAs, by the number of the VMA. Only chunks that are asked for are
/// made.
pub(crate) struct PayloadTable<P> {
    blocks: [OnceLock<Box<[Leaf<P>]>>; N_BLOCKS],
}

impl<P: VmaPayload> PayloadTable<P> {
    pub(crate) const fn new() -> Self {
        Self { blocks: [const { OnceLock::new() }; N_BLOCKS] }
    }

    /// The payload of the VMA with that number; a clear one if it was never asked for.
    #[inline]
    pub(crate) fn of(&self, number: u32) -> &P {
        // What has no size cannot differ.
        let number = if size_of::<P>() == 0 { 0 } else { number };
        let (chunk, place) = (number / N_CHUNK, number % N_CHUNK);
        // Block b begins at 64 * (2^b - 1).
        let block = (chunk / N_FIRST + 1).ilog2();
        let first = N_FIRST * ((1 << block) - 1);
        let leaves = self.blocks[block as usize]
            .get_or_init(|| (0..(N_FIRST as usize) << block).map(|_| OnceLock::new()).collect());
        let leaf =
            leaves[(chunk - first) as usize].get_or_init(|| (0..N_CHUNK).map(|_| P::default()).collect());
        &leaf[place as usize]
    }
}

impl<P> fmt::Debug for PayloadTable<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PayloadTable")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[derive(Default)]
    struct Number(AtomicU32);

    impl VmaPayload for Number {
        fn split(&self, _upper: &Self, _whole: Mapping, _at: usize) {}

        fn merge(&self, _upper: &Self, _of: Mapping) {}

        fn fork(&self, _child: &Self, _of: Mapping) {}

        fn clear(&self) {}
    }

    #[test]
    fn every_number_has_a_payload_of_its_own() {
        let table = PayloadTable::<Number>::new();
        let numbers = (0..20_000).step_by(7).chain([u32::MAX / 512]);
        // ORDERING: Relaxed; one thread.
        numbers.clone().for_each(|number| table.of(number).0.store(number, Ordering::Relaxed));
        let mut numbers = numbers;
        assert!(numbers.all(|number| table.of(number).0.load(Ordering::Relaxed) == number));
    }
}
