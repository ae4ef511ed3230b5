//! What a cycle was assessed as, and what stays below error until more is known.
//!
//! The rules fill these in, [`knowledge`](super::knowledge) keeps them, and [`judge`](super::judge)
//! gives them a level.

use super::violation::{Evidence, Level, Violation};
use crate::base::id::{ClassId, LockId};
use crate::graph::{Gates, PathStep};

/// A level and why.
#[derive(Clone, Debug)]
pub(crate) struct Assessment {
    pub(crate) level: Level,
    pub(crate) evidence: Evidence,
}

/// A violation below error that may rise.
#[derive(Clone, Debug)]
pub(crate) enum Lowered {
    /// A cycle of classes; the closing dependency last.
    Cycle(Vec<PathStep>),
    /// A cycle of single locks; the closing order last.
    Instances(Vec<PathStep<LockId>>),
    /// A fair read behind a fair read (LD0014), until a writer of the class is seen that nothing
    /// keeps apart from it.
    FairRead(Box<FairRead>),
}

/// A fair read behind a fair read (LD0014).
#[derive(Clone, Debug)]
pub(crate) struct FairRead {
    pub(crate) class: ClassId,
    /// What was held around all that were seen.
    pub(crate) gates: Gates,
    /// The one with the least around it.
    pub(crate) violation: Violation,
}
