//! Colours, in the terminal's own sixteen, as compilers use them.

use lockdep_validator::Level;

/// The escape sequences that start each kind of text; all empty for plain text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Styles {
    /// The level of an error.
    pub error: &'static str,
    /// The level of a warning.
    pub warning: &'static str,
    /// The level of a note, and the marks of secondary places.
    pub note: &'static str,
    /// `help`.
    pub help: &'static str,
    /// Titles.
    pub strong: &'static str,
    /// Line numbers, bars and arrows.
    pub frame: &'static str,
    /// Ends any of them.
    pub reset: &'static str,
}

impl Styles {
    /// No colour.
    pub const PLAIN: Self =
        Self { error: "", warning: "", note: "", help: "", strong: "", frame: "", reset: "" };

    /// Colour, for a terminal.
    pub const COLOUR: Self = Self {
        error: "\x1b[1;31m",
        warning: "\x1b[1;33m",
        note: "\x1b[1;32m",
        help: "\x1b[1;36m",
        strong: "\x1b[1m",
        frame: "\x1b[1;34m",
        reset: "\x1b[0m",
    };

    /// Returns the style of a level.
    pub const fn level(&self, level: Level) -> &'static str {
        match level {
            Level::Error => self.error,
            Level::Warning => self.warning,
            Level::Note => self.note,
        }
    }

    /// `text` in `style`, one of the fields of `self`.
    pub(crate) fn paint(&self, style: &str, text: &str) -> String {
        if style.is_empty() { text.to_owned() } else { format!("{style}{text}{}", self.reset) }
    }
}
