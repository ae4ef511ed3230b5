//! What a program keeps with its VMAs goes where the pages go: through split, merge, fork and
//! unmap.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, Weak};

use vmalock::{
    Access, AddressSpace, Mapping, PAGE_SIZE, Shared, SpaceError, VmaPayload, flags, lock_vma_under_rcu,
};

const RW: usize = flags::READ | flags::WRITE;

/// The pages that were touched, by their offset.
#[derive(Default)]
struct Touched(Mutex<BTreeSet<usize>>);

impl Touched {
    fn pages(&self) -> BTreeSet<usize> {
        self.0.lock().expect("no panics").clone()
    }

    fn add(&self, pages: BTreeSet<usize>) {
        self.0.lock().expect("no panics").extend(pages);
    }
}

impl VmaPayload for Touched {
    fn split(&self, upper: &Self, whole: Mapping, at: usize) {
        let border = whole.pgoff + (at - whole.start) / PAGE_SIZE;
        let above = self.0.lock().expect("no panics").split_off(&border);
        assert!(upper.pages().is_empty(), "a new payload is clear");
        upper.add(above);
    }

    fn merge(&self, upper: &Self, of: Mapping) {
        let n_pages = (of.end - of.start) / PAGE_SIZE;
        assert!(upper.pages().iter().all(|page| (of.pgoff..of.pgoff + n_pages).contains(page)));
        self.add(upper.pages());
    }

    fn fork(&self, child: &Self, _of: Mapping) {
        assert!(child.pages().is_empty(), "a new payload is clear");
        child.add(self.pages());
    }

    fn clear(&self) {
        self.0.lock().expect("no panics").clear();
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).expect("31 bits fit") % n
    }
}

/// All that the VMAs of the space say is touched; each page in the VMA that covers it.
fn touched(space: &AddressSpace<Touched>) -> BTreeSet<usize> {
    let mut all = BTreeSet::new();
    for mapping in space.maps().expect("no kill is pending") {
        let vma = lock_vma_under_rcu(space.mm(), mapping.start).expect("no thread writes");
        for page in space.payload(&vma).pages() {
            assert!(vma.contains(page * PAGE_SIZE), "page {page} is not of {mapping:?}");
            assert!(all.insert(page), "page {page} is kept twice");
        }
    }
    all
}

#[test]
fn pages_stay_with_the_vma_that_covers_them() {
    const N_PAGES: usize = 64;
    let space = AddressSpace::<Touched>::with_payloads();
    let mut model = BTreeSet::new();
    let mut random = Random(7);
    let mut most = 0;
    for round in 0..20_000 {
        let (start, len) = (random.below(N_PAGES), 1 + random.below(8));
        match random.below(10) {
            0 | 1 => {
                let _ = space.map(start * PAGE_SIZE, len * PAGE_SIZE, RW);
            }
            2 => {
                space.unmap(start * PAGE_SIZE, len * PAGE_SIZE).expect("a good range");
                model.retain(|page| !(start..start + len).contains(page));
            }
            3 | 4 => {
                let _ = space.protect(start * PAGE_SIZE, len * PAGE_SIZE, [RW, flags::READ][random.below(2)]);
            }
            _ => {
                if space.fault(start * PAGE_SIZE, Access::Read).is_ok() {
                    let vma = lock_vma_under_rcu(space.mm(), start * PAGE_SIZE).expect("no thread writes");
                    space.payload(&vma).add(BTreeSet::from([start]));
                    model.insert(start);
                }
            }
        }
        if round % 16 == 0 {
            assert_eq!(touched(&space), model, "round {round}");
        }
        most = most.max(space.map_count());
    }
    assert!(most > 8, "there were splits: {most}");
    let child = space.fork().expect("no kill is pending");
    assert_eq!(touched(&child), model);
    child.unmap(0, 2 * N_PAGES * PAGE_SIZE).expect("a good range");
    assert_eq!((touched(&child).len(), touched(&space)), (0, model), "each has its own");
}

#[test]
fn what_differs_is_not_merged_and_what_goes_is_let_go() {
    let space = AddressSpace::<Shared<u32>>::with_payloads();
    let value = Arc::new(5);
    let weak: Weak<u32> = Arc::downgrade(&value);
    space.map(0x10000, 4 * PAGE_SIZE, RW).expect("free");
    let set = |addr: usize, value: Option<Arc<u32>>| {
        let vma = lock_vma_under_rcu(space.mm(), addr).expect("no thread writes");
        space.payload(&vma).set(value);
    };
    set(0x10000, Some(value));
    // Splits in two, which stay alike, so the second call merges them.
    assert_eq!(space.protect(0x12000, 2 * PAGE_SIZE, flags::READ), Ok(1));
    assert_eq!((space.map_count(), weak.strong_count()), (2, 2));
    assert_eq!(space.protect(0x12000, 2 * PAGE_SIZE, RW), Ok(1));
    assert_eq!((space.map_count(), weak.strong_count()), (1, 1));
    assert_eq!(space.protect(0x12000, 2 * PAGE_SIZE, flags::READ), Ok(1));
    set(0x12000, Some(Arc::new(5)));
    assert_eq!(space.protect(0x12000, 2 * PAGE_SIZE, RW), Ok(1));
    assert_eq!((space.map_count(), weak.strong_count()), (2, 1), "equal is not the same");
    let child = space.fork().expect("no kill is pending");
    assert_eq!(weak.strong_count(), 2);
    assert_eq!(space.unmap(0x10000, PAGE_SIZE), Ok(1));
    assert_eq!(space.unmap(0x11000, PAGE_SIZE), Ok(1));
    assert_eq!(weak.strong_count(), 1, "the child's is left");
    drop(child);
    assert!(weak.upgrade().is_none());
}

/// A stale reader that meets the VMA in its next life finds a clear payload, and a slab of another
/// type is not disturbed.
#[test]
fn slabs_of_two_types_live_side_by_side() {
    let numbers = AddressSpace::<Shared<u32>>::with_payloads();
    let pages = AddressSpace::<Touched>::default();
    for n in 0..200 {
        numbers.map(n * 2 * PAGE_SIZE, PAGE_SIZE, RW).expect("free");
        pages.map(n * 2 * PAGE_SIZE, PAGE_SIZE, RW).expect("free");
    }
    for n in 0..200 {
        let vma = lock_vma_under_rcu(pages.mm(), n * 2 * PAGE_SIZE).expect("no thread writes");
        pages.payload(&vma).add(BTreeSet::from([n * 2]));
        let vma = lock_vma_under_rcu(numbers.mm(), n * 2 * PAGE_SIZE).expect("no thread writes");
        assert_eq!(numbers.payload(&vma).get(), None);
        numbers.payload(&vma).set(Some(Arc::new(1)));
    }
    assert_eq!(touched(&pages).len(), 200);
    drop(pages);
    let again = AddressSpace::<Touched>::with_payloads();
    again.map(0, PAGE_SIZE, RW).expect("free");
    assert_eq!(
        (touched(&again).len(), again.fault(PAGE_SIZE, Access::Read)),
        (0, Err(SpaceError::NotMapped))
    );
}
