//! Places in source text, and stacks of them.

use serde::{Deserialize, Serialize};

/// A place in source text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Place {
    /// The path as the compiler saw it; empty if unknown.
    pub file: String,
    /// From 1; zero if unknown.
    pub line: u32,
    /// From 1; zero if unknown.
    pub column: u32,
    /// The function around it, if the stack tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The first place outside a wrapper around the lock, if it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<Box<Place>>,
    /// Whether the function around it is known to give the guard to its caller, so that `caller` is
    /// the place that matters.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_wrapper: bool,
    /// Of a caller: the call through which it comes to the place, if that is not its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<Box<Place>>,
}

impl Place {
    /// Returns whether the place is known.
    pub fn is_known(&self) -> bool {
        !self.file.is_empty() && self.line != 0
    }

    /// Returns where the program asks for the lock: the caller's place if this one is known to be
    /// inside a wrapper.
    pub fn outside_wrapper(&self) -> &Self {
        self.caller.as_deref().filter(|_| self.in_wrapper).unwrap_or(self)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.file.is_empty(), self.line, self.column) {
            (true, ..) => f.write_str("an unknown place"),
            (_, 0, _) => f.write_str(&self.file),
            (_, line, 0) => write!(f, "{}:{line}", self.file),
            (_, line, column) => write!(f, "{}:{line}:{column}", self.file),
        }
    }
}

/// A stack, and whether it is that of the sighting itself.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Frames {
    /// False if another path may have led to the same chain.
    pub exact: bool,
    /// Innermost first, pruned.
    pub frames: Vec<Frame>,
    /// The stack of the first acquisition at the place, where it may not be this one: its callers
    /// may be others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first_seen: Vec<Frame>,
}

impl Frames {
    /// Returns whether no stack is known.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }
}

/// One frame of a stack.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Frame {
    /// The demangled function name.
    pub function: String,
    /// The source file; empty if unknown.
    pub file: String,
    /// From 1; zero if unknown.
    pub line: u32,
    /// From 1; zero if unknown.
    pub column: u32,
}
