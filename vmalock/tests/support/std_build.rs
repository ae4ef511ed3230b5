//! The crate's own sources, compiled a second time with the probes switched on.
//!
//! Nothing is copied: these are the files of `src/`. Only `probe` is the other one of its two
//! versions, so the tests can seed mutants, hold threads at points and read the steps, while the
//! crate that users get has none of it. It needs no second cargo run, no flags, and no second
//! target directory.

#[path = "../../src/base/mod.rs"]
pub(crate) mod base;
#[path = "../../src/guard/mod.rs"]
pub(crate) mod guard;
#[path = "../../src/lock/mod.rs"]
pub(crate) mod lock;
#[path = "../../src/object/mod.rs"]
pub(crate) mod object;
#[path = "../../src/probe/on.rs"]
pub(crate) mod probe;
#[path = "../../src/space/mod.rs"]
pub(crate) mod space;

// The tests name files, not rooms.
pub(crate) use base::{
    dep, events, rcu, rcuwait, refcnt, rwsem, seq, sleeper, static_ref, sync, task, trace, warn,
};
pub(crate) use guard::{
    expand, find, iterator, locked_vma, lookup, lookup_locked, mapping, mmap_guard, payload, tree_guard,
    vm_flags, vma_guard,
};
pub(crate) use lock::{assert, attach, exclude, held, mmap_lock, vma_lock};
pub(crate) use object::{mm, node, node_edit, node_pool, tree, vma};
pub(crate) use probe::{mutant, step};
pub(crate) use space::{
    cache, edit as space_edit, exit, fault as space_fault, names, remap as space_remap,
    section as space_guard,
};
pub(crate) use vma_guard::VmaReadGuard;
