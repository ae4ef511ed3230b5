//! Renderers: pure functions of a [`Report`](super::model::Report), and of the source text its
//! embedder can read.

mod detail;
pub(crate) mod fold;
mod head;
mod interleave;
mod json;
mod labels;
mod number;
mod shorten;
mod snippet;
mod stacks;
mod style;
mod text;
mod threads;
mod wait;

pub use interleave::{Column, Interleaving, Step, how_it_hangs, interleaving};
pub use json::json_line;
pub use labels::{Label, Snippet};
pub use number::numbered;
pub use shorten::shortened;
pub use snippet::{index_of_column, snippets};
pub use style::Styles;
pub use text::{TextOptions, brief, headline, text};

/// Where renderers get source lines from. The validator does no I/O: its embedder reads files, or
/// has them already.
pub trait SourceText {
    /// The line `line` (from 1) of `file`, without its line break; `None` if it cannot be read.
    fn line(&self, file: &str, line: u32) -> Option<String>;
}

/// No source at all: places are printed without their text.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSource;

impl SourceText for NoSource {
    fn line(&self, _file: &str, _line: u32) -> Option<String> {
        None
    }
}
