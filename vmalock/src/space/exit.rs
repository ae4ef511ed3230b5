//! The end of an address space (`exit_mmap`): everything is unmapped when the last user is gone.

use std::panic::Location;
use std::time::{Duration, Instant};

use super::super::base::sync::{Ordering, has_passed};
use super::super::base::task::TaskStruct;
use super::super::base::warn::{Holder, WarningKind, warn_at, warn_held};
use super::super::guard::lookup_locked::is_of;
use super::super::guard::payload::VmaPayload;
use super::super::lock::attach::vma_mark_detached;
use super::super::lock::held;
use super::super::lock::vma_lock::vma_start_write;
use super::super::object::node::Entry;
use super::super::object::vma::Vma;
use super::address_space::AddressSpace;

/// How long the end of an address space waits for a reader to leave. Those of stale lookups by
/// others leave at once, unless their thread is kept from running, which on a busy machine takes
/// many times longer.
const LEAK: Duration = Duration::from_secs(1);

impl<P: VmaPayload> Drop for AddressSpace<P> {
    fn drop(&mut self) {
        // A guard of this thread cannot be dropped before this function returns. It was got through
        // an `MmRef`.
        let mine = held::hand_over(&self.mm);
        // A guard that this thread leaked, or got through an `MmRef`, holds the lock already. To
        // wait for it would be to wait for ourselves.
        let guard = if self.mm.mmap_lock.is_write_locked_by_me() {
            None
        } else if self.ends_nested {
            Some(self.mm.write_nested(1))
        } else {
            Some(self.mm.write())
        };
        let mut n_detached = 0;
        let mut is_told = self.mm.is_tree_stale();
        // By the tree's own keys: whatever the VMAs say, each turn takes one entry away.
        while let Some(Entry { start, vma, .. }) = self.mm.mm_mt.ending_above(0) {
            if !is_of(&self.mm, vma) {
                if !is_told {
                    warn_at(WarningKind::TreeStale, vma.address(), self.mm.made());
                }
                is_told = true;
                self.mm.mm_mt.edit(|edit| edit.clear(start));
                continue;
            }
            if let Some(holder) = holder_at_end(vma, &mine) {
                // Its reader will not leave in time. Waiting would hang, freeing would lie: it
                // stays, and says so.
                tell_held(vma, holder, self.mm.made());
                is_told = true;
                std::mem::forget(self.mm.clone());
                self.mm.mm_mt.edit(|edit| edit.clear(start));
                continue;
            }
            vma_start_write(vma);
            vma_mark_detached(vma);
            n_detached += 1;
            self.mm.mm_mt.edit(|edit| edit.clear(start));
            self.cache.free(vma);
        }
        // ORDERING: Relaxed; no other thread has the address space any more.
        if !is_told && n_detached != self.map_count.load(Ordering::Relaxed) {
            warn_at(WarningKind::MapCountMismatch, self.mm.address(), self.mm.made());
        }
        drop(guard);
    }
}

/// Announces a read lock that outlives its address space, at the place where it was taken if that
/// is known.
#[cold]
fn tell_held(vma: &Vma, holder: Option<Holder>, made: &'static Location<'static>) {
    let at = holder.map_or(made, |holder| holder.since);
    warn_held(WarningKind::ReadLockLeaked, vma.address(), at, holder);
}

/// Whether a read lock of `vma` outlives the address space, and whose it is if that is known.
fn holder_at_end(vma: &Vma, mine: &[(&'static Vma, Holder)]) -> Option<Option<Holder>> {
    if let Some((_, holder)) = mine.iter().find(|(mine, _)| mine.is_same(vma)) {
        return Some(Some(*holder));
    }
    if vma.vm_refcnt.read() <= 1 {
        return None;
    }
    let since = Instant::now();
    while vma.vm_refcnt.read() > 1 {
        if has_passed(since, LEAK) {
            return Some(held::holder(vma));
        }
        // Sleeps: a yield would not let those run who are ranked behind us.
        TaskStruct::current().sleep_up_to(Duration::from_millis(1));
    }
    None
}
