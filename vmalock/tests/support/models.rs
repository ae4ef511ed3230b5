//! Models of the protocol for loom: every interleaving, and every value that the memory model lets
//! a load see, within a bound on preemptions.
//!
//! Each model names the invariants (I1 … I13 in `docs/src/vmalock-kernel.md`) that it checks. A
//! lost wake-up shows as a deadlock, which loom reports.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use loom::thread;

use crate::loom_build::attach::{vma_mark_attached, vma_mark_detached};
use crate::loom_build::iterator::VmaIterator;
use crate::loom_build::lookup::lock_next_vma;
use crate::loom_build::mm::MmRef;
use crate::loom_build::mmap_lock::{mmap_read_lock, mmap_read_unlock, mmap_write_lock, mmap_write_unlock};
use crate::loom_build::rcu::rcu_read_lock;
use crate::loom_build::refcnt::VM_REFCNT_EXCLUDE_READERS_FLAG as FLAG;
use crate::loom_build::task::Task;
use crate::loom_build::vma::Vma;
use crate::loom_build::vma_lock::{
    StartReadError, vma_end_read, vma_start_read, vma_start_write, vma_start_write_killable,
};

/// One model.
pub(crate) struct Model {
    pub(crate) name: &'static str,
    /// The invariants that it checks.
    pub(crate) invariants: &'static str,
    /// How often a thread may be preempted in one execution: as many as the mutants need to be
    /// noticed.
    n_preemptions: usize,
    body: fn(),
}

/// All models.
pub(crate) const MODELS: &[Model] = &[
    Model { name: "reader_writer", invariants: "I1 I2 I3 I5 I6", n_preemptions: 3, body: reader_writer },
    Model {
        name: "writer_sees_reader",
        invariants: "I5 I6 I11 I13",
        n_preemptions: 4,
        body: writer_sees_reader,
    },
    Model { name: "two_readers_one_writer", invariants: "I3 I5 I6 I13", n_preemptions: 1, body: two_readers },
    Model { name: "detach", invariants: "I4 I8 I13", n_preemptions: 3, body: detach },
    Model { name: "recycle", invariants: "I4 I7 I8 I9", n_preemptions: 3, body: recycle },
    Model { name: "killed_writer", invariants: "I10 I11 I12", n_preemptions: 2, body: killed_writer },
    Model { name: "speculation", invariants: "I1", n_preemptions: 3, body: speculation },
    Model { name: "two_writers", invariants: "I1 I3 I13", n_preemptions: 3, body: two_writers },
    Model { name: "walk_over_a_split", invariants: "I5 I7", n_preemptions: 3, body: walk_over_a_split },
    Model { name: "downgraded_writer", invariants: "I1 I6", n_preemptions: 3, body: downgraded_writer },
];

/// Runs the model called `name` in a process of its own, with `mutant` seeded; what it said when it
/// failed.
///
/// A process of its own because loom prints its debugging to stderr, and because a mutant may make
/// it run away.
pub(crate) fn check_in_child(name: &str, mutant: Option<&str>, limit: Duration) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = std::process::Command::new(program);
    command.args(["--model", name]).env("LOCKDEP", "0").env("RUST_BACKTRACE", "0");
    if let Some(mutant) = mutant {
        command.args(["--mutant", mutant]);
    }
    super::child::run(&mut command, limit)
}

/// What the child of [`check_in_child`] does, if this process is one.
pub(crate) fn is_child(args: &[String]) -> bool {
    let [option, name, rest @ ..] = args else { return false };
    if option != "--model" {
        return false;
    }
    if let [_, mutant] = rest {
        assert!(crate::loom_build::probe::seed(mutant), "no mutant {mutant}");
    }
    MODELS.iter().find(|model| model.name == name).expect("the parent took the name from the list").check();
    true
}

impl Model {
    /// Explores the model; panics at the first execution that breaks an invariant.
    pub(crate) fn check(&self) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(self.n_preemptions);
        builder.max_branches = 20_000;
        builder.check(self.body);
    }
}

/// An attached VMA with both bounds 1.
fn fixture() -> (MmRef, &'static Vma) {
    let mm = MmRef::new();
    let vma: &'static Vma = Box::leak(Box::new(Vma::new()));
    vma.init(mm.as_raw());
    set_bounds(vma, 1);
    mmap_write_lock(&mm);
    vma_start_write(vma);
    vma_mark_attached(vma);
    mmap_write_unlock(&mm);
    (mm, vma)
}

/// Both bounds always change together: a reader that sees them differ sees a torn VMA.
fn set_bounds(vma: &Vma, value: usize) {
    vma.fields_unchecked().set_vm_start(value);
    vma.fields_unchecked().set_vm_end(value);
}

/// Reads under the VMA read lock: the bounds, if the lock was available.
fn read(mm: &MmRef, vma: &'static Vma) -> Result<usize, StartReadError> {
    vma_start_read(rcu_read_lock(), mm.as_raw(), vma)?;
    let fields = vma.fields_unchecked();
    let seen = (fields.vm_start(), fields.vm_end());
    assert_eq!(seen.0, seen.1, "I6: torn read");
    vma_end_read(vma);
    Ok(seen.0)
}

fn at_rest(mm: &MmRef, vma: &Vma, count: u32) {
    assert_eq!(vma.vm_refcnt().read(), count, "I5");
    assert_eq!(mm.mm_lock_seq().read_relaxed() & 1, 0, "I1");
    assert_eq!(vma.vm_lock_seq() & 1, 1, "I2");
    assert!(!mm.has_waiting_writer(), "I11");
}

fn reader_writer() {
    let (mm, vma) = fixture();
    let reader = {
        let mm = mm.clone();
        thread::spawn(move || read(&mm, vma))
    };
    mmap_write_lock(&mm);
    vma_start_write(vma);
    assert_eq!(vma.vm_refcnt().read() & FLAG, 0, "I3");
    set_bounds(vma, 2);
    mmap_write_unlock(&mm);
    let seen = reader.join().unwrap();
    assert_ne!(seen, Err(StartReadError::Detached), "I4: it was attached throughout");
    at_rest(&mm, vma, 1);
}

/// What a reader stored under its lock, the writer that waited for it sees.
fn writer_sees_reader() {
    let (mm, vma) = fixture();
    let reader = {
        let mm = mm.clone();
        thread::spawn(move || {
            vma_start_read(rcu_read_lock(), mm.as_raw(), vma).ok()?;
            let before = vma.fields_unchecked().vm_start();
            vma.fields_unchecked().set_anon_vma(7);
            vma_end_read(vma);
            Some(before)
        })
    };
    mmap_write_lock(&mm);
    vma_start_write(vma);
    let stored = vma.fields_unchecked().anon_vma();
    set_bounds(vma, 2);
    mmap_write_unlock(&mm);
    // A reader that saw the old bounds was before the writer.
    if reader.join().unwrap() == Some(1) {
        assert_eq!(stored, 7, "I6: the writer did not see what the reader stored");
    }
    at_rest(&mm, vma, 1);
}

fn two_readers() {
    let (mm, vma) = fixture();
    let readers = [0, 1].map(|_| {
        let mm = mm.clone();
        thread::spawn(move || read(&mm, vma).is_ok())
    });
    mmap_write_lock(&mm);
    vma_start_write(vma);
    set_bounds(vma, 2);
    mmap_write_unlock(&mm);
    for reader in readers {
        reader.join().unwrap();
    }
    at_rest(&mm, vma, 1);
}

fn detach() {
    let (mm, vma) = fixture();
    let reader = {
        let mm = mm.clone();
        thread::spawn(move || read(&mm, vma))
    };
    mmap_write_lock(&mm);
    vma_start_write(vma);
    vma_mark_detached(vma);
    assert_eq!(vma.vm_refcnt().read(), 0, "I8: a reference is left");
    set_bounds(vma, 3);
    mmap_write_unlock(&mm);
    let seen = reader.join().unwrap();
    assert_ne!(seen, Ok(3), "I4: locked after it was detached");
    at_rest(&mm, vma, 0);
}

/// The VMA goes to another address space while a reader of the first one is on its way.
fn recycle() {
    let (a, vma) = fixture();
    let b = MmRef::new();
    // Plain program order: which life the object is in when the reader has its reference.
    let life = Arc::new(AtomicU32::new(1));
    let reader = {
        let (a, life) = (a.clone(), Arc::clone(&life));
        thread::spawn(move || {
            if vma_start_read(rcu_read_lock(), a.as_raw(), vma).is_ok() {
                assert_eq!(life.load(Ordering::SeqCst), 1, "I7: locked the VMA of another address space");
                assert_eq!(vma.fields_unchecked().vm_start(), 1, "I6");
                vma_end_read(vma);
            }
        })
    };
    mmap_write_lock(&a);
    vma_start_write(vma);
    vma_mark_detached(vma);
    mmap_write_unlock(&a);
    mmap_write_lock(&b);
    vma.init(b.as_raw());
    set_bounds(vma, 2);
    vma_start_write(vma);
    life.store(2, Ordering::SeqCst);
    vma_mark_attached(vma);
    mmap_write_unlock(&b);
    reader.join().unwrap();
    at_rest(&b, vma, 1);
    assert_eq!(a.n_references(), 1, "I9");
    assert_eq!(b.n_references(), 1, "I9");
}

/// A writer waits killably for a reader; another thread kills it at any moment.
fn killed_writer() {
    let (mm, vma) = fixture();
    let stamp = vma.vm_lock_seq();
    vma_start_read(rcu_read_lock(), mm.as_raw(), vma).map(drop).unwrap();
    // Not joined: loom's unpark also ends a join, which it then calls a bug.
    let n_done = Arc::new(loom::sync::atomic::AtomicUsize::new(0));
    let task = Task::current();
    let done = Arc::clone(&n_done);
    thread::spawn(move || {
        task.kill();
        done.fetch_add(1, Ordering::Release);
    });
    let done = Arc::clone(&n_done);
    thread::spawn(move || {
        vma_end_read(vma);
        done.fetch_add(1, Ordering::Release);
    });
    mmap_write_lock(&mm);
    let result = vma_start_write_killable(vma);
    assert!(mm.mmap_lock.is_write_locked_by_me(), "I12: the mmap lock is gone");
    match result {
        Ok(()) => assert_eq!(vma.vm_lock_seq(), mm.mm_lock_seq().read_relaxed()),
        Err(_) => {
            assert_eq!(vma.vm_refcnt().read() & FLAG, 0, "I12: the flag stayed");
            assert_eq!(vma.vm_lock_seq(), stamp, "I12: stamped");
        }
    }
    mmap_write_unlock(&mm);
    while n_done.load(Ordering::Acquire) != 2 {
        thread::yield_now();
    }
    at_rest(&mm, vma, 1);
}

fn speculation() {
    let (mm, vma) = fixture();
    let speculator = {
        let mm = mm.clone();
        thread::spawn(move || {
            let seq = mm.mm_lock_seq();
            if let Ok(sample) = seq.speculate_try_begin() {
                let seen = (vma.fields_unchecked().vm_start(), vma.fields_unchecked().vm_end());
                if !seq.speculate_retry(sample) {
                    assert_eq!(seen.0, seen.1, "a speculation that was not refused saw half a section");
                }
            }
        })
    };
    mmap_write_lock(&mm);
    set_bounds(vma, 2);
    mmap_write_unlock(&mm);
    speculator.join().unwrap();
    at_rest(&mm, vma, 1);
}

/// The rwsem excludes, wakes, and orders: each section reads what the last one stored.
fn two_writers() {
    let (mm, vma) = fixture();
    let section = |mm: &MmRef| {
        mmap_write_lock(mm);
        assert_eq!(mm.mm_lock_seq().read_relaxed() & 1, 1, "I1");
        let value = vma.fields_unchecked().vm_start();
        set_bounds(vma, value + 1);
        mmap_write_unlock(mm);
    };
    let other = {
        let mm = mm.clone();
        thread::spawn(move || section(&mm))
    };
    section(&mm);
    mmap_read_lock(&mm);
    let value = vma.fields_unchecked().vm_start();
    mmap_read_unlock(&mm);
    assert!(value == 2 || value == 3);
    other.join().unwrap();
    assert_eq!(vma.fields_unchecked().vm_start(), 3, "a section was lost");
    at_rest(&mm, vma, 1);
}

fn downgraded_writer() {
    let (mm, vma) = fixture();
    let reader = {
        let mm = mm.clone();
        thread::spawn(move || read(&mm, vma))
    };
    mmap_write_lock(&mm);
    vma_start_write(vma);
    set_bounds(vma, 2);
    crate::loom_build::mmap_lock::mmap_write_downgrade(&mm);
    assert_eq!(read(&mm, vma), Ok(2), "readable again under the downgraded lock");
    mmap_read_unlock(&mm);
    assert!(reader.join().unwrap().is_ok_and(|seen| seen == 1 || seen == 2) || vma.is_attached());
    at_rest(&mm, vma, 1);
}

/// A walk over [1, 3) and [5, 6), while another thread splits the first at 2. Whatever it meets, it
/// skips nothing of what is mapped all the time, and sees no gap where there is none
/// (`lock_next_vma`, `maps`).
fn walk_over_a_split() {
    let (mm, lower) = fixture();
    let vmas = [(); 2].map(|()| &*Box::leak(Box::new(Vma::new())));
    let [upper, last] = vmas;
    let publish = |vma: &'static Vma, start, end| {
        vma.init(mm.as_raw());
        set_range(vma, start, end);
        vma_start_write(vma);
        vma_mark_attached(vma);
    };
    mmap_write_lock(&mm);
    vma_start_write(lower);
    set_range(lower, 1, 3);
    publish(last, 5, 6);
    mm.mm_mt.edit(|edit| {
        edit.store(1, 3, lower);
        edit.store(5, 6, last);
    });
    mmap_write_unlock(&mm);
    let walker = {
        let mm = mm.clone();
        thread::spawn(move || {
            let mut iterator = VmaIterator::new(&mm, 0);
            let (mut rcu, mut from, mut seen) = (rcu_read_lock(), 1, Vec::new());
            loop {
                let next;
                (rcu, next) = lock_next_vma(rcu, &mut iterator, from);
                let Some(vma) = next.expect("no thread is killed, and there is room for readers") else {
                    break;
                };
                seen.push((vma.vm_start().max(from), vma.vm_end()));
                from = vma.vm_end();
            }
            drop(rcu);
            seen
        })
    };
    mmap_write_lock(&mm);
    vma_start_write(lower);
    publish(upper, 2, 3);
    set_range(lower, 1, 2);
    mm.mm_mt.edit(|edit| {
        edit.store(1, 2, lower);
        edit.store(2, 3, upper);
    });
    mmap_write_unlock(&mm);
    let seen = walker.join().unwrap();
    assert!(seen == [(1, 3), (5, 6)] || seen == [(1, 2), (2, 3), (5, 6)], "skipped something: {seen:?}");
    [lower, upper, last].iter().for_each(|vma| at_rest(&mm, vma, 1));
}

fn set_range(vma: &Vma, start: usize, end: usize) {
    vma.fields_unchecked().set_vm_start(start);
    vma.fields_unchecked().set_vm_end(end);
}
