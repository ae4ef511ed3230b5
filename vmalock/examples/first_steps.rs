//! The program of the page "vmalock" in the documentation: mappings with pages, in ninety lines.
#![expect(clippy::print_stdout, reason = "a program for people")]

use std::collections::BTreeMap;
use std::sync::Mutex;

use vmalock::{Access, AddressSpace, Mapping, PAGE_SIZE, SpaceError, VmaPayload, flags, lock_vma_under_rcu};

/// What the program keeps with each mapping: its pages, by their offset.
#[derive(Default)]
struct Pages(Mutex<BTreeMap<usize, u64>>);

impl Pages {
    fn take(&self) -> BTreeMap<usize, u64> {
        std::mem::take(&mut *self.0.lock().expect("no panics"))
    }

    fn add(&self, pages: BTreeMap<usize, u64>) {
        self.0.lock().expect("no panics").extend(pages);
    }
}

impl VmaPayload for Pages {
    fn split(&self, upper: &Self, whole: Mapping, at: usize) {
        let border = whole.pgoff + (at - whole.start) / PAGE_SIZE;
        let above = self.0.lock().expect("no panics").split_off(&border);
        upper.add(above);
    }

    fn merge(&self, upper: &Self, _of: Mapping) {
        self.add(upper.take());
    }

    fn fork(&self, child: &Self, _of: Mapping) {
        let copy = self.0.lock().expect("no panics").clone();
        child.add(copy);
    }

    fn clear(&self) {
        self.take();
    }
}

fn main() -> Result<(), SpaceError> {
    const RW: usize = flags::READ | flags::WRITE;
    let space = AddressSpace::<Pages>::with_payloads();
    space.map(0x10000, 16 * PAGE_SIZE, RW)?;

    // Faults from several threads: mostly under the lock of the VMA alone.
    std::thread::scope(|scope| {
        for thread in 0..4_usize {
            let space = &space;
            scope.spawn(move || {
                for n in 0..1000 {
                    let addr = 0x10000 + (n * 7 + thread) % 16 * PAGE_SIZE;
                    let touched = space.fault_with(addr, Access::Write, |vma| {
                        let mut pages = vma.payload().0.lock().expect("no panics");
                        *pages.entry(vma.resolved().pgoff).or_default() += 1;
                    });
                    assert_eq!(touched, Ok(()));
                }
            });
        }
    });

    // Faults see both changes or none. The hook gives pages back inside the section.
    let mut n_writes = 0;
    let mut guard = space.write();
    guard.unmap_with(0x12000, 2 * PAGE_SIZE, |vma| n_writes += vma.payload().take().values().sum::<u64>())?;
    guard.protect(0x18000, 4 * PAGE_SIZE, flags::READ)?;
    drop(guard);

    // What is left, VMA by VMA.
    for mapping in space.maps()? {
        if let Some(vma) = lock_vma_under_rcu(space.mm(), mapping.start) {
            n_writes += space.payload(&vma).0.lock().expect("no panics").values().sum::<u64>();
        }
    }
    assert_eq!(n_writes, 4000, "no write is lost");

    // The mistake: a handler that maps more memory waits for the mmap lock under the VMA lock.
    if std::env::args().any(|arg| arg == "--mistake") {
        space.fault_with(0x10000, Access::Read, |_| space.map(0x40000, PAGE_SIZE, RW))??;
    }
    println!("{} VMAs, {n_writes} writes", space.map_count());
    Ok(())
}
