//! No list of held locks: loom's threads share one OS thread, and the models check exclusion themselves.

use super::mm::Mm;
use super::vma::Vma;

pub(crate) fn acquired(_mm: &Mm, _vma: &Vma) {}

pub(crate) fn released(_vma: &Vma) {}

pub(crate) fn check_no_vma_lock(_mm: &Mm) {}
