//! One acquisition as it is remembered: in the witness of a dependency, in a violation.

use super::id::{ClassId, LockId, StackId, Subclass};
use super::mode::{Mode, Wait};
use super::site::Site;

/// One acquisition that a violation points at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Acquisition {
    /// The lock object.
    pub lock: LockId,
    /// Its class, subclass included.
    pub class: ClassId,
    /// The nesting level it was taken at.
    pub subclass: Subclass,
    /// How it is held or wanted.
    pub mode: Mode,
    /// How its caller waited.
    pub wait: Wait,
    /// Its address then; zero if unknown.
    pub address: usize,
    /// Where.
    pub site: Site,
    /// The stack of the first sighting of its chain, if one was captured.
    pub stack: Option<StackId>,
    /// Whether `stack` is that of this very acquisition; else another path led to the same chain
    /// first.
    pub stack_exact: bool,
}
