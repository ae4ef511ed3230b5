//! A line of the record that is written where no lock may be taken.

use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use super::sink::OwnFile;
use crate::runtime::process::ledger::{self, Counter};
use crate::runtime::system::{descriptor, quiet_write};

/// The descriptor of the record: one more than its number, or zero.
static DESCRIPTOR: AtomicI32 = AtomicI32::new(0);
/// The file behind it.
static IDENTITY: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// Remembers the descriptor of the record.
pub(super) fn note(file: &OwnFile) {
    // ORDERING: Relaxed, in this function: the file behind the descriptor is compared before a
    // write.
    DESCRIPTOR.store(0, Ordering::Relaxed);
    if let Some((descriptor, words)) = file.raw() {
        IDENTITY.iter().zip(words).for_each(|(place, word)| place.store(word, Ordering::Relaxed));
        // ORDERING: Release pairs with the Acquire in `write`.
        DESCRIPTOR.store(descriptor + 1, Ordering::Release);
    }
}

/// Appends a line to the record, if its descriptor is still ours. Safe in a signal handler.
pub(crate) fn write(line: &[u8]) {
    // ORDERING: Acquire pairs with the Release in `note`.
    let descriptor = DESCRIPTOR.load(Ordering::Acquire) - 1;
    // ORDERING: Relaxed: the Acquire above comes first.
    let words = [0, 1].map(|index: usize| IDENTITY[index].load(Ordering::Relaxed));
    let is_ours = || descriptor::of(descriptor).is_some_and(|(file, _)| file.to_words() == words);
    if descriptor < 0 || !is_ours() || quiet_write::write_all(descriptor, line, is_ours).is_err() {
        ledger::count(Counter::LostReport);
    }
}
