//! A program that hangs in the locks of an address space.
#![expect(clippy::unwrap_used, reason = "a thread of this program always starts")]

use lockdep::sync::Barrier;
use lockdep::thread::{self, Builder, JoinHandle};
use vmalock::{AddressSpace, flags, lock_vma_under_rcu};

use super::stuck::Stuck;

pub(crate) const STUCK: &[Stuck] = &[Stuck {
    name: "stuck_vma",
    why: "a reader keeps a VMA, its writer waits for it, and a reader of the mmap lock for the writer",
    says: "3 threads wait for thread `reader`, which has waited # s for another thread to unpark it",
    run: vma,
}];

const PAGE: usize = 0x1000;

fn vma() {
    static READ: Barrier = Barrier::new(3);
    static WRITTEN: Barrier = Barrier::new(2);
    let space: &'static AddressSpace = Box::leak(Box::new(AddressSpace::new()));
    space.map(PAGE, PAGE, flags::READ).unwrap();
    let named = |name: &str, body: fn(&'static AddressSpace)| -> JoinHandle<()> {
        Builder::new().name(name.to_owned()).spawn(move || body(space)).unwrap()
    };
    let reader = named("reader", |space| {
        let _vma = lock_vma_under_rcu(space.mm(), PAGE).unwrap();
        READ.wait();
        thread::park();
    });
    let writer = named("writer", |space| {
        READ.wait();
        let mmap = space.mm().write();
        WRITTEN.wait();
        let _vma = mmap.start_write(mmap.vma_lookup(PAGE).unwrap());
    });
    let late = named("late", |space| {
        READ.wait();
        WRITTEN.wait();
        drop(space.mm().read());
    });
    [reader, writer, late].into_iter().for_each(|thread| thread.join().unwrap());
}
