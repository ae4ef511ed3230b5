//! One report and what it means.

use lockdep_report::model::Report;

use super::policy::Judgement;

/// One report, who made it, and what it means.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) report: Report,
    /// The processes that made it; empty if only all of them together show it.
    pub(crate) runs: Vec<String>,
    pub(crate) judgement: Judgement,
    /// Its group, if it is about the same classes as others.
    pub(crate) group: Option<Membership>,
}

/// The group of a report, which has others in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Membership {
    /// The number of the report that stands for the group.
    pub(super) head: usize,
    pub(super) is_head: bool,
    /// The fingerprint of that report, which others of the group may share.
    pub(crate) fingerprint: String,
}
