//! The keys of `.config/lockdep.toml`: one table, from which reading, the schema, the file that
//! `init` writes and the page of the book are made.

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A level, or codes.
    Deny,
    /// `true` or `false`.
    Flag,
    /// Whole seconds, above zero.
    Seconds,
    /// The name of a signal that users may choose.
    Signal,
    /// The path of a file, below the directory of the project.
    Path,
    /// Names, in a list.
    Names,
}

impl Kind {
    /// What the value has to be, in words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Deny => "\"errors\", \"warnings\", \"notes\", or a list of codes",
            Self::Flag => "true or false",
            Self::Seconds => "a whole number of seconds above zero",
            Self::Signal => {
                "\"HUP\", \"INT\", \"QUIT\", \"USR1\", \"USR2\", \"WINCH\", \"URG\", \"IO\", or \"RTMIN+\" and a number"
            }
            Self::Path => "the path of a file",
            Self::Names => "a list of names",
        }
    }
}

/// A key of a profile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// What it does, in a sentence or two.
    pub(crate) meaning: &'static str,
    /// What holds where nothing is said, as TOML; empty for nothing.
    pub(crate) built_in: &'static str,
    /// What `init` shows.
    pub(crate) example: &'static str,
    /// The variable above it.
    pub(crate) variable: Option<&'static str>,
    /// The option above both.
    pub(crate) option: Option<&'static str>,
}

/// Above the key `overlays`. Not called `LOCKDEP_…`: it is nothing to the watched programs.
pub(super) const OVERLAYS_VARIABLE: &str = "CARGO_LOCKDEP_OVERLAYS";

/// All keys, in the order in which people read them.
pub(crate) const KEYS: [Key; 11] = [
    Key {
        name: "deny",
        kind: Kind::Deny,
        meaning: "Names the reports that make a run fail: those of a level and above, or of these codes.",
        built_in: "\"errors\"",
        example: "\"warnings\"",
        variable: Some("LOCKDEP_DENY"),
        option: None,
    },
    Key {
        name: "settle",
        kind: Kind::Flag,
        meaning: "Runs once more if the second run can settle the level of a report.",
        built_in: "false",
        example: "true",
        variable: None,
        option: Some("--settle"),
    },
    Key {
        name: "timeout",
        kind: Kind::Seconds,
        meaning: "Ends a run this many seconds after its first program started.",
        built_in: "",
        example: "1800",
        variable: None,
        option: Some("--timeout"),
    },
    Key {
        name: "hang-after",
        kind: Kind::Seconds,
        meaning: "Has a process write a hang report when no watched thread has moved for so many seconds.",
        built_in: "",
        example: "60",
        variable: Some("LOCKDEP_HANG_AFTER"),
        option: None,
    },
    Key {
        name: "hang-signal",
        kind: Kind::Signal,
        meaning: "Has a process write a hang report when it gets this signal. The process goes on.",
        built_in: "",
        example: "\"USR1\"",
        variable: Some("LOCKDEP_HANG_SIGNAL"),
        option: None,
    },
    Key {
        name: "suspects",
        kind: Kind::Path,
        meaning: "Names a file of lock classes whose locks are distinguished from the start.",
        built_in: "",
        example: "\".config/lockdep.suspects\"",
        variable: Some("LOCKDEP_SUSPECTS"),
        option: None,
    },
    Key {
        name: "exceptions",
        kind: Kind::Path,
        meaning: "Names the file of exceptions. `LOCKDEP_ALLOW` and `--allow` add to it.",
        built_in: "\"lockdep.allow\"",
        example: "\".config/lockdep.allow\"",
        variable: None,
        option: None,
    },
    Key {
        name: "order",
        kind: Kind::Path,
        meaning: "Names the lock-order file. Each run enforces the orders that it declares.",
        built_in: "",
        example: "\"lockdep.order\"",
        variable: Some("LOCKDEP_ORDER"),
        option: None,
    },
    Key {
        name: "overlays",
        kind: Kind::Flag,
        meaning: "Compiles tokio from a patched copy of its sources, so that its tasks and async locks are watched.",
        built_in: "true",
        example: "false",
        variable: Some(OVERLAYS_VARIABLE),
        option: None,
    },
    Key {
        name: "features",
        kind: Kind::Names,
        meaning: "Passes these features to cargo, unless the command line chooses features.",
        built_in: "[]",
        example: "[\"full\"]",
        variable: None,
        option: Some("--features"),
    },
    Key {
        name: "skip",
        kind: Kind::Names,
        meaning: "Leaves these packages of the workspace out, unless the command line chooses packages.",
        built_in: "[]",
        example: "[\"benches\"]",
        variable: None,
        option: Some("--exclude"),
    },
];

/// The key of this name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Whether the value of a variable says yes.
pub(super) fn is_on(text: &str) -> bool {
    !["0", "off", "no", "false"].contains(&text.to_ascii_lowercase().as_str())
}

/// Whether a process can be asked for a hang report by the signal of this name.
pub(super) fn is_signal(name: &str) -> bool {
    let name = name.strip_prefix("SIG").unwrap_or(name);
    let is_real_time = name
        .strip_prefix("RTMIN+")
        .is_some_and(|number| number.parse::<u8>().is_ok_and(|number| number <= 30));
    ["HUP", "INT", "QUIT", "USR1", "USR2", "WINCH", "URG", "IO"].contains(&name) || is_real_time
}

/// The known name that is nearest to `name`, if one is near.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|known| (distance(name, known), known)).min()?;
    (near.0 <= near.1.len().div_ceil(2)).then_some(near.1)
}

/// How many letters have to be added, removed or replaced.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near() {
        let near = |name| nearest(name, KEYS.iter().map(|key| key.name));
        assert_eq!(near("denny"), Some("deny"));
        assert_eq!(near("time-out"), Some("timeout"));
        assert_eq!(near("exeptions"), Some("exceptions"));
        assert_eq!(near("colour"), None);
    }
}
