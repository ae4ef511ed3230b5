//! Which reports are denied: what decides exit codes, `LOCKDEP_ON_VIOLATION` and `LOCKDEP_EXITCODE`.
//!
//! A live process and `cargo lockdep report` judge by the same rule, so it lives here, away from both.

use std::fmt;

use crate::check::violation::{Code, Level};

/// What is denied in general: `LOCKDEP_DENY`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Deny {
    /// Everything at this level or above.
    AtLeast(Level),
    /// These codes, at any level.
    Codes(Vec<Code>),
}

impl Default for Deny {
    /// Warnings and errors.
    fn default() -> Self {
        Self::AtLeast(Level::Warning)
    }
}

impl Deny {
    /// Reads `errors`, `warnings`, `notes`, or a comma list of codes.
    ///
    /// # Errors
    ///
    /// Names the first item that is neither.
    ///
    /// ```
    /// use lockdep_validator::report::policy::Deny;
    /// use lockdep_validator::{Code, Level};
    ///
    /// assert_eq!(Deny::parse("errors"), Ok(Deny::AtLeast(Level::Error)));
    /// assert_eq!(Deny::parse("LD0003, ld0001"), Ok(Deny::Codes(vec![Code::CircularDependency, Code::Recursion])));
    /// assert_eq!(Deny::parse("LD0003,all").unwrap_err().item(), "all");
    /// ```
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        match text.trim() {
            "errors" => return Ok(Self::AtLeast(Level::Error)),
            "warnings" => return Ok(Self::AtLeast(Level::Warning)),
            "notes" => return Ok(Self::AtLeast(Level::Note)),
            _ => {}
        }
        items(text)
            .map(|item| Code::parse(item).ok_or_else(|| PolicyError::new(item)))
            .collect::<Result<_, _>>()
            .map(Self::Codes)
    }

    fn covers(&self, code: Code, level: Level) -> bool {
        match self {
            Self::AtLeast(least) => level >= *least,
            Self::Codes(codes) => codes.contains(&code),
        }
    }
}

/// What is excepted: `LOCKDEP_ALLOW`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Allow {
    codes: Vec<Code>,
    fingerprints: Vec<u64>,
}

impl Allow {
    /// Adds the codes and fingerprints of `text`: separated by commas or lines; `#` starts a comment that ends with its line.
    ///
    /// # Errors
    ///
    /// Names the first item that is neither a code nor sixteen hexadecimal digits. What came before it was added.
    pub fn add(&mut self, text: &str) -> Result<(), PolicyError> {
        for item in text.lines().flat_map(|line| items(line.split('#').next().unwrap_or_default())) {
            if let Some(code) = Code::parse(item) {
                self.codes.push(code);
            } else if item.len() == 16
                && let Ok(fingerprint) = u64::from_str_radix(item, 16)
            {
                self.fingerprints.push(fingerprint);
            } else {
                return Err(PolicyError::new(item));
            }
        }
        Ok(())
    }

    fn covers(&self, code: Code, fingerprint: u64) -> bool {
        self.codes.contains(&code) || self.fingerprints.contains(&fingerprint)
    }
}

/// The two together.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Policy {
    /// What is denied in general.
    pub deny: Deny,
    /// What is excepted.
    pub allow: Allow,
}

impl Policy {
    /// Whether a report of this code, level and fingerprint is denied.
    pub fn is_denied(&self, code: Code, level: Level, fingerprint: u64) -> bool {
        self.deny.covers(code, level) && !self.allow.covers(code, fingerprint)
    }
}

/// An item of `LOCKDEP_DENY` or `LOCKDEP_ALLOW` that means nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyError {
    item: String,
}

impl PolicyError {
    fn new(item: &str) -> Self {
        Self { item: item.to_owned() }
    }

    /// The item.
    pub fn item(&self) -> &str {
        &self.item
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is neither a code such as LD0003 nor a fingerprint of sixteen hexadecimal digits",
            self.item
        )
    }
}

impl std::error::Error for PolicyError {}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_denies_what_is_above_it() {
        let policy = Policy::default();
        assert!(policy.is_denied(Code::CircularDependency, Level::Error, 1));
        assert!(policy.is_denied(Code::CircularDependency, Level::Warning, 1));
        assert!(!policy.is_denied(Code::CircularDependency, Level::Note, 1));
    }

    #[test]
    fn a_list_of_codes_denies_them_at_any_level() {
        let policy = Policy { deny: Deny::parse("LD0003").expect("a code"), allow: Allow::default() };
        assert!(policy.is_denied(Code::CircularDependency, Level::Note, 1));
        assert!(!policy.is_denied(Code::Recursion, Level::Error, 1));
    }

    #[test]
    fn exceptions_win() {
        let mut policy = Policy::default();
        policy.allow.add("LD0002 # lists\n00000000000000ff,\n").expect("well formed");
        assert!(!policy.is_denied(Code::SameClassOrder, Level::Error, 1));
        assert!(!policy.is_denied(Code::CircularDependency, Level::Error, 0xff));
        assert!(policy.is_denied(Code::CircularDependency, Level::Error, 0xfe));
        assert_eq!(policy.allow.add("LD0001,ff").unwrap_err().item(), "ff");
    }
}
