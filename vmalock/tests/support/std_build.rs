//! The crate's own sources, compiled a second time with the probes switched on.
//!
//! Nothing is copied: these are the files of `src/`. Only `probe` is the other one of its two versions, so the tests can
//! seed mutants, hold threads at points and read the steps, while the crate that users get has none of it. It needs no
//! second cargo run, no flags, and no second target directory.

macro_rules! sources {
    ($($name:ident = $path:literal;)*) => { $(#[path = $path] pub(crate) mod $name;)* };
}

#[macro_use]
#[path = "../../src/mutant.rs"]
pub(crate) mod mutant;

sources! {
    assert = "../../src/assert.rs";
    attach = "../../src/attach.rs";
    cache = "../../src/cache.rs";
    dep = "../../src/dep.rs";
    events = "../../src/events.rs";
    exclude = "../../src/exclude.rs";
    exit = "../../src/exit.rs";
    expand = "../../src/expand.rs";
    find = "../../src/find.rs";
    held = "../../src/held.rs";
    iterator = "../../src/iterator.rs";
    locked_vma = "../../src/locked_vma.rs";
    lookup = "../../src/lookup.rs";
    lookup_locked = "../../src/lookup_locked.rs";
    mapping = "../../src/mapping.rs";
    mm = "../../src/mm.rs";
    mmap_guard = "../../src/mmap_guard.rs";
    mmap_lock = "../../src/mmap_lock.rs";
    names = "../../src/names.rs";
    node = "../../src/node.rs";
    node_edit = "../../src/node_edit.rs";
    node_pool = "../../src/node_pool.rs";
    payload = "../../src/payload.rs";
    probe = "../../src/probe_on.rs";
    rcu = "../../src/rcu.rs";
    rcuwait = "../../src/rcuwait.rs";
    refcnt = "../../src/refcnt.rs";
    rwsem = "../../src/rwsem.rs";
    seq = "../../src/seq.rs";
    sleeper = "../../src/sleeper.rs";
    space = "../../src/space.rs";
    space_edit = "../../src/space_edit.rs";
    space_fault = "../../src/space_fault.rs";
    space_guard = "../../src/space_guard.rs";
    space_remap = "../../src/space_remap.rs";
    static_ref = "../../src/static_ref.rs";
    step = "../../src/step.rs";
    sync = "../../src/sync.rs";
    task = "../../src/task.rs";
    trace = "../../src/trace.rs";
    tree = "../../src/tree.rs";
    tree_guard = "../../src/tree_guard.rs";
    vm_flags = "../../src/vm_flags.rs";
    vma = "../../src/vma.rs";
    vma_guard = "../../src/vma_guard.rs";
    vma_lock = "../../src/vma_lock.rs";
    warn = "../../src/warn.rs";
}

pub(crate) use vma_guard::VmaReadGuard;
