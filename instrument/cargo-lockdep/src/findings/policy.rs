//! What makes a run fail: the denied levels and codes, and the exceptions from them, each with its
//! reason.
//!
//! The exceptions' own form is [`lockdep_report::exceptions`]'s.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) use lockdep_report::exceptions::Day;
use lockdep_report::exceptions::{Exception, Subject};
use lockdep_report::model::{Report, ReportClass};
use lockdep_report::policy::Deny;
use rustc_hash::FxHashSet;

use crate::error::{Context as _, Error, Result};
use crate::printable;
use crate::settings::Settings;

/// The name of the file that is read without being named.
pub(crate) const DEFAULT_FILE: &str = "lockdep.allow";

/// What is denied, and what is excepted.
#[derive(Debug, Default)]
pub(crate) struct CommandPolicy {
    deny: Deny,
    rules: Vec<Rule>,
}

/// One exception, and whether it was needed.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Rule {
    exception: Exception,
    n_used: usize,
    /// Whether an unused one is no surprise: it was given for one command.
    is_ad_hoc: bool,
}

/// Today, in UTC.
pub(crate) fn today() -> Day {
    Day::of_unix_seconds(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

impl CommandPolicy {
    /// The policy of the project and the environment: what is denied, `LOCKDEP_ALLOW`, and the
    /// project's file of exceptions, or `lockdep.allow` in `directory`, if it is there.
    ///
    /// # Errors
    ///
    /// If one of them is malformed; the message names the variable or the file and line.
    pub(crate) fn of(settings: &Settings, directory: &Path) -> Result<Self> {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let deny = match settings.deny() {
            None => Deny::default(),
            Some((given, origin)) => Deny::parse(given).map_err(|error| {
                Error::new(format_args!("{origin}: {error}, nor errors, warnings or notes"))
            })?,
        };
        let mut policy = Self { deny, rules: Vec::new() };
        for item in variable("LOCKDEP_ALLOW").split(',').map(str::trim).filter(|item| !item.is_empty()) {
            match item.strip_prefix('@') {
                Some(file) => policy.add_file(&directory.join(file))?,
                None => {
                    let exception = Exception::bare(item, "LOCKDEP_ALLOW").ok_or_else(|| {
                        Error::new(format_args!(
                            "LOCKDEP_ALLOW: `{item}` is neither a code (LD0003), nor a fingerprint (16 hexadecimal digits), nor @file"
                        ))
                    })?;
                    policy.rules.push(Rule { exception, n_used: 0, is_ad_hoc: true });
                }
            }
        }
        let file = settings.exceptions().map_or_else(|| directory.join(DEFAULT_FILE), Path::to_owned);
        if file.is_file() {
            policy.add_file(&file)?;
        }
        Ok(policy)
    }

    /// Adds the exceptions of a file.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or a line is malformed.
    pub(crate) fn add_file(&mut self, path: &Path) -> Result<()> {
        let text = crate::input::read_text(path).context(|| path.display().to_string())?;
        self.add_text(&text, &path.display().to_string())
    }

    fn add_text(&mut self, text: &str, file: &str) -> Result<()> {
        let add = |exception: Exception| {
            // The same file may be named twice.
            if !self.rules.iter().any(|known| known.exception.origin() == exception.origin()) {
                self.rules.push(Rule { exception, n_used: 0, is_ad_hoc: false });
            }
        };
        Exception::parse_file(text, file, add).map_err(Error::new)
    }

    /// Whether the report makes the run fail. Notes which exception was used.
    pub(crate) fn judge(&mut self, report: &Report, today: Day) -> Judgement {
        let Some(code) = report.code.known() else {
            // A newer writer's: better red than unseen.
            return Judgement::Denied;
        };
        if !self.deny.covers(code, report.level) {
            return Judgement::Tolerated;
        }
        let classes = classes(report);
        let fingerprint = u64::from_str_radix(&report.fingerprint, 16).unwrap_or_default();
        let subject = Subject { code, fingerprint, classes: &classes };
        let mut excepted = None;
        for rule in self.rules.iter_mut().filter(|rule| rule.exception.covers(&subject)) {
            rule.n_used += 1;
            if !rule.exception.has_ended(today) {
                excepted.get_or_insert_with(|| printable::line(rule.exception.reason()).into_owned());
            }
        }
        excepted.map_or(Judgement::Denied, Judgement::Excepted)
    }

    /// Sentences about exceptions that have run out or that nothing needs any more.
    pub(crate) fn complaints(&self, today: Day) -> Vec<String> {
        let rules = self.rules.iter().filter(|rule| !rule.is_ad_hoc);
        rules
            .filter_map(|rule| {
                let origin = rule.exception.origin();
                match rule.exception.until() {
                    _ if rule.n_used == 0 => {
                        Some(format!("{origin}: no report needs this exception; remove it"))
                    }
                    Some(until) if rule.exception.has_ended(today) => {
                        Some(format!("{origin}: this exception ended on {until} and no longer counts"))
                    }
                    _ => None,
                }
            })
            .collect()
    }
}

/// What a report means for the run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Judgement {
    /// It makes the run fail.
    Denied,
    /// Its level or code is not denied.
    Tolerated,
    /// It is excepted, for this reason.
    Excepted(String),
}

/// The classes that a report is about: those of its cycle if it has one. A file is also known by
/// the name of its crate's folder.
fn classes(report: &Report) -> Vec<(String, String)> {
    let is_about = |class: &&ReportClass| {
        report.cycle.is_empty() || report.cycle.iter().any(|step| step.from_hash == class.hash)
    };
    let about = report.classes.iter().filter(is_about);
    about
        .map(|class| (class.name.clone(), crate::records::labels::file_label(&class.site.file).to_owned()))
        .collect()
}

/// A report that is excepted, in a line.
pub(crate) fn excepted_line(report: &Report, reason: &str) -> String {
    // A title may hold anything that a type name holds, but no line break.
    let title = report.title.replace(['\n', '\r'], " ");
    format!("excepted: {} {} {title} ({reason})", report.code, report.fingerprint)
}

/// The lines of a baseline: those of the file so far, and everything that is denied now, excepted
/// with one reason. Reports that share a fingerprint share a line.
pub(crate) fn baseline(old: &str, reports: &[&Report], reason: &str) -> String {
    let mut text = old.to_owned();
    if text.is_empty() {
        text.push_str(
            "# The reports that existed when this file was written. New reports still fail the run.\n",
        );
    } else if !text.ends_with('\n') {
        text.push('\n');
    }
    let mut known = FxHashSet::default();
    for report in reports.iter().filter(|report| known.insert(report.fingerprint.as_str())) {
        // The title may hold anything that a type name holds, but no line break.
        let title = report.title.replace(['\n', '\r'], " ");
        text.push_str(&format!(
            "# {} {}: {title}\n{}  reason: {reason}\n",
            report.level.as_str(),
            report.code,
            report.fingerprint
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use lockdep_validator::{Code, Level};

    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).expect(text)
    }

    fn late() -> Day {
        day("2030-01-01")
    }

    fn report(code: Code, level: Level, fingerprint: &str) -> Report {
        let mut report = crate::records::fixture::inversion_report();
        (report.code, report.level, report.fingerprint) = (code.into(), level, fingerprint.into());
        report
    }

    fn policy(text: &str) -> CommandPolicy {
        let mut policy = CommandPolicy::default();
        policy.add_text(text, "f").expect(text);
        policy
    }

    #[test]
    fn exceptions_are_by_fingerprint_code_and_class() {
        let found = report(Code::CircularDependency, Level::Error, "00000000000000aa");
        for line in [
            "00000000000000AA reason: x",
            "LD0003 reason: x",
            "class * reason: x",
            "class src/*.rs reason: y",
        ] {
            assert!(matches!(policy(line).judge(&found, late()), Judgement::Excepted(_)), "{line}");
        }
        for line in [
            "00000000000000ab reason: x",
            "LD0002 reason: x",
            "class accounts reason: one of two is not enough",
        ] {
            assert_eq!(policy(line).judge(&found, late()), Judgement::Denied, "{line}");
        }
        for (level, judgement) in [
            (Level::Error, Judgement::Denied),
            (Level::Warning, Judgement::Tolerated),
            (Level::Note, Judgement::Tolerated),
        ] {
            let found = report(Code::CircularDependency, level, "b");
            assert_eq!(CommandPolicy::default().judge(&found, late()), judgement);
        }
    }

    #[test]
    fn an_exception_ends_and_says_so() {
        let found = report(Code::CircularDependency, Level::Error, "00000000000000aa");
        let mut policy = policy("LD0003 until 2029-12-31 reason: soon\nLD0001 reason: gone");
        let last_day = day("2029-12-31");
        assert_eq!(policy.judge(&found, last_day), Judgement::Excepted("soon".into()));
        assert_eq!(policy.judge(&found, late()), Judgement::Denied);
        insta::assert_debug_snapshot!(policy.complaints(late()), @r#"
        [
            "f:1: this exception ended on 2029-12-31 and no longer counts",
            "f:2: no report needs this exception; remove it",
        ]
        "#);
    }

    #[test]
    fn malformed_lines_are_named() {
        for line in ["LD0003", "LD0003 reason:", "LD9999 reason: x", "LD0003 until june reason: x"] {
            let error = CommandPolicy::default().add_text(&format!("\n{line}"), "a.allow").expect_err(line);
            assert!(error.to_string().starts_with("a.allow:2: "), "{error}");
        }
    }

    #[test]
    fn a_baseline_excepts_what_is_there_and_nothing_else() {
        let old = report(Code::CircularDependency, Level::Error, "00000000000000aa");
        let text = baseline("class legacy/*  reason: going away", &[&old, &old], "there before lockdep");
        assert_eq!(text.matches("00000000000000aa").count(), 1, "{text}");
        assert!(text.starts_with("class legacy/*  reason: going away\n# error LD0003"), "{text}");
        let mut policy = policy(&text);
        assert_eq!(policy.judge(&old, late()), Judgement::Excepted("there before lockdep".into()));
        assert_eq!(
            policy.judge(&report(Code::CircularDependency, Level::Error, "00000000000000bb"), late()),
            Judgement::Denied
        );
    }
}
