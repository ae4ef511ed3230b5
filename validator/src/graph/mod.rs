//! The dependency graph: kinds, storage, incremental order, strong-path search.
