//! Reading `.config/lockdep.toml`: what is wrong in it gets the line, and the nearest name.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use lockdep_report::policy::Deny;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{self, Key, Kind};
use super::value::Value;
use crate::error::{Context as _, Error, Result};
use crate::input;

/// The profile that holds unless another one is chosen, and below each other one.
pub(crate) const DEFAULT_PROFILE: &str = "default";
/// The profile of CI, which may be chosen in each project.
pub(crate) const CI_PROFILE: &str = "ci";

/// A file as it was read: profiles, and in each the keys with value and line.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub(crate) profiles: BTreeMap<String, BTreeMap<&'static str, (Value, usize)>>,
}

impl File {
    /// Reads the file, which messages call `name`.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is not TOML, or has an unknown key or a value of another kind.
    pub(crate) fn read(path: &Path, name: &str) -> Result<Self> {
        let text = input::read_text(path).context(|| name.to_owned())?;
        Self::parse(&text, name)
    }

    /// Reads the text of the file.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub(crate) fn parse(text: &str, name: &str) -> Result<Self> {
        let reader = Reader { text, name };
        let table = DeTable::parse(text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            reader.malformed(span, error.message().trim())
        })?;
        let mut file = Self::default();
        for (key, value) in table.get_ref() {
            if key.get_ref() != "profile" {
                return Err(reader.unknown(key.span().start, "key", key.get_ref(), ["profile"].into_iter()));
            }
            let profiles = reader.table(value, "profile")?;
            for (profile, keys) in profiles {
                let keys = reader.profile(reader.table(keys, profile.get_ref())?)?;
                file.profiles.insert(profile.get_ref().clone().into_owned(), keys);
            }
        }
        Ok(file)
    }
}

/// The text, for the line that a message names.
struct Reader<'a> {
    text: &'a str,
    name: &'a str,
}

impl Reader<'_> {
    fn line(&self, at: usize) -> usize {
        1 + self.text.bytes().take(at).filter(|byte| *byte == b'\n').count()
    }

    fn error(&self, at: usize, message: &str) -> Error {
        Error::new(format_args!("{}:{}: {}", self.name, self.line(at), message.trim()))
    }

    /// What is no TOML. A mistaken key on the line is the likelier reason, so it is named first.
    fn malformed(&self, span: Range<usize>, message: &str) -> Error {
        let at = span.start;
        let line = self.text.lines().nth(self.line(at) - 1).unwrap_or_default();
        let key = line.split_once('=').map_or("", |(key, _)| key.trim());
        let near = keys::nearest(key, keys::KEYS.iter().map(|key| key.name));
        match near.filter(|_| keys::find(key).is_none()) {
            Some(_) => self.unknown(at, "key", key, keys::KEYS.iter().map(|key| key.name)),
            // The words that it is about, such as a key that stands there twice.
            None => match self.text.get(span).map(str::trim) {
                Some(words) if !words.is_empty() && !words.contains('\n') => {
                    self.error(at, &format!("{message}: `{words}`"))
                }
                _ => self.error(at, message),
            },
        }
    }

    fn unknown<'k>(&self, at: usize, what: &str, name: &str, known: impl Iterator<Item = &'k str>) -> Error {
        let known: Vec<&str> = known.collect();
        let remedy = match keys::nearest(name, known.iter().copied()) {
            Some(near) => format!("the nearest known one is `{near}`"),
            None => format!("the known ones are {}", known.join(", ")),
        };
        self.error(at, &format!("`{name}` is not a {what} of this file; {remedy}"))
    }

    fn table<'t>(&self, value: &'t Spanned<DeValue<'t>>, name: &str) -> Result<&'t DeTable<'t>> {
        let table = value.get_ref().as_table();
        table.ok_or_else(|| self.error(value.span().start, &format!("`{name}` has to be a table")))
    }

    fn profile(&self, table: &DeTable<'_>) -> Result<BTreeMap<&'static str, (Value, usize)>> {
        let mut values = BTreeMap::new();
        for (name, value) in table {
            let at = name.span().start;
            let Some(key) = keys::find(name.get_ref()) else {
                return Err(self.unknown(at, "key", name.get_ref(), keys::KEYS.iter().map(|key| key.name)));
            };
            values.insert(key.name, (self.value(key, value)?, self.line(at)));
        }
        Ok(values)
    }

    fn value(&self, key: &Key, value: &Spanned<DeValue<'_>>) -> Result<Value> {
        let at = value.span().start;
        let wrong = || self.error(at, &format!("`{}` has to be {}", key.name, key.kind.words()));
        let names = |value: &DeValue<'_>| -> Option<Vec<String>> {
            value.as_array()?.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
        };
        let given = value.get_ref();
        match key.kind {
            Kind::Flag => given.as_bool().map(Value::Flag).ok_or_else(wrong),
            Kind::Seconds => {
                let seconds = given.as_integer().filter(|number| number.radix() == 10);
                let seconds = seconds.and_then(|number| number.as_str().parse().ok());
                seconds.filter(|seconds| *seconds > 0).map(Value::Seconds).ok_or_else(wrong)
            }
            Kind::Signal => {
                let name = given.as_str().filter(|name| keys::is_signal(name));
                name.map(|name| Value::Word(name.to_owned())).ok_or_else(wrong)
            }
            Kind::Path => {
                let path = given.as_str().filter(|path| !path.is_empty());
                path.map(|path| Value::Path(path.into())).ok_or_else(wrong)
            }
            Kind::Names => names(given).map(Value::Names).ok_or_else(wrong),
            Kind::Deny => {
                let text = given.as_str().map(str::to_owned);
                let text = text.or_else(|| names(given).map(|codes| codes.join(","))).ok_or_else(wrong)?;
                let deny = Deny::parse(&text);
                let error = |error| self.error(at, &format!("{error}, nor errors, warnings or notes"));
                deny.map(|_| Value::Deny(text)).map_err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        File::parse(text, "f.toml").expect_err(text).to_string()
    }

    #[test]
    fn what_is_wrong_gets_its_line_and_the_nearest_name() {
        for (text, expected) in [
            (
                "[profile.ci]\n\ndenny = 'errors'",
                "f.toml:3: `denny` is not a key of this file; the nearest known one is `deny`",
            ),
            (
                "[profiles.ci]\ndeny = 'errors'",
                "f.toml:1: `profiles` is not a key of this file; the nearest known one is `profile`",
            ),
            ("[profile]\nci = 1", "f.toml:2: `ci` has to be a table"),
            (
                "[profile.ci]\nhang-signal = 'TERM'",
                "f.toml:2: `hang-signal` has to be \"HUP\", \"INT\", \"QUIT\", \"USR1\", \"USR2\", \"WINCH\", \"URG\", \"IO\", or \"RTMIN+\" and a number",
            ),
            (
                "[profile.ci]\ntimeout = 0",
                "f.toml:2: `timeout` has to be a whole number of seconds above zero",
            ),
            ("[profile.ci]\nsettle = 'yes'", "f.toml:2: `settle` has to be true or false"),
            ("[profile.ci]\nskip = 'a'", "f.toml:2: `skip` has to be a list of names"),
        ] {
            assert_eq!(error(text), expected);
        }
        assert!(error("[profile.ci]\ndeny = 'all'").starts_with("f.toml:2: "), "{}", error("[x]"));
        assert!(error("[profile.ci]\ndeny = ").starts_with("f.toml:2: "));
        assert_eq!(error("[profile.ci]\na = 1\na = 2"), "f.toml:3: duplicate key: `a`");
        let expected = "f.toml:2: `denny` is not a key of this file; the nearest known one is `deny`";
        assert_eq!(error("[profile.ci]\ndenny = "), expected);
        assert!(error("[profile.ci]\nzebra = 1").ends_with(
            "the known ones are deny, settle, timeout, hang-after, hang-signal, suspects, exceptions, order, overlays, features, skip"
        ));
    }

    #[test]
    fn each_kind_is_read() {
        let text = "[profile.default]\ndeny = ['LD0003', 'LD0001']\nsettle = true\ntimeout = 1_800\norder = 'o'\nskip = ['a']\n[profile.ci]";
        let file = File::parse(text, "f.toml").expect("it is right");
        let default = &file.profiles["default"];
        assert_eq!(default["deny"], (Value::Deny("LD0003,LD0001".into()), 2));
        assert_eq!(default["settle"], (Value::Flag(true), 3));
        assert_eq!(default["timeout"], (Value::Seconds(1800), 4));
        assert_eq!(default["order"], (Value::Path("o".into()), 5));
        assert_eq!(default["skip"], (Value::Names(vec!["a".into()]), 6));
        assert!(file.profiles["ci"].is_empty());
    }
}
