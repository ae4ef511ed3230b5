//! A snapshot of the tree as a sorted list: the model is about its publication and the locks, not
//! about its shape.

use super::vma::Vma;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) vma: &'static Vma,
}

/// All entries, by address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node(pub(crate) Vec<Entry>);

impl Node {
    pub(crate) fn covering(&self, addr: usize) -> Option<Entry> {
        self.0.iter().copied().find(|entry| entry.start <= addr && addr < entry.end)
    }

    pub(crate) fn ending_above(&self, addr: usize) -> Option<Entry> {
        self.0.iter().copied().find(|entry| addr < entry.end)
    }
}
