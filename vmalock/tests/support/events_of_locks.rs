//! The tests of `events.rs`.

use std::panic::Location;

use crate::build::assert::{
    mmap_assert_locked, mmap_assert_write_locked, vma_assert_attached, vma_assert_detached,
    vma_assert_locked, vma_assert_stabilised, vma_assert_write_locked,
};
use crate::build::attach::{vma_mark_attached, vma_mark_detached};
use crate::build::cache::VmaCache;
use crate::build::exclude::{ExcludeReaders, Target};
use crate::build::expand::expand_stack_locked;
use crate::build::find::{FaultOrigin, lock_mm_and_find_vma};
use crate::build::iterator::VmaIterator;
use crate::build::lookup::{lock_next_vma, lock_vma_under_rcu};
use crate::build::mapping::{Access, PAGE_SIZE, flags};
use crate::build::mm::{Mm, MmRef};
use crate::build::mmap_lock::{
    mmap_read_disown, mmap_read_lock, mmap_read_lock_killable, mmap_read_trylock, mmap_read_unlock,
    mmap_read_unlock_non_owner, mmap_write_downgrade, mmap_write_lock, mmap_write_lock_killable,
    mmap_write_lock_nested, mmap_write_unlock, vma_end_write_all,
};
use crate::build::rcu::rcu_read_lock;
use crate::build::space::AddressSpace;
use crate::build::task::{Task, TaskState};
use crate::build::vm_flags::{
    vm_flags_clear, vm_flags_init, vm_flags_mod, vm_flags_reset, vm_flags_set, vma_flag_set_atomic,
};
use crate::build::vma::Vma;
use crate::build::vma_lock::{
    is_vma_write_locked, raw_mm_seqnum, vma_end_read, vma_start_read, vma_start_read_locked,
    vma_start_read_locked_nested, vma_start_write, vma_start_write_killable,
};
use crate::build::warn::capture;
use crate::hook::{announced, measure};

const RW: usize = flags::READ | flags::WRITE;

/// How many lines below a check its body ends, at most.
const N_LINES: u32 = 6;

/// Runs `body`, which is written on the lines of this call: it announces `expected` and nothing
/// else, and every place that it names, also in warnings, is one of those lines.
#[track_caller]
fn check<R>(expected: &[&str], body: impl FnOnce() -> R) -> R {
    seed();
    let here = Location::caller();
    let ((result, warnings), events) = announced(|| capture(body));
    let seen: Vec<&str> = events.iter().map(|event| event.what.as_str()).collect();
    assert_eq!(seen, expected);
    let sites = events.iter().map(|event| event.site).chain(warnings.iter().map(|warning| warning.site));
    for site in sites.filter(|site| !is_the_crates_own(site)) {
        let lines = here.line()..here.line() + N_LINES;
        assert!(site.file() == here.file() && lines.contains(&site.line()), "{here}: names {site}");
    }
    result
}

/// Those few events have no place of their own: the crate's are left out of reports.
fn is_the_crates_own(site: &Location<'_>) -> bool {
    site.file().ends_with("dep.rs")
}

/// As [`check`], for a body that warns: all warnings name its lines, and there is at least one.
#[track_caller]
fn warns(expected: &[&str], body: impl FnOnce()) {
    let here = Location::caller();
    let (((), warnings), events) = announced(|| capture(body));
    let seen: Vec<&str> = events.iter().map(|event| event.what.as_str()).collect();
    assert_eq!(seen, expected);
    assert!(!warnings.is_empty(), "{here}: does not warn");
    let sites = events.iter().map(|event| event.site).chain(warnings.iter().map(|warning| warning.site));
    for site in sites {
        let lines = here.line()..here.line() + N_LINES;
        assert!(site.file() == here.file() && lines.contains(&site.line()), "{here}: names {site}");
    }
}

const fn page(n: usize) -> usize {
    n * PAGE_SIZE
}

fn space() -> AddressSpace {
    let space = AddressSpace::new();
    space.map(page(4), page(4), RW).unwrap();
    space.map(page(1000), page(4), RW | flags::GROWSDOWN).unwrap();
    space
}

fn vma_at(space: &AddressSpace, n: usize) -> &'static Vma {
    space.mm().mm_mt.covering(page(n)).unwrap()
}

fn raw_mm(space: &AddressSpace) -> &'static Mm {
    space.mm_ref().as_raw()
}

/// Runs `body` on a killed thread while the calling one holds the mmap lock for writing.
fn killed_behind_a_writer(mm: &Mm, body: impl FnOnce() + Send) {
    mmap_write_lock(mm);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            Task::current().kill();
            body();
        });
    });
    mmap_write_unlock(mm);
}

const WRITE: &str = "mmap_lock acquire Exclusive Blocking";
const READ: &str = "mmap_lock acquire Shared Blocking";
const EXCLUDE: &str = "vm_lock acquire Exclusive Blocking";

#[test]
fn raw_mmap_lock() {
    let mm = MmRef::new();
    check(&[WRITE], || mmap_write_lock(&mm));
    check(&["mmap_lock release"], || mmap_write_unlock(&mm));
    let child = MmRef::new();
    check(&["mmap_lock acquire Exclusive Blocking at Some(1)"], || mmap_write_lock_nested(&child, 1));
    mmap_write_unlock(&child);
    // Deeper than there are levels: the deepest.
    check(&["mmap_lock acquire Exclusive Blocking at Some(7)"], || mmap_write_lock_nested(&child, 200));
    mmap_write_unlock(&child);
    check(&[WRITE], || mmap_write_lock_killable(&mm).unwrap());
    check(&["mmap_lock downgrade"], || mmap_write_downgrade(&mm));
    check(&["mmap_lock release"], || mmap_read_unlock(&mm));
    check(&[READ], || mmap_read_lock(&mm));
    mmap_read_unlock(&mm);
    check(&[READ], || mmap_read_lock_killable(&mm).unwrap());
    mmap_read_unlock(&mm);
    check(&["mmap_lock try Shared"], || assert!(mmap_read_trylock(&mm)));
    check(&["mmap_lock handed over"], || mmap_read_disown(&mm));
    check(&[], || mmap_read_unlock_non_owner(&mm));
    killed_behind_a_writer(&mm, || {
        check(&[WRITE, "mmap_lock acquire failed"], || mmap_write_lock_killable(&mm).unwrap_err());
        check(&[READ, "mmap_lock acquire failed"], || mmap_read_lock_killable(&mm).unwrap_err());
        check(&[], || assert!(!mmap_read_trylock(&mm)));
    });
    // Made anew: a new life of the lock.
    drop(mm);
    let _made = check(&["mmap_lock initialised"], || MmRef::new());
}

#[test]
fn guards_of_the_mmap_lock() {
    let mm = MmRef::new();
    let by_guard = "mmap_lock release by a guard";
    check(&[WRITE, by_guard], || drop(mm.write()));
    check(&["mmap_lock acquire Exclusive Blocking at Some(1)", by_guard], || drop(mm.write_nested(1)));
    check(&[WRITE, by_guard], || drop(mm.write_killable().unwrap()));
    check(&[READ, by_guard], || drop(mm.read()));
    check(&[READ, by_guard], || drop(mm.read_killable().unwrap()));
    check(&["mmap_lock try Shared", by_guard], || drop(mm.try_read().unwrap()));
    let guard = mm.write();
    check(&["mmap_lock downgrade", by_guard], || drop(guard.downgrade()));
    let guard = mm.read();
    check(&["mmap_lock handed over"], || drop(guard.into_non_owner()));
    killed_behind_a_writer(&mm, || {
        check(&[WRITE, "mmap_lock acquire failed"], || assert!(mm.write_killable().is_err()));
        check(&[READ, "mmap_lock acquire failed"], || assert!(mm.read_killable().is_err()));
    });
}

#[test]
fn contention_is_measured() {
    let mm = MmRef::new();
    measure(true);
    check(&[WRITE], || mmap_write_lock(&mm));
    mmap_write_unlock(&mm);
    check(&[READ], || mmap_read_lock(&mm));
    mmap_read_unlock(&mm);
    measure(false);
    let (send, waits) = std::sync::mpsc::channel();
    mmap_write_lock(&mm);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            measure(true);
            send.send(()).unwrap();
            let (_, events) = announced(|| mmap_read_lock(&mm));
            let seen: Vec<&str> = events.iter().map(|event| event.what.as_str()).collect();
            assert_eq!(seen, [READ, "mmap_lock contended", "mmap_lock acquired"]);
            mmap_read_unlock(&mm);
        });
        waits.recv().unwrap();
        while mm.n_queued() == 0 {
            std::thread::yield_now();
        }
        mmap_write_unlock(&mm);
    });
}

#[test]
fn raw_vma_lock() {
    let mm = MmRef::new();
    let cache: &'static VmaCache = Box::leak(Box::new(VmaCache::new()));
    let vma = check(&["vm_lock initialised"], || cache.alloc(mm.as_raw()));
    mmap_write_lock(&mm);
    check(&[], || vma_start_write(vma));
    check(&[], || vma_mark_attached(vma));
    mmap_write_unlock(&mm);
    let rcu = check(&["vm_lock try Shared"], || vma_start_read(rcu_read_lock(), mm.as_raw(), vma).unwrap());
    drop(rcu);
    check(&["vm_lock release"], || vma_end_read(vma));
    mmap_read_lock(&mm);
    check(&["vm_lock try Shared"], || assert!(vma_start_read_locked(vma)));
    vma_end_read(vma);
    check(&["vm_lock try Shared"], || assert!(vma_start_read_locked_nested(vma, 1)));
    vma_end_read(vma);
    mmap_read_unlock(&mm);
    mmap_write_lock(&mm);
    check(&[EXCLUDE, "vm_lock release by a guard"], || vma_start_write(vma));
    check(&[], || vma_start_write(vma));
    vma_end_write_all(&mm);
    vma_end_write_all(&mm);
    check(&[EXCLUDE, "vm_lock release by a guard"], || vma_start_write_killable(vma).unwrap());
    check(&[], || vma_mark_detached(vma));
    let excluded = check(&[], || ExcludeReaders::start(vma, Target::Attached, TaskState::Killable));
    assert!(excluded.unwrap().is_none(), "detached");
    vma_mark_attached(vma);
    let excluded = check(&[EXCLUDE], || ExcludeReaders::start(vma, Target::Attached, TaskState::Killable));
    check(&["vm_lock release by a guard"], || assert!(!excluded.unwrap().unwrap().end()));
    vma_mark_detached(vma);
    cache.free(vma);
    mmap_write_unlock(&mm);
}

#[test]
fn an_interrupted_write_lock() {
    let space = space();
    let vma = vma_at(&space, 4);
    let reader = lock_vma_under_rcu(space.mm(), page(4)).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            mmap_write_lock(space.mm());
            Task::current().kill();
            let interrupted = [EXCLUDE, "vm_lock release by a guard"];
            check(&interrupted, || vma_start_write_killable(vma).unwrap_err());
            mmap_write_unlock(space.mm());
        });
    });
    drop(reader);
}

#[test]
fn lookups_and_guards_of_a_vma() {
    let space = space();
    let mm = raw_mm(&space);
    let (tried, by_guard) = ("vm_lock try Shared", "vm_lock release by a guard");
    check(&[tried, by_guard], || drop(lock_vma_under_rcu(mm, page(5)).unwrap()));
    check(&[], || assert!(lock_vma_under_rcu(mm, page(50)).is_none()));
    // The lock succeeds, the bounds do not fit.
    mm.mm_mt.edit(|edit| edit.store(page(4), page(9), vma_at(&space, 4)));
    check(&[tried, by_guard], || assert!(lock_vma_under_rcu(mm, page(8)).is_none()));
    let mut iterator = VmaIterator::new(mm, 0);
    check(&[tried, by_guard], || drop(lock_next_vma(rcu_read_lock(), &mut iterator, 0).1.unwrap()));
    // Found behind the caller: the way under the mmap lock.
    let fallen_back = [tried, by_guard, READ, tried, "mmap_lock release", by_guard];
    check(&fallen_back, || drop(lock_next_vma(rcu_read_lock(), &mut iterator, page(8)).1.unwrap()));
    let guard = space.mm().read();
    let vma = guard.vma_lookup(page(4)).unwrap();
    check(&[tried, by_guard], || drop(guard.start_read(vma).unwrap()));
    drop(guard);
    let guard = space.mm().write();
    let vma = guard.vma_lookup(page(4)).unwrap();
    check(&[EXCLUDE, by_guard], || guard.start_write(vma));
    let stack = guard.vma_lookup(page(1000)).unwrap();
    check(&[EXCLUDE, by_guard], || guard.start_write_killable(stack).unwrap());
    check(&[], || expand_stack_locked(&guard, stack, page(990)).unwrap());
    drop(guard);
    let guard = space.mm().write();
    let stack = guard.vma_lookup(page(1000)).unwrap();
    check(&[EXCLUDE, by_guard], || expand_stack_locked(&guard, stack, page(980)).unwrap());
}

#[test]
fn the_fault_path() {
    let space = space();
    let (might, tried, by_guard) =
        ("mmap_lock might acquire Shared", "mmap_lock try Shared", "mmap_lock release by a guard");
    check(&[might, tried, by_guard], || drop(lock_mm_and_find_vma(space.mm(), page(4), FaultOrigin::User)));
    // It must not wait, so it does not say that it might.
    check(&[tried, by_guard], || {
        drop(lock_mm_and_find_vma(space.mm(), page(4), FaultOrigin::KernelWithoutFixup));
    });
    let grown = [
        might,
        tried,
        by_guard,
        WRITE,
        EXCLUDE,
        "vm_lock release by a guard",
        "mmap_lock downgrade",
        by_guard,
    ];
    check(&grown, || drop(lock_mm_and_find_vma(space.mm(), page(990), FaultOrigin::User).unwrap()));
    let (vm_tried, vm_by_guard) = ("vm_lock try Shared", "vm_lock release by a guard");
    check(&[vm_tried, vm_by_guard], || space.fault(page(4), Access::Read).unwrap());
    // Anonymous memory is prepared under the mmap lock, which is only tried.
    let prepared = [vm_tried, tried, by_guard, vm_by_guard];
    check(&prepared, || space.fault(page(4), Access::Write).unwrap());
    check(&[might, tried, by_guard], || space.fault(page(2000), Access::Read).unwrap_err());
}

#[test]
fn operations_of_a_space() {
    let space = space();
    let (by_guard, vm_by_guard) = ("mmap_lock release by a guard", "vm_lock release by a guard");
    check(&[WRITE, "vm_lock initialised", by_guard], || space.map(page(20), page(4), RW).unwrap());
    let changed = [WRITE, EXCLUDE, vm_by_guard, by_guard];
    check(&changed, || space.protect(page(20), page(4), flags::READ).unwrap());
    let unmapped = [WRITE, EXCLUDE, vm_by_guard, "mmap_lock downgrade", by_guard];
    check(&unmapped, || space.unmap(page(20), page(4)).unwrap());
    let listed = ["vm_lock try Shared", vm_by_guard, "vm_lock try Shared", vm_by_guard];
    check(&listed, || space.maps().unwrap());
    let nested = "mmap_lock acquire Exclusive Blocking at Some(1)";
    let copied = [EXCLUDE, vm_by_guard, "vm_lock initialised"];
    let forked =
        [&[WRITE, "mmap_lock initialised", nested], &copied[..], &copied, &[by_guard, by_guard]].concat();
    let child = check(&forked, || space.fork().unwrap());
    drop(child);
}

/// A broken rule names the line that broke it, in the warning and to the validator.
#[test]
fn every_assertion_names_its_caller() {
    let mm = MmRef::new();
    let cache: &'static VmaCache = Box::leak(Box::new(VmaCache::new()));
    let vma = cache.alloc(mm.as_raw());
    let (not_held, not_exclusive) =
        ("mmap_lock asserted \"held\"", "mmap_lock asserted \"held exclusively\"");
    let (vm_not_held, vm_not_exclusive) =
        ("vm_lock asserted \"held\"", "vm_lock asserted \"held exclusively\"");
    let (attached, detached) = ("vm_lock broken: the VMA is attached", "vm_lock broken: the VMA is detached");
    warns(&[not_held], || assert!(!mmap_assert_locked(&mm)));
    warns(&[not_exclusive], || assert!(!mmap_assert_write_locked(&mm)));
    warns(&[not_exclusive], || assert!(!vma_assert_write_locked(vma)));
    warns(&[detached], || assert!(!vma_assert_locked(vma)));
    warns(&[detached], || assert!(!vma_assert_stabilised(vma)));
    warns(&[detached], || assert!(!vma_assert_attached(vma)));
    warns(&[not_exclusive], || drop(mm.raw_mm_seqnum().to_string()));
    warns(&[not_exclusive], || drop(raw_mm_seqnum(vma).to_string()));
    warns(&[not_exclusive], || drop(is_vma_write_locked(vma).to_string()));
    warns(&[not_exclusive], || vma_end_write_all(&mm));
    warns(&[not_exclusive, not_exclusive, not_exclusive], || vma_start_write(vma));
    // It is stamped now, and counts as write-locked.
    warns(&[not_exclusive], || vma_start_write_killable(vma).unwrap());
    warns(&[not_exclusive], || drop(ExcludeReaders::start(vma, Target::Attached, TaskState::Killable)));
    warns(&[not_held], || assert!(!vma_start_read_locked(vma)));
    warns(&[not_held], || assert!(!vma_start_read_locked_nested(vma, 1)));
    warns(&[not_exclusive], || vma_mark_attached(vma));
    warns(&[attached], || assert!(!vma_assert_detached(vma)));
    warns(&[attached], || vm_flags_init(vma, RW));
    warns(&[attached], || cache.free(vma));
    warns(&[vm_not_held], || assert!(!vma_assert_locked(vma)));
    warns(&[vm_not_held], || assert!(vma_flag_set_atomic(vma, flags::MAYBE_GUARD)));
    warns(&[not_exclusive], || vm_flags_reset(vma, RW));
    warns(&[not_exclusive], || vm_flags_set(vma, flags::EXEC));
    warns(&[not_exclusive], || vm_flags_clear(vma, flags::EXEC));
    warns(&[not_exclusive], || vm_flags_mod(vma, flags::EXEC, flags::READ));
    let guard = mm.write();
    warns(&[vm_not_exclusive], || vma_mark_detached(vma));
    drop(guard);
    let broken = "mmap_lock broken: the mmap lock is not held in this mode";
    warns(&["mmap_lock release"], || mmap_read_unlock(&mm));
    warns(&[broken], || mmap_read_unlock_non_owner(&mm));
    warns(&[not_exclusive, "mmap_lock release"], || mmap_write_unlock(&mm));
    warns(&[not_exclusive, "mmap_lock downgrade"], || mmap_write_downgrade(&mm));
}

/// The functions above are all there are: one that is added without a check of its place is
/// noticed.
#[test]
fn every_function_has_a_check() {
    let sources = [
        include_str!("../../src/lock/assert.rs"),
        include_str!("../../src/lock/attach.rs"),
        include_str!("../../src/guard/expand.rs"),
        include_str!("../../src/guard/find.rs"),
        include_str!("../../src/guard/lookup.rs"),
        include_str!("../../src/lock/mmap_lock.rs"),
        include_str!("../../src/guard/vm_flags.rs"),
        include_str!("../../src/lock/vma_lock.rs"),
    ];
    let here = include_str!("events_of_locks.rs");
    for source in sources {
        for (at, tracked) in source.match_indices("#[track_caller]") {
            let declared = &source[at + tracked.len()..];
            let declared = &declared[..declared.find('(').unwrap_or(0)];
            let Some((_, name)) = declared.rsplit_once("pub fn ") else { continue };
            let name = name.split('<').next().unwrap_or(name);
            assert!(here.contains(&format!("{name}(")), "{name} has no check of the caller's place");
        }
    }
}

/// The mutants that only what the validator receives can show, each in a run of its own. The tests
/// themselves do not know.
#[test]
fn every_mutant_of_the_announcements_is_noticed() {
    let program = std::env::current_exe().expect("a running program has a path");
    let mut n_runs = 0;
    for (mutant, tests) in crate::mutant_rows::ROWS {
        for test in tests.iter().filter_map(|test| test.strip_prefix("events::")) {
            let mut command = std::process::Command::new(&program);
            command
                .args(["--exact", &format!("events_of_locks::{test}")])
                .env("VMALOCK_EVENTS_MUTANT", mutant);
            let said = command.output().expect("this very program can be started");
            let said = String::from_utf8_lossy(&said.stdout);
            assert!(
                said.contains("test result: FAILED. 0 passed; 1 failed"),
                "{mutant} is not noticed by {test}: {said}"
            );
            n_runs += 1;
        }
    }
    assert_eq!(n_runs, 8, "as many as the table has");
}

/// Seeds what [`every_mutant_of_the_announcements_is_noticed`] asked for.
fn seed() {
    if let Ok(mutant) = std::env::var("VMALOCK_EVENTS_MUTANT") {
        assert!(crate::build::probe::seed(&mutant), "no mutant {mutant}");
    }
}
