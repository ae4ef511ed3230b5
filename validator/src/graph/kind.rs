//! What a dependency can block on: who holds, who wants, and whether the wait ends by itself.

use crate::base::dependency::DependencyKind;
use crate::base::mode::{Mode, Wait};

/// How the outer lock of a dependency is held, as far as it matters to those who wait for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum HeldMode {
    /// Exclusively: everyone who wants the lock waits.
    Exclusive,
    /// Shared: a recursive reader does not wait; a fair one waits only behind a queued writer.
    Shared,
}

/// How the inner lock of a dependency is wanted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum WantedMode {
    /// Exclusively: waits for any holder.
    Exclusive,
    /// As a fair reader: waits for a writer, holding or queued.
    FairRead,
    /// As a recursive reader: waits for a holding writer only.
    RecursiveRead,
}

/// One of the twelve ways in which one class can come to wait under another.
///
/// The kernel knows four (`ER`, `EN`, `SR`, `SN`); fair readers are distinguished from writers and
/// timed waits from unbounded ones, because the level of a report depends on them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Kind {
    /// How the outer lock is held.
    pub held: HeldMode,
    /// How the inner lock is wanted.
    pub wanted: WantedMode,
    /// Whether the wait for the inner lock ends by itself after a while.
    pub timed: bool,
}

impl Kind {
    /// How many kinds there are.
    pub const N_KINDS: usize = 12;

    /// Returns the kind of "wanted in mode `wanted` while held in mode `held`".
    pub const fn new(held: Mode, wanted: Mode, wait: Wait) -> Self {
        let held = if held.is_shared() { HeldMode::Shared } else { HeldMode::Exclusive };
        let wanted = match wanted {
            Mode::Exclusive => WantedMode::Exclusive,
            Mode::Shared => WantedMode::FairRead,
            Mode::SharedRecursive => WantedMode::RecursiveRead,
        };
        Self { held, wanted, timed: matches!(wait, Wait::Timed) }
    }

    /// Returns the kind as the kernel's reports name it.
    pub const fn named(self) -> DependencyKind {
        match (self.held, self.wanted) {
            (HeldMode::Exclusive, WantedMode::RecursiveRead) => DependencyKind::ExclusiveRecursive,
            (HeldMode::Exclusive, _) => DependencyKind::ExclusiveNonrecursive,
            (HeldMode::Shared, WantedMode::RecursiveRead) => DependencyKind::SharedRecursive,
            (HeldMode::Shared, _) => DependencyKind::SharedNonrecursive,
        }
    }

    /// Returns the position of the kind's bit in [`DependencyKinds`]; lower bits block more surely
    /// and are preferred by searches when several kinds would do.
    pub const fn index(self) -> u32 {
        let wanted = match self.wanted {
            WantedMode::Exclusive => 0,
            WantedMode::FairRead => 1,
            WantedMode::RecursiveRead => 2,
        };
        let held = match self.held {
            HeldMode::Exclusive => 0,
            HeldMode::Shared => 1,
        };
        (self.timed as u32) * 6 + wanted * 2 + held
    }

    /// The kind at a bit position below [`Kind::N_KINDS`].
    const fn from_index(index: u32) -> Self {
        let held = if index.is_multiple_of(2) { HeldMode::Exclusive } else { HeldMode::Shared };
        let wanted = match index % 6 / 2 {
            0 => WantedMode::Exclusive,
            1 => WantedMode::FairRead,
            _ => WantedMode::RecursiveRead,
        };
        Self { held, wanted, timed: index >= 6 }
    }
}

/// A set of kinds: everything that was ever seen between two classes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct DependencyKinds(u16);

impl DependencyKinds {
    /// No kind.
    pub const EMPTY: Self = Self(0);
    /// Every kind.
    pub const ALL: Self = Self((1 << Kind::N_KINDS) - 1);
    /// The kinds whose holder is exclusive.
    pub const HELD_EXCLUSIVE: Self = Self(0b0101_0101_0101);
    /// The kinds whose acquisition is exclusive.
    pub const WANTS_EXCLUSIVE: Self = Self(0b0000_1100_0011);
    /// The kinds whose acquisition is a fair read.
    pub const WANTS_FAIR_READ: Self = Self(0b0011_0000_1100);
    /// The kinds whose wait has no end of its own.
    pub const UNTIMED: Self = Self(0b0000_0011_1111);

    /// Returns the set of one kind.
    pub const fn of(kind: Kind) -> Self {
        Self(1 << kind.index())
    }

    /// Returns the set as stored in a run record.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Reads stored bits; unknown ones are dropped.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// Returns whether no kind is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns whether the kind is in the set.
    pub const fn contains(self, kind: Kind) -> bool {
        self.0 & (1 << kind.index()) != 0
    }

    /// Returns the kinds in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns the kinds in either set.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Adds a kind; `true` if it is new.
    pub const fn insert(&mut self, kind: Kind) -> bool {
        let new = !self.contains(kind);
        self.0 |= 1 << kind.index();
        new
    }

    /// Returns every kind in the set, the surest first.
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        (0..12).map(Kind::from_index).filter(move |kind| self.contains(*kind))
    }

    /// Returns the kind that blocks most surely: untimed before timed, exclusive before fair before
    /// recursive.
    pub fn surest(self) -> Option<Kind> {
        self.iter().next()
    }
}

/// The kinds that were seen, and those of them that were seen on an object that another thread
/// could have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct SeenKinds {
    all: DependencyKinds,
    /// INVARIANT: a subset of `all`.
    published: DependencyKinds,
}

impl SeenKinds {
    /// Every kind that was seen.
    #[inline]
    pub(crate) const fn all(self) -> DependencyKinds {
        self.all
    }

    /// The kinds that were seen on a published object.
    #[inline]
    pub(crate) const fn published(self) -> DependencyKinds {
        self.published
    }

    /// Adds a sighting; `true` if its kind is new, or is seen on a published object for the first
    /// time.
    pub(crate) const fn insert(&mut self, kind: Kind, is_published: bool) -> bool {
        let is_new = self.all.insert(kind);
        if is_published { self.published.insert(kind) } else { is_new }
    }
}

impl std::fmt::Debug for DependencyKinds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let timed = |kind: Kind| if kind.timed { "timed " } else { "" };
        let wanted = |kind: Kind| match kind.wanted {
            WantedMode::Exclusive => "W",
            WantedMode::FairRead => "r",
            WantedMode::RecursiveRead => "R",
        };
        let held = |kind: Kind| if kind.held == HeldMode::Exclusive { "E" } else { "S" };
        f.debug_set()
            .entries(self.iter().map(|kind| format!("{}{}{}", timed(kind), held(kind), wanted(kind))))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_bit_of_its_own_and_the_masks_say_what_they_are_called() {
        let all: Vec<Kind> = DependencyKinds::ALL.iter().collect();
        assert_eq!(all.len(), Kind::N_KINDS);
        for (index, kind) in all.into_iter().enumerate() {
            assert_eq!(kind.index() as usize, index);
            assert_eq!(DependencyKinds::HELD_EXCLUSIVE.contains(kind), kind.held == HeldMode::Exclusive);
            assert_eq!(DependencyKinds::WANTS_EXCLUSIVE.contains(kind), kind.wanted == WantedMode::Exclusive);
            assert_eq!(DependencyKinds::WANTS_FAIR_READ.contains(kind), kind.wanted == WantedMode::FairRead);
            assert_eq!(DependencyKinds::UNTIMED.contains(kind), !kind.timed);
        }
    }

    #[test]
    fn modes_become_the_four_names_of_the_kernel() {
        let name = |held, wanted| Kind::new(held, wanted, Wait::Blocking).named().as_str();
        assert_eq!(name(Mode::Exclusive, Mode::SharedRecursive), "ER");
        assert_eq!(name(Mode::Exclusive, Mode::Shared), "EN");
        assert_eq!(name(Mode::SharedRecursive, Mode::SharedRecursive), "SR");
        assert_eq!(name(Mode::Shared, Mode::Exclusive), "SN");
        assert!(Kind::new(Mode::Shared, Mode::Exclusive, Wait::Timed).timed);
    }
}
