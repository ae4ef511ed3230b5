//! Contexts: places that may run in the middle of whatever a task is doing. The kernel's hard and
//! soft interrupts are two of them, a signal handler or the drop of a thread-local value are
//! others. All of them are data.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::state::class::WaitType;

/// A registered context.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ContextId(u8);

impl ContextId {
    /// How many contexts there can be.
    pub const LIMIT: u8 = 8;

    /// Returns the context at `index` (zero-based), or `None` at [`ContextId::LIMIT`] and above.
    pub fn from_index(index: usize) -> Option<Self> {
        u8::try_from(index).ok().filter(|index| *index < Self::LIMIT).map(Self)
    }

    /// Returns the zero-based index.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The zero-based index, as a number to shift by.
    #[inline]
    pub(crate) const fn number(self) -> u32 {
        self.0 as u32
    }
}

/// A set of contexts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct ContextSet(u8);

impl ContextSet {
    /// No context.
    pub const EMPTY: Self = Self(0);

    /// Returns the set of one context.
    #[inline]
    pub const fn of(context: ContextId) -> Self {
        Self(1 << context.0)
    }

    /// Returns every context in either set.
    #[inline]
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns every context in this set that is not in `other`.
    #[inline]
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns every context in both sets.
    #[inline]
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns whether `context` is in the set.
    #[inline]
    pub const fn contains(self, context: ContextId) -> bool {
        self.0 & (1 << context.0) != 0
    }

    /// Returns whether no context is in the set.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the contexts in the set, in the order of their registration.
    pub fn iter(self) -> impl Iterator<Item = ContextId> {
        (0..ContextId::LIMIT).map(ContextId).filter(move |context| self.contains(*context))
    }

    /// Exactly one of the sets.
    #[inline]
    #[must_use]
    pub(crate) const fn differing(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }

    /// Returns the set as bits.
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
    /// Other contexts whose mask also keeps this one out (hard interrupts off keep soft interrupts
    /// out).
    pub masked_with: ContextSet,
    /// Contexts that are masked while this one runs, besides itself.
    pub masks: ContextSet,
    /// Whether it masks itself while it runs; a signal handler with `SA_NODEFER` does not.
    pub masks_itself: bool,
    /// Whether it is masked in a new task, and can run only where it is unmasked (an allocator
    /// callback runs only inside an allocation).
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

/// All contexts. Read without a lock.
#[derive(Debug, Default)]
pub(crate) struct Contexts {
    slots: [OnceLock<Context>; ContextId::LIMIT as usize],
    /// Bits of the registered contexts.
    registered: AtomicU8,
}

impl Contexts {
    /// Registers a context, or finds the one of that name; the second value says whether it is new.
    pub(crate) fn register(&self, name: &str, attributes: ContextAttributes) -> Option<(ContextId, bool)> {
        for (index, slot) in self.slots.iter().enumerate() {
            let mut is_new = false;
            let context = slot.get_or_init(|| {
                is_new = true;
                Context { name: name.to_owned(), attributes }
            });
            let id = ContextId::from_index(index)?;
            if is_new {
                // ORDERING: Release pairs with the Acquire in `registered`: a set bit means a
                // filled slot.
                self.registered.fetch_or(ContextSet::of(id).bits(), Ordering::Release);
            }
            if context.name == name {
                return Some((id, is_new));
            }
        }
        None
    }

    pub(crate) fn context(&self, id: ContextId) -> Option<&Context> {
        self.slots.get(id.index())?.get()
    }

    pub(crate) fn name(&self, id: ContextId) -> String {
        self.context(id).map(|context| context.name.clone()).unwrap_or_default()
    }

    pub(crate) fn registered(&self) -> ContextSet {
        // ORDERING: Acquire pairs with the Release in `register`.
        ContextSet(self.registered.load(Ordering::Acquire))
    }

    /// The contexts that are masked when those in `toggled` differ from the start of a task.
    pub(crate) fn masked(&self, toggled: ContextSet) -> ContextSet {
        let at_start = self
            .registered()
            .iter()
            .filter(|id| self.context(*id).is_some_and(|context| context.attributes.masked_at_start));
        at_start.fold(ContextSet::EMPTY, |set, id| set.or(ContextSet::of(id))).differing(toggled)
    }

    /// The contexts that may run in the middle of a task with these masks.
    pub(crate) fn enabled(&self, toggled: ContextSet) -> ContextSet {
        let masked = self.masked(toggled);
        let open = self.registered().without(masked).iter().filter(|id| {
            self.context(*id).is_some_and(|context| context.attributes.masked_with.and(masked).is_empty())
        });
        open.fold(ContextSet::EMPTY, |set, id| set.or(ContextSet::of(id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_keeps_out_what_it_is_said_to() {
        let contexts = Contexts::default();
        let (hard, _) = contexts.register("hardirq", ContextAttributes::default()).expect("room");
        let softirq = ContextAttributes { masked_with: ContextSet::of(hard), ..ContextAttributes::default() };
        let (soft, is_new) = contexts.register("softirq", softirq).expect("room");
        assert!(is_new && contexts.register("softirq", softirq) == Some((soft, false)));
        let both = ContextSet::of(hard).or(ContextSet::of(soft));
        assert_eq!(contexts.enabled(ContextSet::EMPTY), both);
        assert_eq!(contexts.enabled(ContextSet::of(soft)), ContextSet::of(hard));
        assert_eq!(contexts.enabled(ContextSet::of(hard)), ContextSet::EMPTY, "soft needs both");
        let started_masked = ContextAttributes { masked_at_start: true, ..ContextAttributes::default() };
        let (alloc, _) = contexts.register("allocator", started_masked).expect("room");
        assert!(!contexts.enabled(ContextSet::EMPTY).contains(alloc));
        assert!(contexts.enabled(ContextSet::of(alloc)).contains(alloc));
    }

    #[test]
    fn there_is_room_for_eight() {
        let contexts = Contexts::default();
        for index in 0..8 {
            assert!(contexts.register(&index.to_string(), ContextAttributes::default()).is_some());
        }
        assert!(contexts.register("ninth", ContextAttributes::default()).is_none());
    }
}
