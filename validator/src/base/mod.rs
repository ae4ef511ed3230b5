//! Ids, modes, sites and events: the words every other room uses.

pub(crate) mod acquisition;
pub(crate) mod counters;
pub(crate) mod dependency;
pub(crate) mod event;
pub(crate) mod held_record;
pub(crate) mod id;
pub(crate) mod mix;
pub(crate) mod mode;
pub(crate) mod query;
pub(crate) mod site;
pub(crate) mod sync;
