//! Which reports are denied: what decides exit codes, `LOCKDEP_ON_VIOLATION` and
//! `LOCKDEP_EXITCODE`.
//!
//! A live process and `cargo lockdep report` judge by the same rule, so it lives here, away from
//! both.

use std::fmt;

use super::exceptions::{Day, Exception, Subject};
use lockdep_validator::{Code, Level};

/// What is denied in general: `LOCKDEP_DENY`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Deny {
    /// Everything at this level or above.
    AtLeast(Level),
    /// These codes, at any level.
    Codes(Vec<Code>),
}

impl Default for Deny {
    /// Errors.
    fn default() -> Self {
        Self::AtLeast(Level::Error)
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
    /// use lockdep_report::policy::Deny;
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

    /// Returns whether reports of this code and level are denied.
    pub fn covers(&self, code: Code, level: Level) -> bool {
        match self {
            Self::AtLeast(least) => level >= *least,
            Self::Codes(codes) => codes.contains(&code),
        }
    }
}

/// What is denied, and what is excepted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Policy {
    /// What is denied in general.
    pub deny: Deny,
    /// What is excepted: `LOCKDEP_ALLOW`.
    pub allow: Vec<Exception>,
}

impl Policy {
    /// Returns whether a report of this code, level and fingerprint is denied on `today`. `classes`
    /// finds out the names and files of the classes that it is about, if an exception asks for
    /// them.
    pub fn is_denied(
        &self,
        code: Code,
        level: Level,
        fingerprint: u64,
        today: Day,
        classes: impl FnOnce() -> Vec<(String, String)>,
    ) -> bool {
        if !self.deny.covers(code, level) {
            return false;
        }
        let needs_classes = self.allow.iter().any(Exception::needs_classes);
        let classes = if needs_classes { classes() } else { Vec::new() };
        let subject = Subject { code, fingerprint, classes: &classes };
        !self.allow.iter().any(|exception| !exception.has_ended(today) && exception.covers(&subject))
    }
}

/// An item of `LOCKDEP_DENY` that means nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyError {
    item: String,
}

impl PolicyError {
    fn new(item: &str) -> Self {
        Self { item: item.to_owned() }
    }

    /// Returns the item.
    pub fn item(&self) -> &str {
        &self.item
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a lockdep code such as LD0003", self.item)
    }
}

impl std::error::Error for PolicyError {}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_denied(policy: &Policy, code: Code, level: Level, fingerprint: u64) -> bool {
        let today = Day::parse("2030-01-01").expect("a day");
        policy.is_denied(code, level, fingerprint, today, || vec![("accounts".into(), "src/a.rs".into())])
    }

    #[test]
    fn a_level_denies_what_is_above_it() {
        let levels = [Level::Error, Level::Warning, Level::Note];
        for (deny, denied) in [
            (None, [true, false, false]),
            (Some("errors"), [true, false, false]),
            (Some("warnings"), [true, true, false]),
            (Some("notes"), [true, true, true]),
        ] {
            let deny = deny.map_or_else(Deny::default, |text| Deny::parse(text).expect("a level"));
            let policy = Policy { deny, ..Policy::default() };
            let got = levels.map(|level| is_denied(&policy, Code::CircularDependency, level, 1));
            assert_eq!(got, denied, "{:?}", policy.deny);
        }
    }

    #[test]
    fn a_list_of_codes_denies_them_at_any_level() {
        let policy = Policy { deny: Deny::parse("LD0003").expect("a code"), ..Policy::default() };
        assert!(is_denied(&policy, Code::CircularDependency, Level::Note, 1));
        assert!(!is_denied(&policy, Code::Recursion, Level::Error, 1));
    }

    #[test]
    fn exceptions_win_until_they_end() {
        let mut policy = Policy::default();
        let lines =
            "LD0002 reason: lists\n00000000000000ff reason: known\nLD0001 until 2029-12-31 reason: soon";
        Exception::parse_file(lines, "f", |exception| policy.allow.push(exception)).expect("well formed");
        assert!(!is_denied(&policy, Code::SameClassOrder, Level::Error, 1));
        assert!(!is_denied(&policy, Code::CircularDependency, Level::Error, 0xff));
        assert!(is_denied(&policy, Code::CircularDependency, Level::Error, 0xfe));
        assert!(is_denied(&policy, Code::Recursion, Level::Error, 1), "it has ended");
        Exception::parse_file("class acc* reason: ours", "f", |exception| policy.allow.push(exception))
            .expect("well formed");
        assert!(!is_denied(&policy, Code::CircularDependency, Level::Error, 0xfe));
    }
}
