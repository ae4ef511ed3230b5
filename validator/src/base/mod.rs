//! Ids, modes, sites and events: the words every other room uses.

pub mod event;
pub mod id;
pub mod mode;
pub mod site;
