//! The words of a report: every sentence about a rule, its level and its repair is made here, when
//! it is printed.
//!
//! Nothing else compares or cuts these sentences; what a report says is decided by its data.

mod advice;
mod notes;
mod titles;
mod waits;

pub(super) use titles::title;

/// The sentences of a list.
pub(super) fn of<T: std::fmt::Display>(list: &[T]) -> Vec<String> {
    list.iter().map(T::to_string).collect()
}
