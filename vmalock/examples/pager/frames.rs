//! A fixed number of page frames, counted, so that address spaces share a frame until a write.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use lockdep::sync::Mutex;

/// How many words a page has: far fewer than a real page, so that copying does not hide the locks.
pub(crate) const N_WORDS: usize = 8;
/// How many frames there are.
const N_FRAMES: u32 = 1 << 16;

#[derive(Default)]
struct Frame {
    // INVARIANT: number of `FrameRef`s; 0 exactly while the frame is free.
    n_refs: AtomicU32,
    words: [AtomicU64; N_WORDS],
}

/// All frames, and which are free.
struct Memory {
    frames: Vec<Frame>,
    free: Mutex<Vec<u32>>,
}

static MEMORY: LazyLock<Memory> = LazyLock::new(|| Memory {
    frames: (0..N_FRAMES).map(|_| Frame::default()).collect(),
    free: Mutex::new((0..N_FRAMES).collect()),
});

/// One reference to a frame.
pub(crate) struct FrameRef(u32);

/// No frame is free: something must be reclaimed first.
#[derive(Debug)]
pub(crate) struct OutOfFrames;

/// How many frames are free.
pub(crate) fn n_free() -> usize {
    MEMORY.free.lock().expect("no panics").len()
}

impl FrameRef {
    /// A free frame, filled with `words`.
    pub(crate) fn new(words: [u64; N_WORDS]) -> Result<Self, OutOfFrames> {
        let number = MEMORY.free.lock().expect("no panics").pop().ok_or(OutOfFrames)?;
        let new = Self(number);
        // ORDERING: Relaxed, here and below; the lock of the frame's page table orders it.
        new.frame().n_refs.store(1, Ordering::Relaxed);
        new.frame().words.iter().zip(words).for_each(|(to, from)| to.store(from, Ordering::Relaxed));
        Ok(new)
    }

    fn frame(&self) -> &'static Frame {
        &MEMORY.frames[self.0 as usize]
    }

    /// Whether another address space has it too.
    pub(crate) fn is_shared(&self) -> bool {
        // ORDERING: Acquire; pairs with the Release in `drop`: the other owner's reads are done.
        self.frame().n_refs.load(Ordering::Acquire) > 1
    }

    pub(crate) fn words(&self) -> [u64; N_WORDS] {
        // ORDERING: Relaxed; see `new`.
        std::array::from_fn(|index| self.frame().words[index].load(Ordering::Relaxed))
    }

    /// Adds 1 to a word by a load and a store: two threads that do so at once lose an update.
    pub(crate) fn bump(&self, index: usize) {
        let word = &self.frame().words[index % N_WORDS];
        // ORDERING: Relaxed, both; see `new`.
        word.store(word.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

impl Clone for FrameRef {
    fn clone(&self) -> Self {
        // ORDERING: Relaxed; the reference that exists already orders the rest.
        self.frame().n_refs.fetch_add(1, Ordering::Relaxed);
        Self(self.0)
    }
}

impl Drop for FrameRef {
    fn drop(&mut self) {
        // ORDERING: AcqRel; Release ends this owner's use, Acquire shows the last owner all use.
        if self.frame().n_refs.fetch_sub(1, Ordering::AcqRel) == 1 {
            MEMORY.free.lock().expect("no panics").push(self.0);
        }
    }
}
