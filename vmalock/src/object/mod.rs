//! The objects: the address space, its tree, and the VMA, as memory that is recycled and never
//! freed.
//!
//! The rules by which they are locked are in `lock/`.

pub(crate) mod mm;
pub(crate) mod node;
pub(crate) mod node_edit;
pub(crate) mod node_pool;
pub(crate) mod tree;
pub(crate) mod vma;
