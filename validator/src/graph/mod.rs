//! The dependency graph: kinds, storage, incremental order, strong-path search, and the same for
//! single locks.
//!
//! Rooms, lowest first: `kind` ← `dependency` ← `adjacency`, `label` ← `order`, `search` ← `store`,
//! `instances`.

mod adjacency;
mod component;
pub(crate) mod dependency;
pub(crate) mod instances;
pub(crate) mod kind;
mod label;
pub(crate) mod search;
pub(crate) mod store;
pub(crate) mod topological;

pub(crate) use crate::base::dependency::DependencyKind;
pub use dependency::{Dependency, Gate, Gates, Sighting, Witness};
pub use instances::Instances;
pub use kind::{DependencyKinds, HeldMode, Kind, WantedMode};
pub use search::{PathStep, QueuedWriter, SearchFilter};
pub use store::{Added, Graph, Removed};
