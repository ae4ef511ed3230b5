//! From a violation to what a person or a tool reads.
//!
//! [`build`] turns what the engine found into a [`model::Report`], asking its embedder what sites, stacks and tasks are
//! called. Everything in [`render`] is a pure function of that model (and, for source lines, of a
//! [`render::SourceText`]).

pub mod build;
pub mod exceptions;
pub mod frames;
pub mod holder;
pub mod model;
pub mod path;
pub mod policy;
pub mod render;

mod help;
mod names;
mod places;
mod printable;
pub mod told;
pub mod under_guard;
mod words;

#[cfg(test)]
mod tests;

pub use names::{short_name, short_type};
