//! What makes a run fail: the denied levels and codes, and the exceptions from them, each with its reason.
//!
//! A suppression file (`lockdep.allow`, or any `@file` in `LOCKDEP_ALLOW`) has one exception a line:
//!
//! ```text
//! # comment
//! 0123456789abcdef  reason: the shards are locked in index order
//! LD0014            until 2027-03-31  reason: readers are re-entered in the importer, see #12
//! class tokio/*     reason: not ours
//! ```
//!
//! First a fingerprint, a code, or `class` and a pattern for the names and files of the classes of the cycle (all must
//! match; `*` stands for anything). Then, in any order, `until` with the last day and `reason:` with the rest of the line.

use std::fmt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use lockdep_validator::Code;
use lockdep_validator::report::model::Report;

use crate::error::{Context as _, Error, Result};

/// The name of the file that is read without being named.
pub(crate) const DEFAULT_FILE: &str = "lockdep.allow";

/// What is denied, and what is excepted.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    deny: Deny,
    rules: Vec<Rule>,
}

/// `LOCKDEP_DENY`.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Deny {
    /// Reports of this rank and above.
    Level(u8),
    Codes(Vec<Code>),
}

impl Default for Deny {
    fn default() -> Self {
        Self::Level(1)
    }
}

/// One exception.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Rule {
    what: What,
    reason: String,
    /// The last day on which it counts.
    until: Option<Day>,
    /// Where it stands, for messages.
    origin: String,
    n_used: usize,
    /// Whether nobody wonders if it is unused: it was given for one command.
    is_ad_hoc: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum What {
    Fingerprint(String),
    Code(Code),
    Classes(String),
}

/// A calendar day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Day {
    year: i64,
    month: u8,
    day: u8,
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl Day {
    /// Today, in UTC.
    pub(crate) fn today() -> Self {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self::from_days(i64::try_from(seconds / 86_400).unwrap_or_default())
    }

    /// The day that many days after 1970-01-01, by counting in eras of 400 years from a first of March.
    fn from_days(days: i64) -> Self {
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let small = |number: i64| u8::try_from(number).expect("months and days are small");
        Self { year, month: small(month), day: small(day) }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || year.len() != 4 || month.len() != 2 || day.len() != 2 {
            return None;
        }
        let day = Self { year: year.parse().ok()?, month: month.parse().ok()?, day: day.parse().ok()? };
        if (1..=12).contains(&day.month) && (1..=31).contains(&day.day) { Some(day) } else { None }
    }
}

impl Policy {
    /// The policy of the environment: `LOCKDEP_DENY`, `LOCKDEP_ALLOW`, and `lockdep.allow` in `directory` if it is there.
    ///
    /// # Errors
    ///
    /// If one of them is malformed; the message names the variable or the file and line.
    pub(crate) fn from_environment(directory: &Path) -> Result<Self> {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let mut policy = Self { deny: Deny::parse(&variable("LOCKDEP_DENY"))?, rules: Vec::new() };
        for item in variable("LOCKDEP_ALLOW").split(',').map(str::trim).filter(|item| !item.is_empty()) {
            match item.strip_prefix('@') {
                Some(file) => policy.add_file(&directory.join(file))?,
                None => {
                    let what = What::parse(item).ok_or_else(|| {
                        Error::new(format_args!(
                            "LOCKDEP_ALLOW: `{item}` is no code (LD0003), fingerprint (16 hexadecimal digits) or @file"
                        ))
                    })?;
                    policy.rules.push(Rule {
                        what,
                        reason: "LOCKDEP_ALLOW".to_owned(),
                        until: None,
                        origin: "LOCKDEP_ALLOW".to_owned(),
                        n_used: 0,
                        is_ad_hoc: true,
                    });
                }
            }
        }
        let default = directory.join(DEFAULT_FILE);
        if default.is_file() {
            policy.add_file(&default)?;
        }
        Ok(policy)
    }

    /// Adds the exceptions of a file.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or a line is malformed.
    pub(crate) fn add_file(&mut self, path: &Path) -> Result<()> {
        let text = std::fs::read_to_string(path).context(|| path.display().to_string())?;
        self.add_text(&text, &path.display().to_string())
    }

    fn add_text(&mut self, text: &str, file: &str) -> Result<()> {
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let origin = format!("{file}:{}", index + 1);
            let rule =
                Rule::parse(line, &origin).map_err(|why| Error::new(format_args!("{origin}: {why}")))?;
            if !self.rules.iter().any(|known| known.origin == rule.origin) {
                self.rules.push(rule);
            }
        }
        Ok(())
    }

    /// Whether the report makes the run fail. Notes which exception was used.
    pub(crate) fn judge(&mut self, report: &Report, today: Day) -> Judgement {
        let denied = match &self.deny {
            Deny::Level(lowest) => crate::records::rank(&report.level) >= *lowest,
            Deny::Codes(codes) => codes.iter().any(|code| code.as_str() == report.code),
        };
        if !denied {
            return Judgement::Tolerated;
        }
        let mut excepted = None;
        for rule in self.rules.iter_mut().filter(|rule| rule.what.covers(report)) {
            rule.n_used += 1;
            if rule.until.is_none_or(|until| today <= until) {
                excepted.get_or_insert_with(|| rule.reason.clone());
            }
        }
        excepted.map_or(Judgement::Denied, Judgement::Excepted)
    }

    /// Sentences about exceptions that have run out or that nothing needs any more.
    pub(crate) fn complaints(&self, today: Day) -> Vec<String> {
        let rules = self.rules.iter().filter(|rule| !rule.is_ad_hoc);
        rules
            .filter_map(|rule| match rule.until {
                Some(until) if today > until && rule.n_used > 0 => {
                    Some(format!("{}: this exception ended on {until} and no longer counts", rule.origin))
                }
                _ if rule.n_used == 0 => {
                    Some(format!("{}: nothing needs this exception any more; remove it", rule.origin))
                }
                _ => None,
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

impl Deny {
    fn parse(text: &str) -> Result<Self> {
        match text.trim() {
            "" | "warnings" => Ok(Self::Level(1)),
            "errors" => Ok(Self::Level(2)),
            "notes" => Ok(Self::Level(0)),
            codes => {
                let parse = |code: &str| {
                    Code::parse(code.trim()).ok_or_else(|| {
                        Error::new(format_args!(
                            "LOCKDEP_DENY: `{}` is not errors, warnings, notes or a comma list of codes such as LD0003",
                            code.trim()
                        ))
                    })
                };
                codes.split(',').map(parse).collect::<Result<Vec<_>>>().map(Self::Codes)
            }
        }
    }
}

impl What {
    fn parse(text: &str) -> Option<Self> {
        if let Some(code) = Code::parse(text) {
            return Some(Self::Code(code));
        }
        let is_fingerprint = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_fingerprint.then(|| Self::Fingerprint(text.to_ascii_lowercase()))
    }

    fn covers(&self, report: &Report) -> bool {
        match self {
            Self::Fingerprint(fingerprint) => *fingerprint == report.fingerprint,
            Self::Code(code) => code.as_str() == report.code,
            Self::Classes(pattern) => {
                let named = report.classes.iter();
                let mut about = named.filter(|class| {
                    report.cycle.is_empty() || report.cycle.iter().any(|step| step.from_hash == class.hash)
                });
                !report.classes.is_empty()
                    && about.all(|class| {
                        matches(pattern, &class.name)
                            || matches(pattern, &class.site.file)
                            || matches(pattern, crate::order::file_label(&class.site.file))
                    })
            }
        }
    }
}

impl Rule {
    fn parse(line: &str, origin: &str) -> std::result::Result<Self, String> {
        let (head, reason) =
            line.split_once("reason:").ok_or("an exception needs its reason: `… reason: why`")?;
        let reason = reason.trim();
        if reason.is_empty() {
            return Err("the reason is empty".to_owned());
        }
        let (head, until) = match head.split_once("until") {
            None => (head.trim(), None),
            Some((head, day)) => {
                let day = day.trim();
                let parsed =
                    Day::parse(day).ok_or_else(|| format!("`{day}` is no day such as 2027-03-31"))?;
                (head.trim(), Some(parsed))
            }
        };
        let what = match head.strip_prefix("class ") {
            Some(pattern) => What::Classes(pattern.trim().to_owned()),
            None => What::parse(head).ok_or_else(|| {
                format!(
                    "`{head}` is no fingerprint (16 hexadecimal digits), code (LD0003) or `class PATTERN`"
                )
            })?,
        };
        let (reason, origin) = (reason.to_owned(), origin.to_owned());
        Ok(Self { what, reason, until, origin, n_used: 0, is_ad_hoc: false })
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any characters.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}

/// The lines of a baseline: everything that is reported now, excepted with one reason.
pub(crate) fn baseline(reports: &[&Report], reason: &str) -> String {
    let mut text =
        String::from("# What was there when this file was written; new reports still fail the run.\n");
    for report in reports {
        // The title may hold anything that a type name holds, but no line break.
        let title = report.title.replace(['\n', '\r'], " ");
        text.push_str(&format!(
            "# {} {}: {title}\n{}  reason: {reason}\n",
            report.level, report.code, report.fingerprint
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: Day = Day { year: 2030, month: 1, day: 1 };

    fn report(code: &str, level: &str, fingerprint: &str) -> Report {
        let mut report = crate::records::fixture::inversion_report();
        (report.code, report.level, report.fingerprint) = (code.into(), level.into(), fingerprint.into());
        report
    }

    fn policy(text: &str) -> Policy {
        let mut policy = Policy::default();
        policy.add_text(text, "f").expect(text);
        policy
    }

    #[test]
    fn days_are_counted_as_calendars_do() {
        for (days, text) in
            [(0, "1970-01-01"), (59, "1970-03-01"), (11_016, "2000-02-29"), (20_779, "2026-11-22")]
        {
            assert_eq!(Day::from_days(days).to_string(), text);
            assert_eq!(Day::parse(text), Some(Day::from_days(days)));
        }
        for wrong in ["2026-13-01", "2026-1-1", "tomorrow", "2026-01-01-01", "2026-01-32"] {
            assert_eq!(Day::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn exceptions_are_by_fingerprint_code_and_class() {
        let found = report("LD0003", "error", "00000000000000aa");
        for line in [
            "00000000000000AA reason: x",
            "LD0003 reason: x",
            "class * reason: x",
            "class src/*.rs reason: y",
        ] {
            assert!(matches!(policy(line).judge(&found, LATE), Judgement::Excepted(_)), "{line}");
        }
        for line in [
            "00000000000000ab reason: x",
            "LD0002 reason: x",
            "class accounts reason: one of two is not enough",
        ] {
            assert_eq!(policy(line).judge(&found, LATE), Judgement::Denied, "{line}");
        }
        assert_eq!(Policy::default().judge(&report("LD0003", "note", "b"), LATE), Judgement::Tolerated);
    }

    #[test]
    fn an_exception_ends_and_says_so() {
        let found = report("LD0003", "error", "00000000000000aa");
        let mut policy = policy("LD0003 until 2029-12-31 reason: soon\nLD0001 reason: gone");
        let last_day = Day { year: 2029, month: 12, day: 31 };
        assert_eq!(policy.judge(&found, last_day), Judgement::Excepted("soon".into()));
        assert_eq!(policy.judge(&found, LATE), Judgement::Denied);
        insta::assert_debug_snapshot!(policy.complaints(LATE), @r#"
        [
            "f:1: this exception ended on 2029-12-31 and no longer counts",
            "f:2: nothing needs this exception any more; remove it",
        ]
        "#);
    }

    #[test]
    fn malformed_lines_are_named() {
        for line in ["LD0003", "LD0003 reason:", "LD9999 reason: x", "LD0003 until june reason: x"] {
            let error = Policy::default().add_text(&format!("\n{line}"), "a.allow").expect_err(line);
            assert!(error.to_string().starts_with("a.allow:2: "), "{error}");
        }
        assert!(Deny::parse("everything").is_err() && Deny::parse("LD0003, ld0014").is_ok());
    }

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, fits) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*b*", "axxb", true),
            ("*", "", true),
            ("a*c", "acd", false),
            ("ab*b", "ab", false),
            ("abc", "abc", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn a_baseline_excepts_what_is_there_and_nothing_else() {
        let old = report("LD0003", "error", "00000000000000aa");
        let text = baseline(&[&old], "there before lockdep");
        let mut policy = policy(&text);
        assert_eq!(policy.judge(&old, LATE), Judgement::Excepted("there before lockdep".into()));
        assert_eq!(policy.judge(&report("LD0003", "error", "00000000000000bb"), LATE), Judgement::Denied);
    }
}
