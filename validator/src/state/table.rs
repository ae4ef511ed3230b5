//! An append-only table that is read without a lock.

use std::sync::OnceLock;

/// Bucket `n` holds `FIRST << n` elements, so that nothing ever moves.
const FIRST: usize = 64;
const N_BUCKETS: usize = 20;

/// A table that only grows: an element, once put, stays where it is and can be borrowed for as long
/// as the table lives.
#[derive(Debug)]
pub(crate) struct Table<T> {
    buckets: [OnceLock<Box<[OnceLock<T>]>>; N_BUCKETS],
}

impl<T> Table<T> {
    /// An empty table.
    pub(crate) fn new() -> Self {
        Self { buckets: [const { OnceLock::new() }; N_BUCKETS] }
    }

    /// Puts the element at `index`; gives it back if the place is taken or past the end.
    pub(crate) fn put(&self, index: usize, element: T) -> Result<&T, T> {
        let (bucket, offset) = place(index);
        let Some(bucket_cell) = self.buckets.get(bucket) else { return Err(element) };
        let slots = bucket_cell.get_or_init(|| (0..FIRST << bucket).map(|_| OnceLock::new()).collect());
        let Some(slot) = slots.get(offset) else { return Err(element) };
        slot.set(element)?;
        Ok(slot.get().expect("INVARIANT: set in the line above, and nothing is ever taken out"))
    }

    /// The element at `index`, if it was put.
    #[inline]
    pub(crate) fn at(&self, index: usize) -> Option<&T> {
        let (bucket, offset) = place(index);
        self.buckets.get(bucket)?.get()?.get(offset)?.get()
    }
}

#[inline]
fn place(index: usize) -> (usize, usize) {
    let shifted = index.saturating_add(FIRST);
    let bucket = (shifted.ilog2() - FIRST.ilog2()) as usize;
    (bucket, shifted - (FIRST << bucket.min(N_BUCKETS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_where_they_were_put_and_nowhere_else() {
        let table = Table::new();
        for index in [0, 1, 63, 64, 191, 192, 100_000] {
            assert!(table.at(index).is_none());
            assert_eq!(table.put(index, index), Ok(&index));
            assert_eq!(table.put(index, 7), Err(7), "taken");
        }
        for index in [0, 1, 63, 64, 191, 192, 100_000] {
            assert_eq!(table.at(index), Some(&index));
        }
        assert!(table.at(2).is_none() && table.at(usize::MAX).is_none());
    }

    #[test]
    fn the_table_holds_every_class_a_lock_id_can_name() {
        let (bucket, _) = place(crate::base::id::ClassId::LIMIT as usize);
        assert!(bucket < N_BUCKETS);
    }
}
