//! What the user chose: the variables of the environment, and the files that they name.

pub(crate) mod config;
pub(crate) mod declared_order;
pub(crate) mod env;
pub(crate) mod suspects;
