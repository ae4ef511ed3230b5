//! The crate's own sources, compiled once more over loom's primitives, for `models.rs` and
//! `mutants.rs`.
//!
//! A few files are other ones: `sync` and `sleeper` are loom's, `dep`, `held` and `rcu` are stubs,
//! and a snapshot of the tree is a list. Everything between is what users get.

macro_rules! sources {
    ($($name:ident = $path:literal;)*) => { $(#[path = $path] pub(crate) mod $name;)* };
}

#[path = "loom/base.rs"]
pub(crate) mod base;
#[path = "loom/guard.rs"]
pub(crate) mod guard;
#[path = "loom/lock.rs"]
pub(crate) mod lock;
#[path = "loom/object.rs"]
pub(crate) mod object;
#[path = "../../src/probe/on.rs"]
pub(crate) mod probe;

// The models name files, not rooms.
pub(crate) use base::{
    dep, events, rcu, rcuwait, refcnt, rwsem, seq, sleeper, static_ref, sync, task, trace, warn,
};
pub(crate) use guard::{iterator, lookup, lookup_locked, vma_guard};
pub(crate) use lock::{assert, attach, exclude, held, mmap_lock, vma_lock};
pub(crate) use object::{mm, node, tree, vma};
pub(crate) use probe::{mutant, step};
