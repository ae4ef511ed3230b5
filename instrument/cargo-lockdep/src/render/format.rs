//! The formats of `cargo lockdep report`.

use clap::ValueEnum;

/// The formats of `report`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people, like a compiler's errors.
    #[default]
    Text,
    /// One report a line.
    Json,
    /// One self-contained page.
    Html,
    /// The lock-order graph, for graphviz.
    Dot,
    /// The first cycle, drawn.
    Svg,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// JUnit XML, for CI servers.
    Junit,
    /// Workflow annotations of GitHub Actions.
    Github,
    /// Cargo's compiler messages, for editors.
    Rustc,
}
