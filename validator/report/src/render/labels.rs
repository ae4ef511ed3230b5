//! What an excerpt of source shows: places, and what is said about each. How it is drawn is in
//! `snippet.rs`.

use crate::place::Place;

/// A place with what is said about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// Where.
    pub place: Place,
    /// What.
    pub text: String,
    /// Whether this is what the excerpt is about (`^^^`), or what it has to be seen with (`---`).
    pub primary: bool,
    /// The class of the lock, for telling whose caller is named; may be empty.
    pub class: String,
    /// False if the caller of the place was seen on another path to it.
    pub exact: bool,
}

/// One excerpt: a heading and the places it shows together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snippet {
    /// A sentence above it; empty for the first, which stands under the title.
    pub heading: String,
    /// Its places; the first primary one gives its address.
    pub labels: Vec<Label>,
}
