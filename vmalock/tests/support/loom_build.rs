//! The crate's own sources, compiled once more over loom's primitives, for `models.rs` and `faults.rs`.
//!
//! Three files are other ones: `sync` is loom's, `rcu` and `tree` are stubs, because the models call the protocol on
//! VMAs that they hold in their hands. Everything between is what users get.

macro_rules! sources {
    ($($name:ident = $path:literal;)*) => { $(#[path = $path] pub(crate) mod $name;)* };
}

#[macro_use]
#[path = "../../src/fault.rs"]
pub(crate) mod fault;

sources! {
    assert = "../../src/assert.rs";
    attach = "../../src/attach.rs";
    dep = "loom_dep.rs";
    exclude = "../../src/exclude.rs";
    held = "loom_held.rs";
    mm = "../../src/mm.rs";
    mmap_lock = "../../src/mmap_lock.rs";
    probe = "../../src/probe_on.rs";
    rcu = "loom_rcu.rs";
    rcuwait = "../../src/rcuwait.rs";
    refcnt = "../../src/refcnt.rs";
    rwsem = "../../src/rwsem.rs";
    seq = "../../src/seq.rs";
    sleeper = "loom_sleeper.rs";
    static_ref = "../../src/static_ref.rs";
    step = "../../src/step.rs";
    sync = "loom_sync.rs";
    task = "../../src/task.rs";
    trace = "../../src/trace.rs";
    tree = "loom_tree.rs";
    vma = "../../src/vma.rs";
    vma_lock = "../../src/vma_lock.rs";
    warn = "../../src/warn.rs";
}
