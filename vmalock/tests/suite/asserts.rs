//! Group 12: the assertions, each where it must pass and where it must fail, and what misuse leads to.
//!
//! With lockdep and without: `groups.rs` runs everything a second time with it, and `storm.rs` has the rows that differ then.

use super::fixture::{RW, cache, lone_vma, page, raw_mm, space, try_read, vma_at};
use super::harness::{expect_warnings, spawn};
use crate::build::assert::{
    mmap_assert_locked, mmap_assert_write_locked, vma_assert_attached, vma_assert_detached,
    vma_assert_locked, vma_assert_stabilised, vma_assert_write_locked,
};
use crate::build::attach::{vma_mark_attached, vma_mark_detached};
use crate::build::exclude::{ExcludeReaders, Target};
use crate::build::lookup::lock_vma_under_rcu;
use crate::build::mapping::flags;
use crate::build::mm::{Mm, MmRef};
use crate::build::mmap_lock::vma_end_write_all;
use crate::build::refcnt::VM_REFCNT_EXCLUDE_READERS_FLAG as FLAG;
use crate::build::task::TaskState;
use crate::build::vm_flags;
use crate::build::vma::Vma;
use crate::build::vma_lock::{raw_mm_seqnum, vma_end_read, vma_start_read_locked, vma_start_write};
use crate::build::warn::{WarningKind as W, capture};

/// Which of the five assertions pass, in the order of the table in `assert.rs`. Each failure must warn.
fn row(mm: &Mm, vma: &Vma) -> [bool; 5] {
    let checks: [&dyn Fn() -> bool; 5] = [
        &|| mmap_assert_locked(mm),
        &|| mmap_assert_write_locked(mm),
        &|| vma_assert_write_locked(vma),
        &|| vma_assert_locked(vma),
        &|| vma_assert_stabilised(vma),
    ];
    checks.map(|check| {
        let (is_held, warnings) = capture(check);
        assert_eq!(is_held, warnings.is_empty(), "a failure warns, a success does not: {warnings:?}");
        is_held
    })
}

pub(crate) fn matrix() {
    let space = space(&[(4, 8)]);
    let (mm, vma) = (raw_mm(&space), vma_at(&space, 4));
    assert_eq!(row(mm, vma), [false; 5]);

    let guard = mm.read();
    assert_eq!(row(mm, vma), [true, false, false, false, true]);
    drop(guard);

    let guard = mm.write();
    assert_eq!(row(mm, vma), [true, true, false, false, true]);
    guard.start_write(guard.vma_lookup(page(4)).unwrap());
    assert_eq!(row(mm, vma), [true; 5]);
    // Another task's write lock is not ours, in any configuration.
    let other = spawn(move || {
        let (own, _) = capture(|| (mmap_assert_write_locked(mm), vma_assert_write_locked(vma)));
        own
    });
    assert_eq!(other.join(), (false, false));
    drop(guard);

    let guard = lock_vma_under_rcu(mm, page(4)).unwrap();
    assert_eq!(row(mm, vma), [false, false, false, true, true]);
    drop(guard);
}

pub(crate) fn every_misuse_warns() {
    let (mm, vma) = lone_vma();
    // Reading the raw sequence, under nothing and under the read lock.
    expect_warnings(&[W::MmapNotWriteLocked], || raw_mm_seqnum(vma));
    let guard = mm.read();
    expect_warnings(&[W::MmapNotWriteLocked], || mm.raw_mm_seqnum());
    drop(guard);
    let free = Box::leak(Box::new(Vma::new()));
    expect_warnings(&[W::VmaDetached], || raw_mm_seqnum(free));

    // Write-locking, attaching, detaching, ending all write locks, without the mmap write lock.
    let ((), warnings) = capture(|| vma_start_write(vma));
    assert!(!warnings.is_empty() && warnings.iter().all(|warning| warning.kind == W::MmapNotWriteLocked));
    assert!(warnings[0].site.file().ends_with("asserts.rs"), "it names the caller: {}", warnings[0]);
    assert_eq!(vma.vm_refcnt().read(), 1);
    let ((), warnings) = capture(|| vma_end_write_all(&mm));
    assert_eq!(warnings[0].kind, W::MmapNotWriteLocked);
    // Keeps the parity for what follows.
    let _ = capture(|| vma_end_write_all(&mm));
    let ((), warnings) = capture(|| vma_mark_detached(vma));
    assert_eq!(warnings[0].kind, W::MmapNotWriteLocked);
    let ((), warnings) = capture(|| vma_mark_attached(vma));
    assert_eq!(warnings[0].kind, W::MmapNotWriteLocked);

    // Not write-locked, and twice.
    let guard = mm.write();
    expect_warnings(&[W::VmaNotWriteLocked], || vma_mark_detached(vma));
    vma_start_write(vma);
    vma_mark_attached(vma);
    expect_warnings(&[W::VmaAttached], || vma_mark_attached(vma));
    vma_mark_detached(vma);
    expect_warnings(&[W::VmaDetached], || vma_mark_detached(vma));
    assert_eq!(vma.vm_refcnt().read(), 0, "a second detach changes nothing");
    expect_warnings(&[W::VmaDetached], || vma_assert_attached(vma));
    assert!(vma_assert_detached(vma));
    drop(guard);
    // The validator asks who holds it, and nobody does; without it the count is all that is known.
    let why = if lockdep::hook::is_on() { W::VmaNotLocked } else { W::VmaDetached };
    expect_warnings(&[why], || vma_assert_locked(vma));

    // Read-locking under nothing.
    let other = MmRef::new();
    let vma = cache().alloc(other.as_raw());
    expect_warnings(&[W::MmapNotLocked], || assert!(!vma_start_read_locked(vma)));
}

pub(crate) fn setters_need_the_write_lock() {
    let space = space(&[(4, 8)]);
    let vma = vma_at(&space, 4);
    let guard = space.mm().write();
    expect_warnings(&[W::VmaNotWriteLocked], || vm_flags::vm_flags_reset(vma, flags::READ));
    expect_warnings(&[W::VmaAttached], || vm_flags::vm_flags_init(vma, RW));
    vm_flags::vm_flags_set(vma, flags::EXEC);
    assert!(vma_assert_write_locked(vma), "it took the write lock itself");
    vm_flags::vm_flags_clear(vma, flags::WRITE);
    vm_flags::vm_flags_mod(vma, flags::WRITE, flags::EXEC);
    vm_flags::vm_flags_reset(vma, vma.fields_unchecked().vm_flags());
    assert_eq!(vma.fields_unchecked().vm_flags(), RW);
    drop(guard);
    expect_warnings(&[W::VmaNotLocked], || vm_flags::vma_flag_set_atomic(vma, flags::MAYBE_GUARD));
    let guard = space.mm().read();
    assert!(vm_flags::vma_flag_set_atomic(vma, flags::MAYBE_GUARD), "the mmap read lock suffices");
    assert!(!vm_flags::vma_flag_set_atomic(vma, flags::EXEC), "one flag only");
    drop(guard);
    assert_eq!(vma.fields_unchecked().vm_flags(), RW | flags::MAYBE_GUARD);
}

/// An exclusion that ends, ends; one that never was, says so.
pub(crate) fn exclusion_is_closed() {
    let (mm, vma) = lone_vma();
    let guard = mm.write();
    for _ in 0..2 {
        vma_start_write(vma);
        assert_eq!(vma.vm_refcnt().read(), 1, "the flag is gone after a write lock");
        vma_end_write_all(&mm);
        vma_end_write_all(&mm);
    }
    let excluded = ExcludeReaders::start(vma, Target::Attached, TaskState::Uninterruptible).unwrap().unwrap();
    assert_eq!(vma.vm_refcnt().read(), FLAG + 1);
    assert!(!excluded.end());
    let excluded = ExcludeReaders::start(vma, Target::Attached, TaskState::Uninterruptible).unwrap();
    drop(excluded);
    assert_eq!(vma.vm_refcnt().read(), 1, "a drop ends it as well");
    let excluded = ExcludeReaders::start(vma, Target::Attached, TaskState::Uninterruptible).unwrap().unwrap();
    vma.vm_refcnt().preset(1);
    expect_warnings(&[W::ExcludeNotActive], || assert!(!excluded.end()));
    drop(guard);
    assert!(try_read(mm.as_raw(), vma).is_ok());
    vma_end_read(vma);
}
