//! Classes, held locks, chains and usage: what is remembered besides the graph.

pub(crate) mod acquired;
pub(crate) mod chains;
pub(crate) mod class;
pub(crate) mod class_order;
pub(crate) mod context;
pub(crate) mod elsewhere;
pub(crate) mod flow;
pub(crate) mod held;
pub(crate) mod overflow;
pub(crate) mod recent;
pub(crate) mod registry;
pub(crate) mod room;
pub(crate) mod segment;
pub(crate) mod table;
pub(crate) mod task;
pub(crate) mod trail;
pub(crate) mod waiter;
