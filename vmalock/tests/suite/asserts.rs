//! Group 12: the assertions, each where it must pass and where it must fail, and what misuse leads
//! to.
//!
//! With lockdep and without: `groups.rs` runs everything a second time with it, and `storm.rs` has
//! the rows that differ then.

use super::fixture::{RW, cache, lone_vma, page, raw_mm, space, try_read, vma_at};
use super::harness::{Stages, expect_warnings, spawn};
use crate::build::assert::{
    mmap_assert_locked, mmap_assert_write_locked, vma_assert_attached, vma_assert_detached,
    vma_assert_locked, vma_assert_stabilised, vma_assert_write_locked,
};
use crate::build::attach::{vma_mark_attached, vma_mark_detached};
use crate::build::exclude::{ExcludeReaders, Target};
use crate::build::expand::{CannotGrow, expand_stack_locked};
use crate::build::find::{FaultOrigin, lock_mm_and_find_vma};
use crate::build::held;
use crate::build::lookup::lock_vma_under_rcu;
use crate::build::mapping::flags;
use crate::build::mm::{Mm, MmRef};
use crate::build::mmap_lock::vma_end_write_all;
use crate::build::rcu::rcu_read_lock;
use crate::build::refcnt::VM_REFCNT_EXCLUDE_READERS_FLAG as FLAG;
use crate::build::task::Task;
use crate::build::task::TaskState;
use crate::build::vm_flags;
use crate::build::vma::Vma;
use crate::build::vma_lock::{
    is_vma_write_locked, raw_mm_seqnum, vma_end_read, vma_start_read_locked, vma_start_write,
};
use crate::build::warn::{WarningKind as W, capture};

/// Which of the five assertions pass, in the order of the table in `assert.rs`. Each failure must
/// warn.
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
    expect_warnings(&[W::MmapNotWriteLocked], || is_vma_write_locked(vma));
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
    // The validator knows that no thread holds it; without the validator only the count is known.
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

/// Two spaces, both locked, and a VMA of one with the guard of the other.
pub(crate) fn a_guard_of_another_space_changes_nothing() {
    let (a, b) = (space(&[]), space(&[(4, 8)]));
    b.map(page(1000), page(4), RW | flags::GROWSDOWN).unwrap();
    let (vma, stack) = (vma_at(&b, 4), vma_at(&b, 1000));
    let (ga, gb) = (a.mm().write(), b.mm().read());
    let write = expect_warnings(&[W::ForeignVma], || ga.start_write(gb.vma_lookup(page(4)).unwrap()));
    write.set_vm_flags(flags::READ);
    assert_eq!((vma.fields_unchecked().vm_flags(), vma.vm_refcnt().read()), (RW, 1));
    let killable = || ga.start_write_killable(gb.vma_lookup(page(4)).unwrap());
    expect_warnings(&[W::ForeignVma], killable).unwrap().set_vm_flags(flags::READ);
    assert_eq!(vma.fields_unchecked().vm_flags(), RW);
    let grown = || expand_stack_locked(&ga, gb.vma_lookup(page(1000)).unwrap(), page(990));
    assert_eq!(expect_warnings(&[W::ForeignVma], grown), Err(CannotGrow));
    assert_eq!(stack.fields_unchecked().vm_start(), page(1000));
    drop((ga, gb));
    let (ga, gb) = (a.mm().read(), b.mm().try_read().unwrap());
    assert!(expect_warnings(&[W::ForeignVma], || ga.start_read(gb.vma_lookup(page(4)).unwrap())).is_none());
    assert_eq!(vma.vm_refcnt().read(), 1);
    drop((ga, gb));
    // Its own guard, and no stack: an error, and no warning.
    let gb = b.mm().write();
    assert_eq!(expand_stack_locked(&gb, gb.vma_lookup(page(4)).unwrap(), page(2)), Err(CannotGrow));
    drop(gb);
}

/// Whatever may have to wait says so, whether it has to or not.
pub(crate) fn waiting_in_an_rcu_section_warns() {
    if !cfg!(debug_assertions) && !lockdep::hook::is_on() {
        return;
    }
    let space = space(&[(4, 8)]);
    let rcu = rcu_read_lock();
    expect_warnings(&[W::BlockedInRcuSection], || drop(space.mm().read()));
    let found = || lock_mm_and_find_vma(space.mm(), page(4), FaultOrigin::User).is_some();
    assert!(expect_warnings(&[W::BlockedInRcuSection], found));
    let guard = expect_warnings(&[W::BlockedInRcuSection], || space.mm().write());
    expect_warnings(&[W::BlockedInRcuSection], || vma_start_write(vma_at(&space, 4)));
    drop(guard);
    // What never waits may be done there.
    assert!(lock_vma_under_rcu(space.mm(), page(4)).is_some() && space.mm().try_read().is_some());
    drop(rcu);
}

/// What the warning about a writer that waits for long names.
pub(crate) fn the_holder_of_a_vma_is_known() {
    if !cfg!(debug_assertions) && !lockdep::hook::is_on() {
        return;
    }
    let space = space(&[(4, 8)]);
    let vma = vma_at(&space, 4);
    assert_eq!(held::holder(vma), None);
    let stages = Stages::new();
    let reader = {
        let (space, stages) = (std::sync::Arc::clone(&space), stages.clone());
        spawn(move || {
            let (guard, line) = (lock_vma_under_rcu(space.mm(), page(4)).unwrap(), line!());
            stages.signal(0);
            stages.wait_for(1);
            drop(guard);
            (Task::current().id(), line)
        })
    };
    stages.wait_for(0);
    let holder = held::holder(vma).expect("it is held");
    stages.signal(1);
    assert_eq!((holder.task, holder.since.line()), reader.join());
    assert_eq!(holder.since.file(), file!());
    assert_eq!(held::holder(vma), None);
}
