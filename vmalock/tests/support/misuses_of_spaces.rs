//! The ways to misuse an address space as a whole: its guards, its end, its tree.

use std::sync::LazyLock;

use vmalock::{
    Access, AddressSpace, CannotGrow, PAGE_SIZE, SpaceError, VmaCache, expand_stack_locked, flags,
    lock_vma_under_rcu, raw, rcu_read_lock,
};

use super::misuses::{Misuse, RW, START, space, space_and_vma, vma_of};

pub(crate) const MISUSES: &[Misuse] = &[
    Misuse {
        name: "a fault under a guard, before any reader was waited for",
        run: || {
            let space = space();
            let vma = lock_vma_under_rcu(space.mm(), START).expect("no thread writes");
            assert_eq!(space.fault(90 * PAGE_SIZE, Access::Read), Err(SpaceError::NotMapped));
            drop(vma);
        },
        warnings: &["MmapLockUnderVmaLock"],
        reports: &["LD0003"],
        lines: &["assert_eq!(space.fault(90 * PAGE_SIZE"],
    },
    Misuse {
        name: "a space ends under its own leaked guard",
        run: || {
            let space = space();
            let mm = space.mm_ref();
            std::mem::forget(mm.write());
            drop(space);
            raw::mmap_write_unlock(&mm);
        },
        warnings: &[],
        reports: &[],
        lines: &[],
    },
    Misuse {
        name: "a guard outlives its space",
        run: || {
            let space = space();
            let mm = space.mm_ref();
            let outlives = lock_vma_under_rcu(&mm, START).expect("no thread writes");
            drop(space);
            assert_eq!(outlives.vm_start(), START, "it is still what it was");
        },
        warnings: &["ReadLockLeaked"],
        reports: &["LD0010"],
        lines: &["let outlives = lock_vma_under_rcu(&mm, START)"],
    },
    Misuse {
        name: "a foreign VMA, read-locked",
        run: || {
            let (a, b) = (space(), space());
            let (ga, gb) = (a.mm().read(), b.mm().try_read().expect("no thread writes"));
            assert!(ga.start_read(gb.vma_lookup(START).expect("mapped")).is_none());
            drop((ga, gb));
        },
        warnings: &["ForeignVma"],
        reports: &["LD0010"],
        lines: &["assert!(ga.start_read(gb.vma_lookup(START)"],
    },
    Misuse {
        name: "a foreign VMA, write-locked",
        run: || {
            let (a, b) = (space(), space());
            let (ga, gb) = (a.mm().write(), b.mm().try_read().expect("no thread writes"));
            let write = ga.start_write(gb.vma_lookup(START).expect("mapped"));
            write.set_vm_flags(flags::READ);
            drop((ga, gb));
            assert!(b.fault(START, Access::Write).is_ok(), "it changes nothing");
        },
        warnings: &["ForeignVma"],
        reports: &["LD0010"],
        lines: &["let write = ga.start_write(gb.vma_lookup(START)"],
    },
    Misuse {
        name: "a foreign stack, grown",
        run: || {
            let (a, b) = (AddressSpace::new(), AddressSpace::new());
            b.map(100 * PAGE_SIZE, PAGE_SIZE, RW | flags::GROWSDOWN).expect("the space is empty");
            let (ga, gb) = (a.mm().write(), b.mm().write_nested(1));
            let vma = gb.vma_lookup(100 * PAGE_SIZE).expect("mapped");
            assert_eq!(expand_stack_locked(&ga, vma, 90 * PAGE_SIZE), Err(CannotGrow));
            drop((ga, gb));
            assert_eq!(a.maps().map(|maps| maps.len()), Ok(0));
        },
        warnings: &["ForeignVma"],
        reports: &["LD0010"],
        lines: &["assert_eq!(expand_stack_locked(&ga, vma, 90 * PAGE_SIZE)"],
    },
    Misuse {
        name: "a VMA freed in the tree",
        run: || {
            static CACHE: LazyLock<VmaCache> = LazyLock::new(VmaCache::new);
            let freed_in_tree = AddressSpace::with_cache(&CACHE);
            freed_in_tree.map(START, PAGE_SIZE, RW).expect("the space is empty");
            let vma = vma_of(&freed_in_tree);
            let guard = freed_in_tree.mm().write();
            raw::vma_start_write(vma);
            raw::vma_mark_detached(vma);
            CACHE.free(vma);
            drop(guard);
            drop(freed_in_tree);
        },
        warnings: &["TreeStale"],
        reports: &["LD0010"],
        lines: &["let freed_in_tree = AddressSpace::with_cache(&CACHE);"],
    },
    Misuse {
        name: "a VMA detached in the tree",
        run: || {
            let (space, vma) = space_and_vma();
            let guard = space.mm().write();
            raw::vma_start_write(vma);
            raw::vma_mark_detached(vma);
            drop(guard);
            assert_eq!(space.fault(START, Access::Read), Err(SpaceError::NotMapped));
            drop(space);
        },
        warnings: &["TreeStale"],
        reports: &["LD0010"],
        lines: &["assert_eq!(space.fault(START, Access::Read), Err"],
    },
    #[cfg(debug_assertions)]
    Misuse {
        name: "waiting in an RCU section",
        run: || {
            let space = space();
            let rcu = rcu_read_lock();
            assert_eq!(space.protect(START, PAGE_SIZE, flags::READ), Ok(1));
            drop(rcu);
        },
        warnings: &["BlockedInRcuSection"],
        reports: &["LD0010"],
        lines: &["assert_eq!(space.protect(START, PAGE_SIZE, flags::READ), Ok(1));"],
    },
    #[cfg(debug_assertions)]
    Misuse {
        name: "faulting under a VMA read lock",
        run: || {
            let space = space();
            assert_eq!(space.protect(START, PAGE_SIZE, flags::READ), Ok(1));
            let held = lock_vma_under_rcu(space.mm(), START).expect("no thread writes");
            // The try of the mmap lock succeeds. It need not.
            assert_eq!(space.fault(1000 * PAGE_SIZE, Access::Read), Err(SpaceError::NotMapped));
            drop(held);
        },
        warnings: &["MmapLockUnderVmaLock"],
        reports: &["LD0003"],
        lines: &["assert_eq!(space.fault(1000 * PAGE_SIZE, Access::Read)"],
    },
];
