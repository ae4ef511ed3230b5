//! Interleavings of small traces.
