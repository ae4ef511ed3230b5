//! Contexts: places that may run in the middle of whatever a task is doing. The kernel's hard and soft interrupts are two
//! of them, a signal handler or the drop of a thread-local value are others. All of them are data.

use crate::state::class::WaitType;

/// A registered context.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ContextId(u8);

impl ContextId {
    /// How many contexts there can be.
    pub const LIMIT: u8 = 8;

    pub(crate) fn from_index(index: usize) -> Option<Self> {
        u8::try_from(index).ok().filter(|index| *index < Self::LIMIT).map(Self)
    }

    /// The zero-based index.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A set of contexts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct ContextSet(u8);

impl ContextSet {
    /// No context.
    pub const EMPTY: Self = Self(0);

    /// The set of one context.
    #[inline]
    pub const fn of(context: ContextId) -> Self {
        Self(1 << context.0)
    }

    /// Every context in either set.
    #[inline]
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Every context in this set that is not in `other`.
    #[inline]
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Every context in both sets.
    #[inline]
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether `context` is in the set.
    #[inline]
    pub const fn contains(self, context: ContextId) -> bool {
        self.0 & (1 << context.0) != 0
    }

    /// Whether no context is in the set.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The contexts in the set, in the order of their registration.
    pub fn iter(self) -> impl Iterator<Item = ContextId> {
        (0..ContextId::LIMIT).map(ContextId).filter(move |context| self.contains(*context))
    }

    /// The set as bits.
    #[inline]
    pub const fn bits(self) -> u8 {
        self.0
    }
}

/// What a context is besides its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContextAttributes {
    /// What may be waited for inside it; [`WaitType::Max`] for no limit.
    pub wait_limit: WaitType,
    /// Other contexts whose mask also keeps this one out (hard interrupts off keep soft interrupts out).
    pub masked_with: ContextSet,
    /// Contexts that are masked while this one runs, besides itself.
    pub masks: ContextSet,
    /// Whether it masks itself while it runs; a signal handler with `SA_NODEFER` does not.
    pub masks_itself: bool,
    /// Whether it is masked in a new task, and can run only where it is unmasked (an allocator callback runs only inside an
    /// allocation).
    pub masked_at_start: bool,
}

impl Default for ContextAttributes {
    /// A context without a wait limit that can run anywhere and masks itself.
    fn default() -> Self {
        Self {
            wait_limit: WaitType::Max,
            masked_with: ContextSet::EMPTY,
            masks: ContextSet::EMPTY,
            masks_itself: true,
            masked_at_start: false,
        }
    }
}

/// A registered context: its name and attributes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Context {
    /// Its name, as reports print it.
    pub name: String,
    /// What it is besides.
    pub attributes: ContextAttributes,
}
