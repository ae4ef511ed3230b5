//! A value of the project's file.

use std::fmt::{self, Display};
use std::path::PathBuf;

/// A value, of the kind that its key wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Value {
    /// As `LOCKDEP_DENY` writes it.
    Deny(String),
    /// On or off.
    Flag(bool),
    /// A duration.
    Seconds(u64),
    /// A signal, or what a variable says in place of a number.
    Word(String),
    /// A file; relative ones start at the directory of the project.
    Path(PathBuf),
    /// Names.
    Names(Vec<String>),
}

impl Display for Value {
    /// As TOML writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |text: &str| toml::Value::String(text.to_owned());
        match self {
            Self::Deny(deny) if deny.contains(',') || deny.to_ascii_uppercase().starts_with("LD") => {
                let codes = deny.split(',').map(|code| text(code.trim()));
                write!(f, "{}", toml::Value::Array(codes.collect()))
            }
            Self::Deny(level) => write!(f, "{}", text(level)),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Seconds(seconds) => write!(f, "{seconds}"),
            Self::Word(word) => write!(f, "{}", text(word)),
            Self::Path(path) => write!(f, "{}", text(&path.to_string_lossy())),
            Self::Names(names) => {
                write!(f, "{}", toml::Value::Array(names.iter().map(|name| text(name)).collect()))
            }
        }
    }
}
