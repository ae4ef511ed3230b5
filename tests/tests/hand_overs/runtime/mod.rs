//! The runtime, as far as its hand-overs go.

pub(crate) mod identity;
mod interrupted;
pub(crate) mod memory;
pub(crate) mod task;

use interrupted::{count_all_unseen, count_unseen};
