//! Where in the program something happened.

/// A place in the program, as a token whose meaning only the embedder knows.
///
/// The engine stores and compares sites and never looks inside. A live process uses the address of
/// a [`core::panic::Location`], a replayed trace the location number of the trace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Site(pub u64);

impl Site {
    /// No place is known.
    pub const UNKNOWN: Self = Self(0);
}
