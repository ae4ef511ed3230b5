//! The crate's own sources, compiled once more over loom's primitives, for `models.rs` and `mutants.rs`.
//!
//! A few files are other ones: `sync` and `sleeper` are loom's, `dep`, `held` and `rcu` are stubs, and a snapshot of the tree
//! is a list. Everything between is what users get.

macro_rules! sources {
    ($($name:ident = $path:literal;)*) => { $(#[path = $path] pub(crate) mod $name;)* };
}

#[macro_use]
#[path = "../../src/mutant.rs"]
pub(crate) mod mutant;

sources! {
    assert = "../../src/assert.rs";
    attach = "../../src/attach.rs";
    dep = "loom_dep.rs";
    events = "../../src/events.rs";
    exclude = "../../src/exclude.rs";
    held = "loom_held.rs";
    iterator = "../../src/iterator.rs";
    lookup = "../../src/lookup.rs";
    lookup_locked = "../../src/lookup_locked.rs";
    mm = "../../src/mm.rs";
    mmap_lock = "../../src/mmap_lock.rs";
    node = "loom_node.rs";
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
    vma_guard = "../../src/vma_guard.rs";
    vma_lock = "../../src/vma_lock.rs";
    warn = "../../src/warn.rs";
}
