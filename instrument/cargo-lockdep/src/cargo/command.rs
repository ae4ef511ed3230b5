//! The commands of cargo that can be watched.

/// The cargo command that is wrapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CargoCommand {
    /// `cargo test`
    Test,
    /// `cargo run`
    Run,
    /// `cargo bench`
    Bench,
    /// `cargo build`
    Build,
    /// `cargo nextest`
    Nextest,
}

impl CargoCommand {
    /// The word behind `cargo`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Run => "run",
            Self::Bench => "bench",
            Self::Build => "build",
            Self::Nextest => "nextest",
        }
    }
}
