//! What was found: reports with what their sources show, judged, grouped; and what the runs together say besides.

pub(crate) mod coverage;
pub(crate) mod group;
pub(crate) mod hint;
pub(crate) mod order;
pub(crate) mod ownership;
pub(crate) mod policy;
pub(crate) mod repair;
