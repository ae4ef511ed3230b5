//! The rules, one a file, and what they find.

pub mod violation;
