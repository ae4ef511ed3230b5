//! Exceptions: reports that are known, each with its reason. One form for the running process,
//! `cargo lockdep test` and `cargo lockdep report`.
//!
//! A file of exceptions has one a line:
//!
//! ```text
//! # comment
//! 0123456789abcdef  reason: the shards are locked in index order
//! LD0014            until 2027-03-31  reason: readers are re-entered in the importer, see #12
//! class tokio-*     reason: not ours
//! ```
//!
//! First a fingerprint, a code, or `class` and a pattern for the names and files of the classes
//! that the report is about (all must match; `*` stands for anything). Then `until` with the last
//! day, if it ends, and `reason:` with the rest of the line.

use std::fmt;

use lockdep_validator::Code;

/// A calendar day, in UTC.
///
/// ```
/// use lockdep_report::exceptions::Day;
/// assert_eq!(Day::of_unix_seconds(951_782_400).to_string(), "2000-02-29");
/// assert_eq!(Day::parse("2000-02-30"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Day {
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
    /// Returns the day in which that many seconds after 1970 lie.
    pub fn of_unix_seconds(seconds: u64) -> Self {
        Self::from_days(i64::try_from(seconds / 86_400).unwrap_or_default())
    }

    /// The day that many days after 1970-01-01, by counting in eras of 400 years from a first of
    /// March.
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

    /// Reads `2027-03-31`; `None` if it is not such a day.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || year.len() != 4 || month.len() != 2 || day.len() != 2 {
            return None;
        }
        let day = Self { year: year.parse().ok()?, month: month.parse().ok()?, day: day.parse().ok()? };
        let is_leap = day.year % 4 == 0 && (day.year % 100 != 0 || day.year % 400 == 0);
        let n_days = match day.month {
            2 if is_leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        (1..=n_days).contains(&day.day).then_some(day)
    }
}

/// What an exception is held against.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The code of the report.
    pub code: Code,
    /// Its fingerprint.
    pub fingerprint: u64,
    /// The names of the classes that it is about, and the files in which their locks are made.
    pub classes: &'a [(String, String)],
}

/// One exception.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exception {
    what: What,
    reason: String,
    until: Option<Day>,
    origin: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum What {
    Fingerprint(u64),
    Code(Code),
    Classes(String),
}

impl Exception {
    /// Reads a code or a fingerprint alone, as a variable has it; `origin` says where it stands and
    /// is its reason.
    pub fn bare(item: &str, origin: &str) -> Option<Self> {
        let what = What::parse(item)?;
        Some(Self { what, reason: origin.to_owned(), until: None, origin: origin.to_owned() })
    }

    /// Reads the lines of a file; `file` is its name for messages. What is well formed before the
    /// first line that is not was passed to `take`.
    ///
    /// # Errors
    ///
    /// One sentence that names file, line, and what is wrong.
    pub fn parse_file(text: &str, file: &str, mut take: impl FnMut(Self)) -> Result<(), String> {
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let origin = format!("{file}:{}", index + 1);
            take(Self::parse(line, &origin).map_err(|why| format!("{origin}: {why}"))?);
        }
        Ok(())
    }

    fn parse(line: &str, origin: &str) -> Result<Self, String> {
        let (head, reason) =
            line.split_once("reason:").ok_or("an exception needs its reason: `… reason: why`")?;
        let reason = reason.trim();
        if reason.is_empty() {
            return Err("the reason is empty".to_owned());
        }
        let (head, until) = match head.split_once(" until ") {
            None => (head.trim(), None),
            Some((head, day)) => {
                let day = day.trim();
                let parsed =
                    Day::parse(day).ok_or_else(|| format!("`{day}` is not a day such as 2027-03-31"))?;
                (head.trim(), Some(parsed))
            }
        };
        let what = match head.strip_prefix("class ") {
            Some(pattern) => What::Classes(pattern.trim().to_owned()),
            None => What::parse(head).ok_or_else(|| {
                format!(
                    "`{head}` is neither a fingerprint (16 hexadecimal digits), nor a code (LD0003), nor `class PATTERN`"
                )
            })?,
        };
        Ok(Self { what, reason: reason.to_owned(), until, origin: origin.to_owned() })
    }

    /// Returns whether it is about this report, ended or not.
    pub fn covers(&self, subject: &Subject<'_>) -> bool {
        match &self.what {
            What::Fingerprint(fingerprint) => *fingerprint == subject.fingerprint,
            What::Code(code) => *code == subject.code,
            What::Classes(pattern) => {
                !subject.classes.is_empty()
                    && subject
                        .classes
                        .iter()
                        .all(|(name, file)| matches(pattern, name) || matches(pattern, file))
            }
        }
    }

    /// Returns whether its last day is over.
    pub fn has_ended(&self, today: Day) -> bool {
        self.until.is_some_and(|until| today > until)
    }

    /// Returns why the report is excepted.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Returns its last day, if it ends.
    pub fn until(&self) -> Option<Day> {
        self.until
    }

    /// Returns where it stands: a file and line, or a variable.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns whether [`covers`](Self::covers) looks at the classes: they need not be found out
    /// otherwise.
    pub fn needs_classes(&self) -> bool {
        matches!(self.what, What::Classes(_))
    }
}

impl What {
    fn parse(text: &str) -> Option<Self> {
        if let Some(code) = Code::parse(text) {
            return Some(Self::Code(code));
        }
        let is_fingerprint = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u64::from_str_radix(text, 16).ok().filter(|_| is_fingerprint).map(Self::Fingerprint)
    }
}

/// Returns whether `text` fits `pattern`, in which `*` stands for any characters.
pub fn matches(pattern: &str, text: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_as_calendars_do() {
        for (days, text) in
            [(0, "1970-01-01"), (59, "1970-03-01"), (11_016, "2000-02-29"), (20_779, "2026-11-22")]
        {
            assert_eq!(Day::from_days(days).to_string(), text);
            assert_eq!(Day::parse(text), Some(Day::from_days(days)));
        }
        for wrong in
            ["2026-13-01", "2026-1-1", "tomorrow", "2026-01-01-01", "2026-01-32", "2026-02-29", "2026-04-31"]
        {
            assert_eq!(Day::parse(wrong), None, "{wrong}");
        }
    }

    fn exception(line: &str) -> Exception {
        Exception::parse(line, "f:1").expect(line)
    }

    #[test]
    fn a_report_is_met_by_fingerprint_code_and_all_its_classes() {
        let classes =
            [("accounts".to_owned(), "src/a.rs".to_owned()), ("b".to_owned(), "src/b.rs".to_owned())];
        let subject = Subject { code: Code::CircularDependency, fingerprint: 0xaa, classes: &classes };
        for line in [
            "00000000000000AA reason: x",
            "LD0003 reason: x",
            "class * reason: x",
            "class src/*.rs until 2027-01-01 reason: x",
        ] {
            assert!(exception(line).covers(&subject), "{line}");
        }
        for line in [
            "00000000000000ab reason: x",
            "LD0002 reason: x",
            "class accounts reason: one of two is not enough",
        ] {
            assert!(!exception(line).covers(&subject), "{line}");
        }
        let nothing = Subject { classes: &[], ..subject };
        assert!(!exception("class * reason: x").covers(&nothing), "no class is not every class");
    }

    #[test]
    fn the_last_day_still_counts() {
        let ends = exception("LD0003 until 2029-12-31 reason: until then, and not until later");
        let day = |text| Day::parse(text).expect(text);
        assert!(!ends.has_ended(day("2029-12-31")) && ends.has_ended(day("2030-01-01")));
        assert_eq!(ends.reason(), "until then, and not until later");
        assert!(!exception("LD0003 reason: forever").has_ended(day("9999-12-31")));
    }

    #[test]
    fn malformed_lines_are_named() {
        for line in [
            "LD0003",
            "LD0003 reason:",
            "LD9999 reason: x",
            "LD0003 until june reason: x",
            "ff reason: a fingerprint has sixteen digits",
        ] {
            let mut n_taken = 0;
            let text = format!("# fine\nLD0001 reason: fine\n{line}");
            let error = Exception::parse_file(&text, "a.allow", |_| n_taken += 1).expect_err(line);
            assert!(error.starts_with("a.allow:3: "), "{error}");
            assert_eq!(n_taken, 1, "what came before counts");
        }
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
}
