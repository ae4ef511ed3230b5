//! No list of held locks: loom's threads share one OS thread, and the models check exclusion
//! themselves.

use super::super::object::mm::Mm;
use super::super::object::vma::Vma;
use super::super::base::warn::Holder;

pub(crate) fn acquired(_mm: &Mm, _vma: &Vma, _is_on: bool) {}

pub(crate) fn released(_vma: &Vma, _is_on: bool) {}

pub(crate) fn check_may_block(_mm: &Mm) {}

pub(crate) fn check_not_in_rcu(_subject: usize) {}

pub(crate) fn holder(_vma: &Vma) -> Option<Holder> {
    None
}
