//! Classes, held locks, chains and usage: what is remembered besides the graph.

pub mod class;
