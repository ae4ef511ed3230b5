//! MAP_FIXED, mremap, brk; a space of one's own; two VMA locks at once; all VMA locks of a space.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use vmalock::{
    AddressSpace, Mapping, MmRef, PAGE_SIZE, SpaceError, VmaCache, VmaPayload, VmaReadGuard, flags,
    lock_vma_under_rcu, raw, warn,
};

const RW: usize = flags::READ | flags::WRITE;
const P: usize = PAGE_SIZE;

fn ranges<T: VmaPayload>(space: &AddressSpace<T>) -> Vec<(usize, usize, usize)> {
    let in_pages = |mapping: &Mapping| (mapping.start / P, mapping.end / P, mapping.pgoff);
    space.maps().expect("no kill is pending").iter().map(in_pages).collect()
}

/// While a page is mapped over and over, a list of what is mapped never misses it, and a fault
/// always finds it.
#[test]
fn mapping_over_something_is_one_step() {
    let space = AddressSpace::new();
    space.map(10 * P, 10 * P, RW).expect("free");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // ORDERING: Relaxed; a flag that ends a loop.
            while !is_over.load(Ordering::Relaxed) {
                let mappings = space.maps().expect("no kill is pending");
                let n_pages: usize = mappings.iter().map(|mapping| (mapping.end - mapping.start) / P).sum();
                assert_eq!(n_pages, 10, "{mappings:?}");
                space.fault(14 * P, vmalock::Access::Read).expect("mapped at every moment");
            }
        });
        for n in 0..500 {
            let (start, len) = (10 + n % 8, 1 + n % 3);
            let gone = space.map_fixed(start * P, len.min(20 - start) * P, [RW, flags::READ][n % 2]);
            assert!(gone.is_ok_and(|gone| gone >= 1));
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn resizing_and_moving_keep_the_pages() {
    let space = AddressSpace::new();
    space.map(10 * P, 4 * P, RW).expect("free");
    space.map(20 * P, 4 * P, RW).expect("free");
    let mut guard = space.write();
    assert_eq!(guard.resize(10 * P, 4 * P, 11 * P), Err(SpaceError::Occupied));
    assert_eq!(guard.resize(9 * P, 4 * P, 5 * P), Err(SpaceError::NotMapped));
    assert_eq!(guard.resize(10 * P, 2 * P, 3 * P), Err(SpaceError::Occupied), "its own rest is there");
    assert_eq!(guard.resize(10 * P, 4 * P, 2 * P), Ok(()));
    assert_eq!(guard.resize(10 * P, 2 * P, 6 * P), Ok(()));
    drop(guard);
    assert_eq!(ranges(&space), [(10, 16, 10), (20, 24, 20)]);
    let mut guard = space.write();
    // Up to the neighbour: then they are one, since their offsets go on.
    assert_eq!(guard.resize(10 * P, 6 * P, 10 * P), Ok(()));
    assert_eq!(guard.relocate(10 * P, 4 * P, 12 * P, 4 * P), Err(SpaceError::BadRange));
    assert_eq!(guard.relocate(8 * P, 4 * P, 40 * P, 4 * P), Err(SpaceError::NotMapped));
    drop(guard);
    assert_eq!(ranges(&space), [(10, 24, 10)]);
    // From the middle, over the end of itself, and longer than it was.
    assert_eq!(space.write().relocate(14 * P, 2 * P, 22 * P, 4 * P), Ok(()));
    assert_eq!(ranges(&space), [(10, 14, 10), (16, 22, 16), (22, 26, 14)]);
    // Shorter: the rest goes. Then back, where its neighbours wait for it.
    assert_eq!(space.write().relocate(22 * P, 4 * P, 40 * P, 2 * P), Ok(()));
    assert_eq!(ranges(&space), [(10, 14, 10), (16, 22, 16), (40, 42, 14)]);
    assert_eq!(space.write().relocate(40 * P, 2 * P, 14 * P, 2 * P), Ok(()));
    assert_eq!(ranges(&space), [(10, 22, 10)]);
    assert_eq!(space.map_count(), 1);
}

/// Pages by offset, for the model below.
#[derive(Default)]
struct Pages(Mutex<BTreeSet<usize>>);

impl Pages {
    fn all(&self) -> BTreeSet<usize> {
        self.0.lock().expect("no panics").clone()
    }
}

impl VmaPayload for Pages {
    fn split(&self, upper: &Self, whole: Mapping, at: usize) {
        let border = whole.pgoff + (at - whole.start) / P;
        *upper.0.lock().expect("no panics") = self.0.lock().expect("no panics").split_off(&border);
    }

    fn merge(&self, upper: &Self, _of: Mapping) {
        self.0.lock().expect("no panics").extend(upper.all());
    }

    fn fork(&self, child: &Self, _of: Mapping) {
        *child.0.lock().expect("no panics") = self.all();
    }

    fn clear(&self) {
        self.0.lock().expect("no panics").clear();
    }
}

/// Against a model of single pages: what is mapped, with which offset, and what the program kept
/// with it.
#[test]
fn everything_against_a_model_of_pages() {
    const N: usize = 48;
    let space = AddressSpace::<Pages>::with_payloads();
    // The offset of each mapped page, and whether it was touched.
    let mut model: Vec<Option<(usize, bool)>> = vec![None; N];
    let mut state = 99_u64;
    let mut below = |n: usize| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        usize::try_from(state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).expect("31 bits fit") % n
    };
    for round in 0..20_000 {
        let (at, len, other) = (below(N - 8), 1 + below(6), below(N - 8));
        let vm_flags = [RW, flags::READ][below(2)];
        match below(6) {
            0 => {
                space.map_fixed(at * P, len * P, vm_flags).expect("a good range");
                (at..at + len).for_each(|n| model[n] = Some((n, false)));
            }
            1 => {
                space.unmap(at * P, len * P).expect("a good range");
                model[at..at + len].fill(None);
            }
            2 => drop(space.protect(at * P, len * P, vm_flags).ok()),
            3 => {
                let new_len = 1 + below(6);
                if space.write().relocate(at * P, len * P, other * P, new_len * P).is_ok() {
                    let old: Vec<_> = model[at..at + len].to_vec();
                    model[at..at + len].fill(None);
                    let first = old[0].expect("mapped").0;
                    for n in 0..new_len {
                        let touched = old.get(n).copied().flatten().is_some_and(|(_, touched)| touched);
                        model[other + n] = Some((first + n, touched));
                    }
                }
            }
            4 => {
                let new_len = 1 + below(6);
                if space.write().resize(at * P, len * P, new_len * P).is_ok() {
                    let first = model[at].expect("mapped").0;
                    (new_len..len).for_each(|n| model[at + n] = None);
                    (len..new_len).for_each(|n| model[at + n] = Some((first + n, false)));
                }
            }
            _ => {
                let touched = space.fault_with(at * P, vmalock::Access::Read, |vma| {
                    vma.payload().0.lock().expect("no panics").insert(vma.resolved().pgoff);
                    vma.resolved().pgoff
                });
                assert_eq!(touched.ok(), model[at].map(|(offset, _)| offset), "round {round}");
                if let Some((_, is_touched)) = &mut model[at] {
                    *is_touched = true;
                }
            }
        }
        let mut found = vec![None; N];
        for mapping in space.maps().expect("no kill is pending") {
            let vma = lock_vma_under_rcu(space.mm(), mapping.start).expect("no thread writes");
            let pages = space.payload(&vma).all();
            let places = &mut found[mapping.start / P..mapping.end / P];
            for (offset, place) in (mapping.pgoff..).zip(places) {
                *place = Some((offset, pages.contains(&offset)));
            }
        }
        assert_eq!(found, model, "round {round}");
    }
}

#[test]
fn the_heap_grows_and_shrinks() {
    let space = AddressSpace::new();
    assert_eq!(space.brk(100 * P), Err(SpaceError::BadRange));
    space.write().set_heap(100 * P).expect("a good address");
    space.map(110 * P, P, flags::READ).expect("free");
    assert_eq!(space.brk(102 * P + 1), Ok(103 * P));
    assert_eq!(space.brk(105 * P), Ok(105 * P));
    assert_eq!(ranges(&space), [(100, 105, 100), (110, 111, 110)], "one VMA for the heap");
    assert_eq!(space.brk(111 * P), Err(SpaceError::Occupied));
    assert_eq!(space.brk(99 * P), Err(SpaceError::BadRange));
    let child = space.fork().expect("no kill is pending");
    assert_eq!(space.brk(101 * P), Ok(101 * P));
    assert_eq!(child.brk(106 * P), Ok(106 * P), "a heap of its own");
    assert_eq!(space.brk(100 * P), Ok(100 * P));
    assert_eq!((ranges(&space), ranges(&child)[0]), (vec![(110, 111, 110)], (100, 106, 100)));
}

/// An address space without `AddressSpace`: allocated, stored, moved and cleared by hand.
#[test]
fn a_space_of_ones_own() {
    let (mm, cache) = (MmRef::new(), VmaCache::<()>::shared());
    let ((), warnings) = warn::capture(|| {
        let guard = mm.write();
        let vma = cache.alloc(mm.as_raw());
        let write = guard.store_new(vma, 10 * P, 14 * P, RW, 0).expect("free");
        let again = guard.store_new(vma, 20 * P, 24 * P, RW, 0);
        assert_eq!(again.map(|_| ()), Err(SpaceError::Occupied), "it is attached");
        let second = cache.alloc(mm.as_raw());
        let over = guard.store_new(second, 13 * P, 15 * P, RW, 0);
        assert_eq!(over.map(|_| ()), Err(SpaceError::Occupied));
        let odd = guard.store_new(second, 15 * P, 15 * P, RW, 0);
        assert_eq!(odd.map(|_| ()), Err(SpaceError::BadRange));
        guard.store_new(second, 16 * P, 18 * P, RW, 0).expect("free");
        assert_eq!(guard.set_range(write, 10 * P, 17 * P, 0), Err(SpaceError::Occupied));
        guard.set_range(write, 11 * P, 15 * P, 1).expect("free");
        drop(guard);
        assert!(lock_vma_under_rcu(&mm, 10 * P).is_none());
        assert!(lock_vma_under_rcu(&mm, 14 * P).is_some_and(|vma| vma.vm_pgoff() == 1));
        let other = MmRef::new();
        let guard = other.write();
        let foreign = guard.store_new(cache.alloc(mm.as_raw()), P, 2 * P, RW, 0);
        assert_eq!(foreign.map(|_| ()), Err(SpaceError::Occupied));
        drop(guard);
        let guard = mm.write();
        while let Some(vma) = guard.find_vma(0) {
            let write = guard.start_write(vma);
            assert!(guard.detach_and_clear(write));
            assert!(!guard.detach_and_clear(write), "it is gone");
            cache.free(write.as_raw());
        }
    });
    assert!(warnings.is_empty(), "{warnings:?}");
}

/// Two VMAs of a space, read-locked together, as a userfaultfd move does: both without the mmap
/// lock, or, if one cannot be had so, both under it. Never one held while the mmap lock is waited
/// for.
fn lock_both(
    space: &AddressSpace,
    from: usize,
    to: usize,
) -> Option<(VmaReadGuard<'_>, Option<VmaReadGuard<'_>>)> {
    if let Some(target) = lock_vma_under_rcu(space.mm(), to) {
        if target.contains(from) {
            return Some((target, None));
        }
        if let Some(source) = lock_vma_under_rcu(space.mm(), from) {
            return Some((target, Some(source)));
        }
        // Here `target` is let go: its lock must not be held while the mmap lock is waited for.
    }
    let mmap = space.mm().read();
    let (target, source) = (mmap.vma_lookup(to)?, mmap.vma_lookup(from)?);
    let is_one = target.as_raw().is_same(source.as_raw());
    Some((mmap.start_read(target)?, if is_one { None } else { Some(mmap.start_read(source)?) }))
}

#[test]
fn two_vmas_are_locked_at_once() {
    let space = AddressSpace::new();
    space.map(10 * P, 4 * P, RW).expect("free");
    space.map(20 * P, 4 * P, RW).expect("free");
    let ((), warnings) = warn::capture(|| {
        let (target, source) = lock_both(&space, 10 * P, 20 * P).expect("mapped");
        assert!(target.contains(20 * P) && source.is_some_and(|source| source.contains(10 * P)));
        let (one, none) = lock_both(&space, 20 * P, 21 * P).expect("mapped");
        assert!(one.contains(20 * P) && none.is_none());
        drop((target, one));
        assert!(lock_both(&space, 10 * P, 30 * P).is_none());
    });
    assert!(warnings.is_empty(), "{warnings:?}");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for (from, to) in [(10, 20), (20, 10)] {
            let (space, is_over) = (&space, &is_over);
            scope.spawn(move || {
                // ORDERING: Relaxed; a flag that ends a loop.
                while !is_over.load(Ordering::Relaxed) {
                    let (target, source) =
                        lock_both(space, from * P, to * P).expect("mapped at every moment");
                    let flags = (target.vm_flags(), source.expect("two VMAs").vm_flags());
                    assert_eq!(flags.0, flags.1, "changed together, and both are held");
                }
            });
        }
        for n in 0..300 {
            let vm_flags = [RW, flags::READ][n % 2];
            let mut guard = space.write();
            guard.protect(10 * P, 4 * P, vm_flags).expect("mapped");
            guard.protect(20 * P, 4 * P, vm_flags).expect("mapped");
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

/// All VMAs of a space, write-locked together, as `mm_take_all_locks` does: one store lets them all
/// go.
#[test]
fn all_vmas_of_a_space_are_locked() {
    let space = AddressSpace::new();
    (0..100).for_each(|n| space.map((10 + 2 * n) * P, P, RW).expect("free"));
    let guard = space.write();
    let mut n_locked = 0;
    let mut from = 0;
    while let Some(vma) = guard.find_vma(from) {
        guard.start_write(vma);
        from = vma.vm_end();
        n_locked += 1;
    }
    assert_eq!(n_locked, space.map_count());
    std::thread::scope(|scope| {
        let finds_none = || (0..100).all(|n| lock_vma_under_rcu(space.mm(), (10 + 2 * n) * P).is_none());
        assert!(scope.spawn(finds_none).join().expect("no panics"));
    });
    assert!((0..100).all(|n| {
        let vma = guard.vma_lookup((10 + 2 * n) * P).expect("mapped");
        raw::is_vma_write_locked(vma.as_raw())
    }));
    drop(guard);
    assert!((0..100).all(|n| lock_vma_under_rcu(space.mm(), (10 + 2 * n) * P).is_some()));
}
