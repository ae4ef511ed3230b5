//! What people and tools read of lockdep: reports, run records, lock-order files and replays of
//! events.
//!
//! The engine, `lockdep-validator`, knows none of this: it takes events and gives violations.
//! [`build`] turns a violation into a [`model::Report`] and asks its embedder what sites, stacks
//! and tasks are called. A report is data until it is printed: everything in [`render`] is a pure
//! function of that model and of a [`render::SourceText`]. This crate does no I/O either.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod advice;
pub mod await_path;
pub mod build;
pub mod code;
pub mod exceptions;
pub mod frames;
pub mod hang;
pub mod hang_report;
pub mod history;
pub mod holder;
pub mod lock_order;
pub mod model;
pub mod note;
pub mod path;
pub mod place;
pub mod policy;
pub mod printable;
pub mod record;
pub mod render;
#[cfg(feature = "read")]
pub mod replay;
pub mod under_guard;
pub mod wait_event;

mod detail;
mod foreign;
mod held_now;
mod help;
mod json;
mod modes;
mod names;
mod notes;
mod places;
mod printable_report;
mod sentences;
mod shared;
mod stored;
pub(crate) mod wire;

#[cfg(test)]
mod code_tests;
#[cfg(test)]
mod ring_tests;
#[cfg(test)]
mod tests;

pub use names::{short_name, short_type};

/// Runs the examples of the package's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
