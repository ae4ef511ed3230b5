//! The dependency graph: kinds, storage, incremental order, strong-path search, and the same for
//! single locks.
//!
//! Rooms, lowest first: `kind` ← `dependency` ← `adjacency`, `label` ← `order`, `search` ← `store`,
//! `instances`.

mod adjacency;
mod component;
pub mod dependency;
pub mod instances;
pub mod kind;
mod label;
pub mod search;
pub mod store;
pub mod topological;

pub use crate::base::dependency::DependencyKind;
pub use dependency::{Dependency, Gate, Gates, Sighting, Witness};
pub use instances::Instances;
pub use kind::{DependencyKinds, HeldMode, Kind, WantedMode};
pub use search::{PathStep, QueuedWriter, SearchFilter};
pub use store::{Added, Graph, Removed};
