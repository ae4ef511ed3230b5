//! The code of a report.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use lockdep_validator::Code;

/// The code of a report: one that this version knows, or one that only a newer version knows.
///
/// ```
/// use lockdep_report::code::ReportCode;
/// use lockdep_validator::Code;
/// assert!(ReportCode::parse("LD0003") == Code::CircularDependency);
/// assert_eq!(ReportCode::parse("LD0099").known(), None);
/// assert_eq!(ReportCode::parse("LD0099").to_string(), "LD0099");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ReportCode {
    /// A code of this version.
    Known(Code),
    /// What a newer version wrote.
    Newer(String),
}

impl ReportCode {
    /// Reads what a report has as its code.
    pub fn parse(text: &str) -> Self {
        Code::parse(text).map_or_else(|| Self::Newer(text.to_owned()), Self::Known)
    }

    /// Returns the code if this version knows it.
    pub const fn known(&self) -> Option<Code> {
        match self {
            Self::Known(code) => Some(*code),
            Self::Newer(_) => None,
        }
    }

    /// Returns the code as people write it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(code) => code.as_str(),
            Self::Newer(text) => text,
        }
    }
}

impl From<Code> for ReportCode {
    fn from(code: Code) -> Self {
        Self::Known(code)
    }
}

impl PartialEq<Code> for ReportCode {
    fn eq(&self, code: &Code) -> bool {
        self.known() == Some(*code)
    }
}

impl PartialEq<str> for ReportCode {
    fn eq(&self, code: &str) -> bool {
        self.as_str() == code
    }
}

impl PartialEq<&str> for ReportCode {
    fn eq(&self, code: &&str) -> bool {
        self.as_str() == *code
    }
}

impl fmt::Display for ReportCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ReportCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ReportCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::parse(&std::borrow::Cow::<'_, str>::deserialize(deserializer)?))
    }
}
