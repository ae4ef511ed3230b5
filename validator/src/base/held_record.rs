//! One held lock as five words, so that other tasks can be told of it without a lock.

use super::event::AcquireFlags;
use super::id::{LockId, Subclass};
use super::mode::{Mode, Wait};
use super::site::Site;

/// How many words a [`HeldRecord`] has.
pub const N_WORDS: usize = 5;

/// What one entry of a task's held stack says, in a form that can be published.
///
/// ```
/// use lockdep_validator::{HeldRecord, N_WORDS};
/// // Zero is no lock.
/// assert!(HeldRecord::from_words([0; N_WORDS]).is_none());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeldRecord {
    /// The lock.
    pub lock: LockId,
    /// Its address, or zero.
    pub address: usize,
    /// Where it was acquired.
    pub site: Site,
    /// The chain key after its acquisition.
    pub chain: u64,
    /// How it is held.
    pub mode: Mode,
    /// How its caller waited.
    pub wait: Wait,
    /// The nesting level.
    pub subclass: Subclass,
    /// Properties of the acquisition.
    pub flags: AcquireFlags,
    /// Whether the stack of the chain is that of this acquisition.
    pub is_first_sighting: bool,
}

impl HeldRecord {
    /// Returns the record as words.
    pub fn to_words(&self) -> [u64; N_WORDS] {
        let how = u64::from(self.mode as u8)
            | u64::from(self.wait as u8) << 8
            | u64::from(self.subclass.level()) << 16
            | u64::from(self.flags.0) << 24
            | u64::from(self.is_first_sighting) << 32;
        [self.lock.raw(), self.address as u64, self.site.0, self.chain, how]
    }

    /// Reads what [`to_words`](Self::to_words) made; `None` for words that name no lock.
    pub fn from_words([lock, address, site, chain, how]: [u64; N_WORDS]) -> Option<Self> {
        let [mode, wait, subclass, flags, is_first, ..] = how.to_le_bytes();
        let modes = [Mode::Exclusive, Mode::Shared, Mode::SharedRecursive];
        let waits = [Wait::Blocking, Wait::Try, Wait::Timed];
        Some(Self {
            lock: LockId::from_raw(lock)?,
            address: usize::try_from(address).ok()?,
            site: Site(site),
            chain,
            mode: *modes.get(usize::from(mode))?,
            wait: *waits.get(usize::from(wait))?,
            subclass: Subclass::new(subclass)?,
            flags: AcquireFlags(flags),
            is_first_sighting: is_first != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::ClassId;

    #[test]
    fn a_record_comes_back_from_its_words() {
        let class = ClassId::from_index(3).expect("small");
        let record = HeldRecord {
            lock: LockId::new(class, 9),
            address: 0x10,
            site: Site(7),
            chain: u64::MAX,
            mode: Mode::SharedRecursive,
            wait: Wait::Timed,
            subclass: Subclass::new(5).expect("small"),
            flags: AcquireFlags::UPGRADABLE,
            is_first_sighting: true,
        };
        assert_eq!(HeldRecord::from_words(record.to_words()), Some(record));
    }
}
