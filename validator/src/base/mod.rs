//! Ids, modes, sites and events: the words every other room uses.

pub mod acquisition;
pub mod counters;
pub mod dependency;
pub mod event;
pub mod held_record;
pub mod id;
pub(crate) mod mix;
pub mod mode;
pub mod query;
pub mod site;
pub(crate) mod sync;
