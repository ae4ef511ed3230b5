//! The address space of the benches, and its rivals: a map behind a reader-writer lock.

use std::collections::BTreeMap;
use std::hint::black_box;

use vmalock::{
    AddressSpace, MmapReadGuard, PAGE_SIZE, VmaIterator, flags, lock_vma_under_rcu, raw, rcu_read_lock,
};

/// First address of VMA `n`; each has two pages and a page between them.
pub(crate) fn address(n: usize) -> usize {
    (1 + n * 3) * PAGE_SIZE
}

/// Something that finds the flags of a VMA, changes them, and replaces the VMA. All do the same
/// job: find the range that covers the address, make sure that it cannot change, read or change it,
/// let go.
pub(crate) trait Space: Sync {
    /// The flags of the range at `addr`; `None` while it is being replaced.
    fn read(&self, addr: usize) -> Option<usize>;
    /// Adds flags to the range at `addr` (mprotect); nothing while it is being replaced.
    fn write(&self, addr: usize, vm_flags: usize);
    /// Removes the range that starts at `addr`, and puts a new one there (munmap, mmap: two write
    /// sections).
    fn replace(&self, addr: usize);
}

const LEN: usize = 2 * PAGE_SIZE;

/// The per-VMA path: RCU lookup, VMA read lock, and the mmap lock only when that fails.
pub(crate) struct PerVma(pub(crate) AddressSpace);

impl PerVma {
    pub(crate) fn new(n_vmas: usize) -> Self {
        let space = AddressSpace::new();
        for n in 0..n_vmas {
            space.map(address(n), LEN, flags::READ).expect("the ranges do not overlap");
        }
        Self(space)
    }
}

fn read_under_mmap_lock(guard: &MmapReadGuard<'_>, addr: usize) -> Option<usize> {
    guard.vma_lookup(addr).map(|vma| vma.vm_flags())
}

impl Space for PerVma {
    fn read(&self, addr: usize) -> Option<usize> {
        match lock_vma_under_rcu(self.0.mm(), addr) {
            Some(vma) => Some(vma.vm_flags()),
            None => read_under_mmap_lock(&self.0.mm().read(), addr),
        }
    }

    fn write(&self, addr: usize, vm_flags: usize) {
        let guard = self.0.mm().write();
        if let Some(vma) = guard.vma_lookup(addr) {
            raw::vm_flags_set(vma.as_raw(), vm_flags);
        }
    }

    fn replace(&self, addr: usize) {
        // Another thread may be in the middle of the same: then it is that one's.
        if self.0.unmap(addr, LEN) == Ok(1) {
            self.0.map(addr, LEN, flags::READ).expect("it was just unmapped");
        }
    }
}

/// The mmap lock of this crate, for reads too.
pub(crate) struct MmapLock(pub(crate) PerVma);

impl Space for MmapLock {
    fn read(&self, addr: usize) -> Option<usize> {
        read_under_mmap_lock(&self.0.0.mm().read(), addr)
    }

    fn write(&self, addr: usize, vm_flags: usize) {
        self.0.write(addr, vm_flags);
    }

    fn replace(&self, addr: usize) {
        self.0.replace(addr);
    }
}

type Map = BTreeMap<usize, (usize, usize)>;

fn map(n_vmas: usize) -> Map {
    (0..n_vmas).map(|n| (address(n), (address(n) + LEN, flags::READ))).collect()
}

fn find(map: &Map, addr: usize) -> Option<usize> {
    let (_, &(end, vm_flags)) = map.range(..=addr).next_back()?;
    (addr < end).then_some(vm_flags)
}

fn set(map: &mut Map, addr: usize, vm_flags: usize) {
    if let Some((_, (end, old))) = map.range_mut(..=addr).next_back()
        && addr < *end
    {
        *old |= vm_flags;
    }
}

/// `std::sync::RwLock<BTreeMap>`.
pub(crate) struct Std(std::sync::RwLock<Map>);

impl Std {
    pub(crate) fn new(n_vmas: usize) -> Self {
        Self(std::sync::RwLock::new(map(n_vmas)))
    }
}

impl Space for Std {
    fn read(&self, addr: usize) -> Option<usize> {
        find(&self.0.read().expect("no panics"), addr)
    }

    fn write(&self, addr: usize, vm_flags: usize) {
        set(&mut self.0.write().expect("no panics"), addr, vm_flags);
    }

    fn replace(&self, addr: usize) {
        let removed = self.0.write().expect("no panics").remove(&addr);
        if removed.is_some() {
            self.0.write().expect("no panics").insert(addr, (addr + LEN, flags::READ));
        }
    }
}

/// `parking_lot::RwLock<BTreeMap>`.
pub(crate) struct ParkingLot(parking_lot_0_12::RwLock<Map>);

impl ParkingLot {
    pub(crate) fn new(n_vmas: usize) -> Self {
        Self(parking_lot_0_12::RwLock::new(map(n_vmas)))
    }
}

impl Space for ParkingLot {
    fn read(&self, addr: usize) -> Option<usize> {
        find(&self.0.read(), addr)
    }

    fn write(&self, addr: usize, vm_flags: usize) {
        set(&mut self.0.write(), addr, vm_flags);
    }

    fn replace(&self, addr: usize) {
        let removed = self.0.write().remove(&addr);
        if removed.is_some() {
            self.0.write().insert(addr, (addr + LEN, flags::READ));
        }
    }
}

/// A `parking_lot::RwLock` around this crate's own tree, so that the lock is compared and not the
/// tree. A lookup pins the epoch as well, because the tree has no other way in; under the lock that
/// would not be needed.
pub(crate) struct LockedTree(parking_lot_0_12::RwLock<PerVma>);

impl LockedTree {
    pub(crate) fn new(n_vmas: usize) -> Self {
        Self(parking_lot_0_12::RwLock::new(PerVma::new(n_vmas)))
    }
}

impl Space for LockedTree {
    fn read(&self, addr: usize) -> Option<usize> {
        let guard = self.0.read();
        let rcu = rcu_read_lock();
        let vma = VmaIterator::new(guard.0.mm(), addr).walk(&rcu)?;
        Some(vma.fields_unchecked().vm_flags())
    }

    fn write(&self, addr: usize, vm_flags: usize) {
        self.0.write().write(addr, vm_flags);
    }

    fn replace(&self, addr: usize) {
        self.0.write().replace(addr);
    }
}

/// xorshift64*.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).expect("31 bits fit") % n
    }
}

/// One read of a random VMA.
pub(crate) fn read_one(space: &dyn Space, random: &mut Random, n_vmas: usize) {
    black_box(space.read(address(random.below(n_vmas))));
}

/// The middle of `values`.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs this bench once more with the validator on, and says so; false in that child.
pub(crate) fn run_again_validated() -> bool {
    if std::env::var_os("VMALOCK_BENCH_CHILD").is_some() {
        return false;
    }
    let program = std::env::current_exe().expect("a running program has a path");
    let status = std::process::Command::new(program)
        .args(std::env::args().skip(1))
        .env("VMALOCK_BENCH_CHILD", "1")
        .env("LOCKDEP", "1")
        .status()
        .expect("this very program can be started");
    assert!(status.success(), "the validated run failed");
    true
}
