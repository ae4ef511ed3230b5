//! Newtypes for every number that crosses an interface.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};

/// A registered lock class: dense, starting at one, meaningful in one
/// [`Validator`](crate::Validator) only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClassId(NonZeroU32);

impl ClassId {
    /// The largest number of classes that a [`LockId`] can distinguish (24 bits).
    pub const LIMIT: u32 = (1 << 24) - 1;

    /// Makes the id of the class at `index` (zero-based), or `None` past [`ClassId::LIMIT`].
    pub fn from_index(index: usize) -> Option<Self> {
        let raw = u32::try_from(index).ok()?.checked_add(1)?;
        if raw > Self::LIMIT { None } else { NonZeroU32::new(raw).map(Self) }
    }

    /// Returns the zero-based index of the class.
    #[inline]
    pub fn index(self) -> usize {
        self.0.get() as usize - 1
    }

    /// Returns the one-based number, as an index.
    #[inline]
    pub(crate) fn number(self) -> usize {
        self.0.get() as usize
    }

    /// Returns the one-based number as stored in a [`LockId`].
    #[inline]
    pub fn raw(self) -> u32 {
        self.0.get()
    }
}

/// The same 64 bits for the same class in every process and every run: what run records are joined
/// by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClassHash(pub u64);

impl ClassHash {
    /// Reads the sixteen hexadecimal digits that [`Display`](fmt::Display) writes.
    pub fn parse(text: &str) -> Option<Self> {
        // from_str_radix alone would take a sign.
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if digits { u64::from_str_radix(text, 16).ok().map(Self) } else { None }
    }
}

impl fmt::Display for ClassHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One lock object: its class (24 bits) and its instance number (40 bits) in a single word.
///
/// The word is written once into the lock, at its first acquisition, and travels with the object
/// when it is moved. It is never handed out twice, so a reused address cannot revive an old order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LockId(NonZeroU64);

impl LockId {
    /// How many bits the instance number has.
    pub const INSTANCE_BITS: u32 = 40;

    /// Joins a class and an instance number; the number is taken modulo 2^40.
    #[inline]
    pub fn new(class: ClassId, instance: u64) -> Self {
        let low = instance & ((1 << Self::INSTANCE_BITS) - 1);
        let word = (u64::from(class.raw()) << Self::INSTANCE_BITS) | low;
        Self(NonZeroU64::new(word).expect("a class number is never zero"))
    }

    /// Reads a word that [`LockId::raw`] gave out; `None` for a word whose class part is zero.
    #[inline]
    pub fn from_raw(word: u64) -> Option<Self> {
        if word >> Self::INSTANCE_BITS == 0 { None } else { NonZeroU64::new(word).map(Self) }
    }

    /// Takes a word that [`LockId::raw`] gave out, without a look at its class part.
    #[inline(always)]
    pub fn from_known(word: NonZeroU64) -> Self {
        Self(word)
    }

    /// Returns the word itself.
    #[inline]
    pub fn raw(self) -> u64 {
        self.0.get()
    }

    /// Returns the class of the lock, subclass zero.
    #[inline]
    pub fn class(self) -> ClassId {
        let raw = (self.0.get() >> Self::INSTANCE_BITS) as u32;
        ClassId(NonZeroU32::new(raw).expect("INVARIANT: the class part of a LockId is never zero"))
    }

    /// Returns the [number](ClassId::number) of the lock's class, for the fast path. It has no way
    /// to panic, so its caller needs no stack frame.
    #[inline(always)]
    pub(crate) fn class_number(self) -> usize {
        (self.0.get() >> Self::INSTANCE_BITS) as usize
    }

    /// Returns the instance number, unique for the life of the process.
    #[inline]
    pub fn instance(self) -> u64 {
        self.0.get() & ((1 << Self::INSTANCE_BITS) - 1)
    }
}

/// A nesting level within a class, 0 to 7: each level is a class of its own (the kernel's
/// `MAX_LOCKDEP_SUBCLASSES`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Subclass(u8);

impl Subclass {
    /// The number of levels.
    pub const LIMIT: u8 = 8;
    /// The level of an acquisition that names none.
    pub const ZERO: Self = Self(0);

    /// Makes a level, or `None` at [`Subclass::LIMIT`] and above.
    #[inline]
    pub const fn new(level: u8) -> Option<Self> {
        if level < Self::LIMIT { Some(Self(level)) } else { None }
    }

    /// Returns the level as a number.
    #[inline]
    pub const fn level(self) -> u8 {
        self.0
    }
}

/// One task: in a live process a thread, in a trace whatever the trace calls so. Never reused.
///
/// A task that several threads may run in turn is a *flow* ([`Flow`](crate::Flow)); its id has the
/// highest bit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TaskId(pub u32);

impl TaskId {
    const FLOW: u32 = 1 << 31;

    /// Returns the id of a flow; the number is taken modulo 2^31.
    pub const fn of_flow(number: u32) -> Self {
        Self(number | Self::FLOW)
    }

    /// Returns the number of a flow, or `None` if the task is a thread.
    pub const fn flow_number(self) -> Option<u32> {
        if self.0 & Self::FLOW == 0 { None } else { Some(self.0 & !Self::FLOW) }
    }

    /// Returns whether the task is a flow.
    #[inline]
    pub const fn is_flow(self) -> bool {
        self.0 & Self::FLOW != 0
    }
}

/// A stack that the embedder captured; meaningful to the embedder only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StackId(pub NonZeroU32);

/// A hash over what is held, from the first lock of the current context to the newest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ChainKey(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_id_gives_back_its_parts() {
        let class = ClassId::from_index(41).expect("small");
        let lock = LockId::new(class, (1 << 40) + 7);
        assert_eq!((lock.class(), lock.instance()), (class, 7));
        assert_eq!(LockId::from_raw(lock.raw()), Some(lock));
        assert_eq!(LockId::from_raw(7), None);
    }

    #[test]
    fn limits_are_kept() {
        assert!(ClassId::from_index(ClassId::LIMIT as usize - 1).is_some());
        assert!(ClassId::from_index(ClassId::LIMIT as usize).is_none());
        assert!(Subclass::new(7).is_some() && Subclass::new(8).is_none());
    }
}
