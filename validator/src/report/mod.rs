//! From a violation to what a person or a tool reads.
//!
//! [`build`] turns what the engine found into a [`model::Report`], asking its embedder what sites, stacks and tasks are
//! called. Everything in [`render`] is a pure function of that model (and, for source lines, of a
//! [`render::SourceText`]).

pub mod advice;
pub mod build;
pub mod code;
pub mod exceptions;
pub mod frames;
pub mod holder;
pub mod model;
pub mod note;
pub mod path;
pub mod place;
pub mod policy;
pub mod render;
pub mod told;
pub mod under_guard;

mod detail;
mod help;
mod modes;
mod names;
mod notes;
mod places;
mod printable;
mod sentences;
mod stored;
pub(crate) mod wire;

#[cfg(test)]
mod tests;

pub use names::{short_name, short_type};
