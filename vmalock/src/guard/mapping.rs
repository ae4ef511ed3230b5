//! The words of the address space: pages, flags, mappings, and what can go wrong.

use super::super::base::task::Interrupted;
use super::super::object::vma::{POISON, VmaFields};

/// Size of a page: the granularity of all ranges.
pub const PAGE_SIZE: usize = 4096;

/// What must stay free below a growing stack.
pub const STACK_GUARD_GAP: usize = 16 * PAGE_SIZE;

/// The bits of `vm_flags` that are used here, with the kernel's values.
pub mod flags {
    /// `VM_READ`
    pub const READ: usize = 0x1;
    /// `VM_WRITE`
    pub const WRITE: usize = 0x2;
    /// `VM_EXEC`
    pub const EXEC: usize = 0x4;
    /// `VM_GROWSDOWN`: a stack.
    pub const GROWSDOWN: usize = 0x100;
    /// `VM_MAYBE_GUARD`: the one flag that may be set without the write lock.
    pub const MAYBE_GUARD: usize = 0x800;
}

/// What a fault wants to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// Read the page.
    Read,
    /// Write the page.
    Write,
}

/// Why an operation on the address space failed; it changed nothing, unless it says otherwise.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SpaceError {
    /// The range is empty, not page-aligned, or beyond the end of the address space (`-EINVAL`), or
    /// its offsets are too large (`-EOVERFLOW`).
    BadRange,
    /// Something is mapped in the range already (`-EEXIST`).
    Occupied,
    /// Nothing is mapped there (`-ENOMEM`, SIGSEGV).
    NotMapped,
    /// The mapping does not allow the access (SIGSEGV).
    AccessDenied,
    /// The task was killed while it waited (`-EINTR`).
    Interrupted,
}

impl std::fmt::Display for SpaceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::BadRange => {
                "the range is empty, not a multiple of PAGE_SIZE, or too large, or its offsets are"
            }
            Self::Occupied => "something is mapped in the range already: unmap it first",
            Self::NotMapped => "nothing is mapped at the address",
            Self::AccessDenied => "the mapping does not allow this access: protect() it otherwise",
            Self::Interrupted => "the task was killed while it waited for a lock",
        })
    }
}

impl std::error::Error for SpaceError {}

impl From<Interrupted> for SpaceError {
    fn from(Interrupted: Interrupted) -> Self {
        Self::Interrupted
    }
}

/// How a fault was resolved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Resolved {
    /// Offset of the page in what is mapped, in pages.
    pub pgoff: usize,
    /// Whether the per-VMA lock sufficed.
    pub under_vma_lock: bool,
}

/// One line of `/proc/<pid>/maps`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Mapping {
    /// First address.
    pub start: usize,
    /// First address after it.
    pub end: usize,
    /// See [`flags`].
    pub flags: usize,
    /// Offset of the range in what it maps, in pages.
    pub pgoff: usize,
}

impl Mapping {
    pub(crate) fn of(fields: &VmaFields) -> Self {
        Self {
            start: fields.vm_start(),
            end: fields.vm_end(),
            flags: fields.vm_flags(),
            pgoff: fields.vm_pgoff(),
        }
    }
}

impl Mapping {
    /// What is left of it from `addr` on: it may have been merged with what was listed before.
    // Kernel: prints the whole of it, so that two lines of /proc/<pid>/maps can overlap.
    pub(crate) fn starting_at(self, addr: usize) -> Self {
        let n_skipped = addr.saturating_sub(self.start);
        Self { start: self.start + n_skipped, pgoff: self.pgoff + n_skipped / PAGE_SIZE, ..self }
    }
}

/// Whether every page of the range, and the border behind it, has an offset (`-EOVERFLOW`).
pub(crate) fn check_offsets(pgoff: usize, start: usize, end: usize) -> Result<(), SpaceError> {
    pgoff.checked_add((end - start) / PAGE_SIZE).map(drop).ok_or(SpaceError::BadRange)
}

/// The end of a legal range.
pub(crate) fn check_range(start: usize, len: usize) -> Result<usize, SpaceError> {
    let end = start.checked_add(len).ok_or(SpaceError::BadRange)?;
    let is_aligned = start.is_multiple_of(PAGE_SIZE) && len.is_multiple_of(PAGE_SIZE);
    if len == 0 || !is_aligned || end > POISON { Err(SpaceError::BadRange) } else { Ok(end) }
}
