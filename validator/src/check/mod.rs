//! The rules, one a file, and what they find.

pub(crate) mod circular;
pub(crate) mod cycle;
pub(crate) mod deadlock;
pub(crate) mod instance_order;
pub(crate) mod judge;
pub(crate) mod knowledge;
pub(crate) mod lowered;
pub(crate) mod misuse;
pub(crate) mod recursion;
pub(crate) mod shared;
pub(crate) mod signature;
pub(crate) mod unpublished;
pub(crate) mod usage;
pub(crate) mod users;
pub(crate) mod view;
pub(crate) mod violation;
pub(crate) mod wait_type;
pub(crate) mod waiting;
