//! The page table of one mapping: what the pager keeps with each VMA.

use std::collections::BTreeMap;
use std::ops::Range;

use lockdep::sync::{Mutex, MutexGuard};
use vmalock::{Mapping, PAGE_SIZE, VmaPayload};

use super::frames::{FrameRef, N_WORDS, OutOfFrames};

/// One page that was written.
#[derive(Clone)]
pub(crate) enum Page {
    /// In a frame, which other address spaces may share.
    Present(FrameRef),
    /// Reclaimed: only its contents are kept.
    Swapped([u64; N_WORDS]),
}

/// Pages by their offset. Its lock comes after those of vmalock: a thread that holds it takes none.
#[derive(Default)]
pub(crate) struct PageTable {
    pages: Mutex<BTreeMap<usize, Page>>,
}

impl Page {
    fn words(&self) -> [u64; N_WORDS] {
        match self {
            Self::Present(frame) => frame.words(),
            Self::Swapped(words) => *words,
        }
    }

    fn sum(&self) -> u64 {
        self.words().iter().sum()
    }
}

impl PageTable {
    #[track_caller]
    pub(crate) fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, Page>> {
        self.pages.lock().expect("no panics")
    }

    /// A write fault: the page becomes present and private, and one of its words grows by 1.
    pub(crate) fn write(&self, pgoff: usize, word: usize) -> Result<(), OutOfFrames> {
        let mut pages = self.lock();
        if let Some(Page::Present(frame)) = pages.get(&pgoff)
            && !frame.is_shared()
        {
            frame.bump(word);
            return Ok(());
        }
        // Absent, swapped out, or shared: copied before it is written.
        let words = pages.get(&pgoff).map_or([0; N_WORDS], Page::words);
        let frame = FrameRef::new(words)?;
        frame.bump(word);
        pages.insert(pgoff, Page::Present(frame));
        Ok(())
    }

    /// A read fault: the sum of the page; 0 if it was never written.
    pub(crate) fn read(&self, pgoff: usize) -> u64 {
        self.lock().get(&pgoff).map_or(0, Page::sum)
    }

    /// The sum of all pages.
    pub(crate) fn sum(&self) -> u64 {
        self.lock().values().map(Page::sum).sum()
    }

    /// Gives pages back; the sum of what they held.
    pub(crate) fn discard(&self, range: Range<usize>) -> u64 {
        let mut pages = self.lock();
        let mut gone = pages.split_off(&range.start);
        pages.append(&mut gone.split_off(&range.end));
        drop(pages);
        gone.values().map(Page::sum).sum()
    }

    /// Takes the frames of up to `most` private pages. Returns how many it took.
    pub(crate) fn reclaim(&self, most: usize) -> usize {
        let mut pages = self.lock();
        let mut n_taken = 0;
        for page in pages.values_mut() {
            if n_taken < most
                && let Page::Present(frame) = page
                && !frame.is_shared()
            {
                *page = Page::Swapped(frame.words());
                n_taken += 1;
            }
        }
        n_taken
    }
}

// Never two tables locked at once: their locks are of one class, and have no order among them.
impl VmaPayload for PageTable {
    fn split(&self, upper: &Self, whole: Mapping, at: usize) {
        let border = whole.pgoff + (at - whole.start) / PAGE_SIZE;
        let above = self.lock().split_off(&border);
        *upper.lock() = above;
    }

    fn merge(&self, upper: &Self, _of: Mapping) {
        let mut above = std::mem::take(&mut *upper.lock());
        self.lock().append(&mut above);
    }

    fn fork(&self, child: &Self, _of: Mapping) {
        let shared = self.lock().clone();
        *child.lock() = shared;
    }

    fn clear(&self) {
        let gone = std::mem::take(&mut *self.lock());
        drop(gone);
    }
}
