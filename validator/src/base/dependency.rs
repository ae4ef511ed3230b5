//! A dependency as run records list it.

use super::acquisition::Acquisition;
use super::id::{LockId, TaskId};

/// The kind of a dependency as the kernel's reports name it: E or S for the holder, R or N for the
/// acquisition.
///
/// A report shows one of these four; the graph knows twelve, and they decide its level.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DependencyKind {
    /// `ER`: held exclusively, wanted by a recursive reader.
    ExclusiveRecursive,
    /// `EN`: held exclusively, wanted by anything else.
    ExclusiveNonrecursive,
    /// `SR`: held shared, wanted by a recursive reader.
    SharedRecursive,
    /// `SN`: held shared, wanted by anything else.
    SharedNonrecursive,
}

impl DependencyKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [
        Self::ExclusiveRecursive,
        Self::ExclusiveNonrecursive,
        Self::SharedRecursive,
        Self::SharedNonrecursive,
    ];

    /// Returns the two letters of the kernel's reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ExclusiveRecursive => "ER",
            Self::ExclusiveNonrecursive => "EN",
            Self::SharedRecursive => "SR",
            Self::SharedNonrecursive => "SN",
        }
    }

    /// Reads what [`DependencyKind::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The first sighting of one kind of one dependency (and, of suspect classes, of one pair of
/// instances).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewDependency {
    /// The lock that was held.
    pub from: Acquisition,
    /// The lock that was acquired.
    pub to: Acquisition,
    /// The task that did both.
    pub task: TaskId,
    /// The segment of that task.
    pub segment: u32,
    /// How the one was held and the other wanted.
    pub kind: DependencyKind,
    /// Whether it was seen without a lock in between, which would connect the two anyway.
    pub direct: bool,
    /// Whether no other thread could have `to`, as far as was seen. It is listed again once that is
    /// so no more.
    pub unpublished: bool,
    /// Other locks held exclusively around it, each the only one of its class so far.
    pub gates: Vec<LockId>,
    /// Other locks held exclusively around it, of classes with several.
    pub guards: Vec<LockId>,
}
