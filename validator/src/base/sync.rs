//! The atomics of what tasks hand over to each other.
//!
//! They come from here so that the same sources can be compiled a second time over a model
//! checker's, by `tests/tests/hand_overs/`.

pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
