//! Classes, held locks, chains and usage: what is remembered besides the graph.

pub(crate) mod acquired;
pub(crate) mod chains;
pub mod class;
pub mod class_order;
pub mod context;
pub(crate) mod elsewhere;
pub mod flow;
pub(crate) mod held;
pub(crate) mod overflow;
pub(crate) mod recent;
pub(crate) mod registry;
pub mod segment;
pub(crate) mod table;
pub mod task;
