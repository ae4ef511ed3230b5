//! Which reports are denied, by `LOCKDEP_DENY` and `LOCKDEP_ALLOW`, as the watched processes judge them.

use std::fs;

use lockdep_validator::report::model::Report;
use lockdep_validator::report::policy::{Allow, Deny, Policy};
use lockdep_validator::{Code, Level};

use crate::error::{Context as _, Error, Result};

/// Decides what makes the run fail.
#[derive(Debug, Default)]
pub(super) struct Judge(Policy);

impl Judge {
    /// The policy of the environment.
    ///
    /// # Errors
    ///
    /// If a variable holds what it cannot mean, or names a file that cannot be read.
    pub(super) fn from_environment() -> Result<Self> {
        let variable = |name| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
        Self::parse(variable("LOCKDEP_DENY").as_deref(), variable("LOCKDEP_ALLOW").as_deref())
    }

    fn parse(deny: Option<&str>, allow: Option<&str>) -> Result<Self> {
        let deny = match deny {
            Some(text) => Deny::parse(text).map_err(|error| {
                let item = error.item();
                Error::new(format_args!(
                    "LOCKDEP_DENY: `{item}` is neither errors, warnings, notes nor a code such as LD0003"
                ))
            })?,
            None => Deny::default(),
        };
        let mut allowed = Allow::default();
        for item in allow.into_iter().flat_map(|text| text.split(',')).map(str::trim) {
            let text = match item.strip_prefix('@') {
                Some(path) => fs::read_to_string(path).context(|| format!("LOCKDEP_ALLOW: {path}"))?,
                None => item.to_owned(),
            };
            allowed.add(&text).map_err(|error| {
                Error::new(format_args!(
                    "LOCKDEP_ALLOW: `{}` is neither a code such as LD0003, a fingerprint of sixteen hexadecimal \
                     digits, nor @file",
                    error.item()
                ))
            })?;
        }
        Ok(Self(Policy { deny, allow: allowed }))
    }

    /// Whether the report makes the run fail. One that this version cannot read does: it is newer than we are.
    pub(super) fn is_denied(&self, report: &Report) -> bool {
        let level = [Level::Error, Level::Warning, Level::Note]
            .into_iter()
            .find(|level| level.as_str() == report.level);
        let fingerprint = u64::from_str_radix(&report.fingerprint, 16);
        match (Code::parse(&report.code), level, fingerprint) {
            (Some(code), Some(level), Ok(fingerprint)) => self.0.is_denied(code, level, fingerprint),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_nothing_is_named() {
        let deny = Judge::parse(Some("error"), None).expect_err("it is spelled errors").to_string();
        assert!(deny.contains("LOCKDEP_DENY") && deny.contains("`error`"), "{deny}");
        let allow = Judge::parse(None, Some("LD0003,never")).expect_err("never is no code").to_string();
        assert!(allow.contains("LOCKDEP_ALLOW") && allow.contains("`never`"), "{allow}");
        let file = Judge::parse(None, Some("@/no/such/file")).expect_err("there is no such file").to_string();
        assert!(file.contains("/no/such/file"), "{file}");
    }
}
