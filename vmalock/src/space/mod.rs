//! An address space that does work, on these locks only: map, unmap, protect, fork, faults, its
//! beginning and its end.
//!
//! Nothing below this room knows it: a program can build a space of its own on `guard/`.

pub(crate) mod address_space;
pub(crate) mod cache;
pub(crate) mod edit;
pub(crate) mod exit;
pub(crate) mod fault;
pub(crate) mod names;
pub(crate) mod remap;
pub(crate) mod section;

pub use address_space::AddressSpace;
