//! Mistakes of authors of pagers: the name of each, what it does, and the report that it gets.

use std::panic::{AssertUnwindSafe, catch_unwind};

use vmalock::{
    Access, AddressSpace, PAGE_SIZE, SpaceError, Task, VmaCache, VmaIterator, flags, lock_next_vma,
    lock_vma_under_rcu, raw, rcu_read_lock,
};

use super::BASE;
use super::space::Pager;
use super::table::PageTable;

/// A mistake.
pub(crate) struct Mistake {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) code: &'static str,
    pub(crate) run: fn(&Pager),
}

/// An address where nothing is mapped: what touches it takes the mmap lock.
const NOWHERE: usize = BASE - PAGE_SIZE;

pub(crate) const MISTAKES: &[Mistake] = &[
    Mistake {
        name: "handler-blocks",
        what: "a fault handler looks at the list of mappings: it blocks on the mmap lock under the VMA lock",
        code: "LD0003",
        run: |pager| {
            // The legal order first: mmap lock, then the VMA's.
            pager.unmap(BASE, PAGE_SIZE).expect("a good range");
            let looked = pager.space.fault_with(BASE + PAGE_SIZE, Access::Read, |_| {
                drop(pager.space.mm().read());
            });
            looked.expect("mapped");
        },
    },
    Mistake {
        name: "handler-advises",
        what: "a fault handler gives pages of its own space back, which may need the mmap lock",
        code: "LD0003",
        run: |pager| {
            pager.unmap(BASE, PAGE_SIZE).expect("a good range");
            let advised = pager
                .space
                .fault_with(BASE + PAGE_SIZE, Access::Read, |_| pager.dont_need(NOWHERE, 4 * PAGE_SIZE));
            assert_eq!(advised, Ok(Err(SpaceError::NotMapped)));
        },
    },
    Mistake {
        name: "nested-fault",
        what: "a fault handler touches memory of its own space, and faults again",
        code: "LD0003",
        run: |pager| {
            pager.unmap(BASE, PAGE_SIZE).expect("a good range");
            let inner = pager.space.fault_with(BASE + PAGE_SIZE, Access::Read, |_| {
                // Nothing is mapped there, so this fault may wait for the mmap lock.
                pager.read(NOWHERE)
            });
            assert_eq!(inner, Ok(Err(SpaceError::NotMapped)));
        },
    },
    Mistake {
        name: "write-under-read-lock",
        what: "a fault handler changes the flags of the VMA, of which it has the read lock only",
        code: "LD0010",
        run: |pager| {
            let changed = pager.space.fault_with(BASE, Access::Read, |vma| {
                raw::vm_flags_reset(vma.as_raw(), flags::READ | flags::WRITE);
            });
            changed.expect("mapped");
        },
    },
    Mistake {
        name: "unlocked-vma",
        what: "mprotect by hand: the mmap write lock, but not the VMA's (Linux: fb49c455323f, 33313a747e81)",
        code: "LD0010",
        run: |pager| {
            let guard = pager.space.write();
            let vma = guard.vma_lookup(BASE).expect("mapped");
            raw::vm_flags_reset(vma.as_raw(), flags::READ | flags::WRITE);
        },
    },
    Mistake {
        name: "no-mmap-lock",
        what: "write-locks a VMA under the mmap read lock (Linux: f70405afc99b)",
        code: "LD0010",
        run: |pager| {
            let guard = pager.space.mm().read();
            let vma = guard.vma_lookup(BASE).expect("mapped").as_raw();
            raw::vma_start_write(vma);
        },
    },
    Mistake {
        name: "early-end",
        what: "munmap lets readers in while it gives pages back (Linux: 1235ccd05b6d)",
        code: "LD0010",
        run: |pager| {
            let mut guard = pager.space.write();
            let unmapped = guard.unmap_with(BASE, PAGE_SIZE, |_| raw::vma_end_write_all(pager.space.mm()));
            unmapped.expect("a good range");
            // Keep the sequence's parity, which the unlock is about to change once more.
            raw::vma_end_write_all(pager.space.mm());
        },
    },
    Mistake {
        name: "double-put",
        what: "a fault handler lets the VMA lock go, and so does its caller",
        code: "LD0007",
        run: |pager| {
            let released = pager.space.fault_with(BASE, Access::Read, |vma| {
                raw::vma_end_read(vma.as_raw());
                vma.as_raw()
            });
            // Put the reference back that was one too many, so that the storm can go on.
            released.expect("mapped").vm_refcnt().preset(1);
        },
    },
    Mistake {
        name: "ignored-interrupt",
        what: "a killed reclaimer goes on without the lock that it did not get (Linux: 52f657e)",
        code: "LD0007",
        run: |pager| {
            let mm = pager.space.mm();
            let holder = mm.write();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    Task::current().kill();
                    let _ = raw::mmap_read_lock_killable(mm);
                    raw::mmap_read_unlock(mm);
                });
            });
            drop(holder);
        },
    },
    Mistake {
        name: "leaked-guard",
        what: "a reclaimer ends with the read lock of a VMA",
        code: "LD0009",
        run: |pager| {
            // Joined, not scoped: a scope does not wait until its threads have really ended.
            let mm = pager.space.mm_ref();
            let thread = std::thread::spawn(move || std::mem::forget(lock_vma_under_rcu(&mm, BASE)));
            thread.join().expect("it only forgets");
            let vma = pager.space.mm().read().vma_lookup(BASE).expect("mapped").as_raw();
            vma.vm_refcnt().preset(1);
        },
    },
    Mistake {
        name: "reclaim-inversion",
        what: "a reclaimer that has a page table locked takes the mmap lock to find more",
        code: "LD0003",
        run: |pager| {
            // The legal order: unmap looks at the table under the mmap lock.
            pager.unmap(BASE, PAGE_SIZE).expect("a good range");
            let vma = pager.space.mm().read().vma_lookup(BASE + PAGE_SIZE).expect("mapped").as_raw();
            let pages = VmaCache::<PageTable>::shared().payload(vma).lock();
            drop(pager.space.write());
            drop(pages);
        },
    },
    Mistake {
        name: "two-spaces",
        what: "copies between two address spaces, and locks whichever is named first",
        code: "LD0002",
        run: |pager| {
            let other = AddressSpace::<PageTable>::with_payloads();
            let copy = |from: &AddressSpace<PageTable>, to: &AddressSpace<PageTable>| {
                let from_guard = from.mm().write();
                let to_guard = to.mm().write();
                drop((to_guard, from_guard));
            };
            copy(&pager.space, &other);
            copy(&other, &pager.space);
        },
    },
    Mistake {
        name: "recursive-read",
        what: "a walk under the mmap read lock gives pages back, which takes that lock again (Linux: 9874b2917b9f)",
        code: "LD0014",
        run: |pager| {
            // Another thread writes at times; a lock of one thread alone only gives a warning.
            std::thread::scope(|scope| {
                scope.spawn(|| drop(pager.space.write()));
            });
            let walk = pager.space.mm().read();
            let advised = pager.dont_need(NOWHERE, 2 * PAGE_SIZE);
            assert_eq!(advised, Err(SpaceError::NotMapped));
            drop(walk);
        },
    },
    Mistake {
        name: "free-too-early",
        what: "frees a VMA that is still attached",
        code: "LD0010",
        run: |pager| {
            let guard = pager.space.write();
            let vma = guard.start_write(guard.vma_lookup(BASE).expect("mapped"));
            VmaCache::<PageTable>::shared().free(vma.as_raw());
        },
    },
    Mistake {
        name: "stale-iterator",
        what: "a reclaimer goes on with an iterator after it left the RCU section (Linux: 270065f514c5)",
        code: "LD0010",
        run: |pager| {
            let mut iterator = VmaIterator::new(pager.space.mm(), 0);
            let (rcu, first) = lock_next_vma(rcu_read_lock(), &mut iterator, 0);
            let end = first.expect("no kill is pending").expect("mapped").vm_end();
            drop(rcu);
            let rcu = rcu_read_lock();
            let next = iterator.next(&rcu);
            assert!(next.is_none_or(|vma| !vma.fields_unchecked().contains(end - 1)));
        },
    },
    Mistake {
        name: "self-deadlock",
        what: "protects a range while the same thread has the read lock of a VMA in it",
        code: "LD0001",
        run: |pager| {
            // Under LOCKDEP_ON_DEADLOCK=panic the report comes first, and the wait does not happen.
            let result = catch_unwind(AssertUnwindSafe(|| {
                let mut guard = pager.space.write();
                let vma = lock_vma_under_rcu(pager.space.mm(), BASE).expect("not write-locked yet");
                let _ = guard.protect(BASE, PAGE_SIZE, flags::READ);
                drop((vma, guard));
            }));
            println!("{}", if result.is_err() { "ended by a panic" } else { "went through" });
        },
    },
];
