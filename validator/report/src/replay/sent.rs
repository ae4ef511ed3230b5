//! A message of a scenario that was sent.

use lockdep_validator::{Noted, Segment, Site};

/// A message that was sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    /// At the end of which segment.
    pub(super) segment: Segment,
    pub(super) at: Site,
    /// What its sender had acquired by then.
    pub(super) acquired: Vec<Noted>,
}
