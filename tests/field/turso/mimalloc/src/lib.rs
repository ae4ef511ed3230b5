//! Gives an extension the allocator that the program has.

pub use std::alloc::System as MiMalloc;
