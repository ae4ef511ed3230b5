//! The program's own code panics inside a section, or runs in the last moments of its thread: what
//! it leaves behind is whole.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use vmalock::warn::{WarningKind, capture};
use vmalock::{
    Access, AddressSpace, Mapping, MmRef, PAGE_SIZE, SpaceError, VmaCache, VmaIterator, VmaPayload,
    VmaReadGuard, flags, lock_vma_under_rcu, rcu_read_lock, warn,
};

const P: usize = PAGE_SIZE;
const RW: usize = flags::READ | flags::WRITE;

/// Whether `body` panicked, without a word.
fn panics<R>(body: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(body)).is_err()
}

/// Four VMAs of one page.
fn space() -> AddressSpace {
    let space = AddressSpace::new();
    for n in 0..4 {
        space.map((16 + 2 * n) * P, P, RW).expect("the space is empty");
    }
    space
}

/// As many lines as VMAs; all can be mapped over, and unmapped, and nothing is reported.
fn assert_whole(space: &AddressSpace) {
    let ((), warnings) = capture(|| {
        let mappings = space.maps().expect("no thread is killed");
        assert_eq!(mappings.len(), space.map_count(), "{mappings:?}");
        for Mapping { start, .. } in mappings {
            assert!(space.fault(start, Access::Write).is_ok());
        }
        assert!(space.map_fixed(16 * P, 2 * P, RW).is_ok());
        assert!(space.unmap(0, 64 * P).is_ok());
        assert_eq!(space.map_count(), 0);
    });
    assert_eq!(warnings.len(), 0, "{warnings:?}");
}

#[test]
fn a_hook_that_panics_leaves_mappings_that_are_whole() {
    let third = |n: &mut usize| {
        *n += 1;
        assert!(*n < 3, "on purpose");
    };
    let unmapped = space();
    let mut n = 0;
    assert!(panics(|| unmapped.write().unmap_with(0, 64 * P, |_| third(&mut n))));
    assert_whole(&unmapped);

    let (fixed, mut n) = (space(), 0);
    assert!(panics(|| fixed.write().map_fixed_with(16 * P, 9 * P, RW, |_| third(&mut n), |_| ())));
    assert_whole(&fixed);

    let fixed = space();
    assert!(panics(|| fixed.write().map_fixed_with(16 * P, 9 * P, RW, |_| (), |_| panic!("on purpose"))));
    assert_eq!(fixed.map_count(), 4, "what was there is still there");
    assert_whole(&fixed);

    let (protected, mut n) = (space(), 0);
    assert!(panics(|| protected.write().protect_with(0, 64 * P, flags::READ, |_, _| third(&mut n))));
    assert!(protected.protect(0, 64 * P, RW).is_ok());
    assert_whole(&protected);

    let (parent, mut n) = (space(), 0);
    assert!(panics(|| parent.write().fork_with(|_, _| third(&mut n)).map(drop)));
    assert!(parent.fork().is_ok_and(|child| child.map_count() == 4));
    assert_whole(&parent);
}

/// Counts its values, and panics on request.
#[derive(Default)]
struct Counted(AtomicUsize);

static LIVE: AtomicUsize = AtomicUsize::new(0);
static IS_ARMED: AtomicBool = AtomicBool::new(false);

impl Counted {
    fn fill(&self) {
        // ORDERING: Relaxed, all; one thread.
        self.0.store(1, Ordering::Relaxed);
        LIVE.fetch_add(1, Ordering::Relaxed);
        assert!(!IS_ARMED.swap(false, Ordering::Relaxed), "on purpose");
    }
}

impl VmaPayload for Counted {
    fn split(&self, upper: &Self, _whole: Mapping, _at: usize) {
        upper.fill();
    }

    fn merge(&self, _upper: &Self, _of: Mapping) {}

    fn fork(&self, child: &Self, _of: Mapping) {
        child.fill();
    }

    fn clear(&self) {
        LIVE.fetch_sub(self.0.swap(0, Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// What a new VMA was given before the panic is given back.
#[test]
fn a_payload_that_panics_is_cleared() {
    let space = AddressSpace::<Counted>::with_payloads();
    let arm = || IS_ARMED.store(true, Ordering::Relaxed);
    arm();
    assert!(panics(|| space.write().map_with(16 * P, 8 * P, RW, |vma| vma.payload().fill())));
    assert_eq!(LIVE.load(Ordering::Relaxed), 0);
    assert_eq!(space.write().map_with(16 * P, 8 * P, RW, |vma| vma.payload().fill()), Ok(()));
    arm();
    assert!(panics(|| space.unmap(18 * P, P)));
    arm();
    assert!(panics(|| space.fork().map(drop)));
    assert_eq!((LIVE.load(Ordering::Relaxed), space.map_count()), (1, 1));
    assert_eq!(space.unmap(18 * P, P), Ok(1));
    assert_eq!(LIVE.load(Ordering::Relaxed), 2);
    drop(space);
    assert_eq!(LIVE.load(Ordering::Relaxed), 0);
}

#[test]
fn capturing_ends_with_a_panic() {
    let mm = MmRef::new();
    let ((), outer) = capture(|| {
        assert!(panics(|| capture(|| {
            let _ = mm.raw_mm_seqnum();
            panic!("on purpose")
        })));
        let _ = mm.raw_mm_seqnum();
    });
    assert_eq!(outer.len(), 1, "the inner one is gone with the panic, the outer one goes on");
}

/// No sum of an offset and a number of pages overflows.
#[test]
fn offsets_that_do_not_fit_are_refused() {
    let mm = MmRef::new();
    let cache = VmaCache::<()>::shared();
    let guard = mm.write();
    let vma = cache.alloc(mm.as_raw());
    let store = |pgoff| guard.store_new(vma, 16 * P, 24 * P, RW, pgoff).map(drop);
    assert_eq!(store(usize::MAX - 7), Err(SpaceError::BadRange));
    assert_eq!(store(usize::MAX - 8), Ok(()));
    let write = guard.start_write(guard.vma_lookup(16 * P).expect("just stored"));
    assert_eq!(guard.set_range(write, 16 * P, 25 * P, usize::MAX - 8), Err(SpaceError::BadRange));
    assert!(guard.detach_and_clear(write));
    cache.free(vma);

    let space = AddressSpace::new();
    let guard = space.mm().write();
    let vma = cache.alloc(space.mm_ref().as_raw());
    assert!(guard.store_new(vma, 16 * P, 24 * P, RW, usize::MAX - 8).is_ok());
    drop(guard);
    assert_eq!(space.write().resize(16 * P, 8 * P, 9 * P), Err(SpaceError::BadRange));
    assert_eq!(space.write().relocate(16 * P, 8 * P, 40 * P, 9 * P), Err(SpaceError::BadRange));
    assert_eq!(space.fault(20 * P, Access::Write).map(|resolved| resolved.pgoff), Ok(usize::MAX - 4));
    let locked = space.write().locked(16 * P).map(|vma| vma.pgoff_of(0));
    assert!(locked.is_some(), "any address will do");
    assert_eq!(space.protect(18 * P, P, flags::READ), Ok(1));
    assert_eq!(space.protect(18 * P, P, RW), Ok(1));
    let guard = space.write();
    let vma = guard.start_write(guard.vma_lookup(16 * P).expect("mapped"));
    assert!(guard.detach_and_clear(vma));
    drop(guard);
    std::mem::forget(space);
}

/// Runs a closure when the thread's other thread-locals are gone.
struct Last(RefCell<Option<Box<dyn FnOnce()>>>);

impl Drop for Last {
    fn drop(&mut self) {
        if let Some(run) = self.0.borrow_mut().take() {
            run();
        }
    }
}

thread_local! {
    static LAST: Last = const { Last(RefCell::new(None)) };
}

/// Runs `now` in a thread, and what it returns in the thread's last moments.
fn in_last_moments(now: impl FnOnce() -> Box<dyn FnOnce()> + Send + 'static) {
    let thread = std::thread::spawn(|| {
        LAST.with(|last| {
            // It is made before what `now` makes, so it goes after it.
            let then = now();
            *last.0.borrow_mut() = Some(then);
        });
    });
    // Of a scope's thread only the closure is waited for.
    thread.join().expect("no panics");
}

/// Two sections that overlap there do not keep for each other what was found in them.
#[test]
fn an_iterator_does_not_pass_from_section_to_section_in_last_moments() {
    static STALE: AtomicUsize = AtomicUsize::new(0);
    let space: &'static AddressSpace = Box::leak(Box::new(space()));
    in_last_moments(move || {
        drop(rcu_read_lock());
        Box::new(move || {
            let outer = rcu_read_lock();
            let mut iterator = VmaIterator::new(space.mm(), 16 * P);
            assert!(iterator.walk(&outer).is_some());
            let inner = rcu_read_lock();
            drop(outer);
            warn::set_hook(Some(|warning| {
                STALE.fetch_add(usize::from(warning.kind == WarningKind::IteratorStale), Ordering::Relaxed);
            }));
            assert!(iterator.walk(&inner).is_some());
            warn::set_hook(None);
        })
    });
    assert_eq!(STALE.load(Ordering::Relaxed), 1);
}

/// A guard that ends there is no longer held: a later holder is the one that a warning names.
#[test]
fn a_guard_that_ends_in_last_moments_is_held_no_longer() {
    let space = space();
    let mm: &'static MmRef = Box::leak(Box::new(space.mm_ref()));
    in_last_moments(move || {
        let vma: VmaReadGuard<'static> = lock_vma_under_rcu(mm, 16 * P).expect("no thread writes");
        Box::new(move || drop(vma))
    });
    let is_over = AtomicBool::new(false);
    let (sender, holds) = std::sync::mpsc::channel();
    let warnings = std::thread::scope(|scope| {
        let holder = std::thread::Builder::new().name("the holder".to_owned()).spawn_scoped(scope, || {
            let _vma = lock_vma_under_rcu(mm, 16 * P).expect("no thread writes");
            sender.send(()).expect("the test waits for it");
            // ORDERING: Relaxed; a flag that ends a loop.
            while !is_over.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
        });
        assert!(holder.is_ok());
        holds.recv().expect("it holds the VMA soon");
        let ((), warnings) = capture(|| drop(space));
        is_over.store(true, Ordering::Relaxed);
        warnings
    });
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].kind, WarningKind::ReadLockLeaked);
    // Release builds do not track who holds what.
    if cfg!(debug_assertions) {
        assert_eq!(warnings[0].holder.map(|holder| holder.thread), Some("the holder"));
    }
}
