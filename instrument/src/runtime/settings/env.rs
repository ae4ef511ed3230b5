//! The environment: every `LOCKDEP*` variable that the runtime reads, once, at the first lock.
//!
//! Reading never fails. What cannot be understood becomes a warning that names the variable, the
//! nearest known name and the accepted values, and the default holds. `cargo lockdep` sets some of
//! these variables, and reads those that it shares with the runtime itself.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;

use lockdep_report::exceptions::Exception;
use lockdep_report::policy::Deny;
use lockdep_validator::SameClassPolicy;

use crate::runtime::process::start as process_start;
use crate::runtime::settings::config::{Config, OnDeadlock, OnViolation, Output, OutputFormat};
use crate::runtime::system::input;

/// A variable: its name, what it accepts, and where its value goes.
struct Variable {
    name: &'static str,
    accepts: &'static str,
    /// Stores a value that is not empty; `Err` if it is not among those accepted.
    set: fn(&mut Config, &OsStr) -> Result<(), String>,
}

/// Every variable. The README, the book and `unknown_variables` in the tests are checked against
/// it.
const VARIABLES: &[Variable] = &[
    Variable {
        name: "LOCKDEP",
        accepts: "`1`, `on`, `0` or `off`",
        set: |config, value| set(&mut config.enabled, switch(value)),
    },
    Variable {
        name: "LOCKDEP_ON_VIOLATION",
        accepts: "`report`, `panic` or `abort`",
        set: |config, value| {
            set(
                &mut config.on_violation,
                match text(value)? {
                    "report" => Some(OnViolation::Report),
                    "panic" => Some(OnViolation::Panic),
                    "abort" => Some(OnViolation::Abort),
                    _ => None,
                },
            )
        },
    },
    Variable {
        name: "LOCKDEP_ON_DEADLOCK",
        accepts: "`panic`, `abort` or `hang`",
        set: |config, value| {
            set(
                &mut config.on_deadlock,
                match text(value)? {
                    "panic" => Some(OnDeadlock::Panic),
                    "abort" => Some(OnDeadlock::Abort),
                    "hang" => Some(OnDeadlock::Hang),
                    _ => None,
                },
            )
        },
    },
    Variable {
        name: "LOCKDEP_FORMAT",
        accepts: "`text` or `json`",
        set: |config, value| {
            set(
                &mut config.format,
                match text(value)? {
                    "text" => Some(OutputFormat::Text),
                    "json" => Some(OutputFormat::Json),
                    _ => None,
                },
            )
        },
    },
    Variable {
        name: "LOCKDEP_OUTPUT",
        accepts: "`stderr` or the path of a file (`%p` is the process id)",
        set: |config, value| {
            let output = if value == "stderr" { Output::Stderr } else { Output::File(value.into()) };
            set(&mut config.output, Some(output))
        },
    },
    Variable {
        name: "LOCKDEP_DIR",
        accepts: "a directory for run records",
        set: |config, value| set(&mut config.record_dir, Some(Some(value.into()))),
    },
    Variable {
        name: "LOCKDEP_BACKTRACE",
        accepts: "`1` or `0`",
        set: |config, value| set(&mut config.backtrace, switch(value)),
    },
    Variable {
        name: "LOCKDEP_DENY",
        accepts: "`errors`, `warnings`, `notes`, or codes separated by commas",
        set: |config, value| {
            Deny::parse(text(value)?).map(|deny| config.policy.deny = deny).map_err(|e| e.to_string())
        },
    },
    Variable {
        name: "LOCKDEP_ALLOW",
        accepts: "codes and fingerprints separated by commas, or `@` and the path of a file of exceptions",
        set: |config, value| allow(&mut config.policy.allow, text(value)?),
    },
    Variable {
        name: "LOCKDEP_ORDER",
        accepts: "the path of a lock-order file",
        set: |config, value| set(&mut config.order_file, Some(Some(value.into()))),
    },
    Variable {
        name: "LOCKDEP_SUSPECTS",
        accepts: "the path of a file with the hash of a class on each line",
        set: |config, value| set(&mut config.suspects_file, Some(Some(value.into()))),
    },
    Variable {
        name: "LOCKDEP_STAT",
        accepts: "`1` or `0`",
        set: |config, value| set(&mut config.stat, switch(value)),
    },
    Variable {
        name: "LOCKDEP_SAME_CLASS",
        accepts: "`instance`, `kernel` or `off`",
        set: |config, value| {
            set(
                &mut config.same_class,
                match text(value)? {
                    "instance" => Some(SameClassPolicy::Instance),
                    "kernel" => Some(SameClassPolicy::Kernel),
                    "off" => Some(SameClassPolicy::Off),
                    _ => None,
                },
            )
        },
    },
    Variable {
        name: "LOCKDEP_DEADLOCK_CHECK_MS",
        accepts: "milliseconds from 1 to 60000, or `0` to turn the search for present deadlocks off",
        set: |config, value| {
            let time_ms = text(value)?.parse::<u64>().ok().filter(|&time_ms| time_ms <= 60_000);
            let check = time_ms.map(|time_ms| (time_ms > 0).then(|| Duration::from_millis(time_ms)));
            set(&mut config.deadlock_check, check)
        },
    },
    Variable {
        name: "LOCKDEP_HANG_SIGNAL",
        accepts: "`HUP`, `INT`, `QUIT`, `USR1`, `USR2`, `WINCH`, `URG`, `IO` or `RTMIN+` and a number",
        set: |config, value| set(&mut config.hang_signal, signal(text(value)?).map(Some)),
    },
    Variable {
        name: "LOCKDEP_HANG_AFTER",
        accepts: "seconds, more than zero",
        set: |config, value| {
            let time = text(value)?.parse::<f64>().ok().filter(|time| (0.01..=1e7).contains(time));
            set(&mut config.hang_after, time.map(|time| Some(Duration::from_secs_f64(time))))
        },
    },
    Variable {
        name: "LOCKDEP_EXITCODE",
        accepts: "an exit status from 1 to 255",
        set: |config, value| {
            let status = text(value)?.parse::<u8>().ok().filter(|&status| status != 0);
            set(&mut config.exit_code, status.map(|status| Some(i32::from(status))))
        },
    },
    Variable {
        name: "LOCKDEP_SOURCE_ROOT",
        accepts: "the directory that relative source paths start at",
        set: |config, value| set(&mut config.source_root, Some(Some(value.into()))),
    },
];

/// A variable that was not understood.
#[derive(Debug)]
pub(crate) struct Warning {
    /// Its name.
    pub(crate) variable: String,
    /// What to say about it, in one line.
    pub(crate) line: String,
}

/// Reads `variables`; gives back the choices, and what was not understood.
pub(crate) fn read(variables: impl Iterator<Item = (OsString, OsString)>) -> (Config, Vec<Warning>) {
    let mut config = Config::default();
    let mut warnings = Vec::new();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| is_ours(name)) else { continue };
        let Some(variable) = VARIABLES.iter().find(|variable| variable.name == name) else {
            warnings.push(Warning { variable: name.to_owned(), line: unknown(name) });
            continue;
        };
        if value.is_empty() {
            continue;
        }
        if let Err(reason) = (variable.set)(&mut config, &value) {
            let reason = if reason.is_empty() { reason } else { format!(": {reason}") };
            let line = format!(
                "{name}={} is not understood{reason}; it accepts {}; the default is used",
                value.to_string_lossy(),
                variable.accepts
            );
            warnings.push(Warning { variable: name.to_owned(), line });
        }
    }
    // The environment has no order of its own; the same one must always give the same words.
    warnings.sort_by(|a, b| a.line.cmp(&b.line));
    (config, warnings)
}

fn is_ours(name: &str) -> bool {
    name == "LOCKDEP" || name.starts_with("LOCKDEP_")
}

fn unknown(name: &str) -> String {
    let nearest = VARIABLES.iter().min_by_key(|variable| distance(name, variable.name));
    match nearest.filter(|variable| distance(name, variable.name) <= 4) {
        Some(variable) => {
            format!(
                "unknown variable {name}; the nearest known name is {}, which accepts {}",
                variable.name, variable.accepts
            )
        }
        None => {
            let names: Vec<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
            format!("unknown variable {name}; known are {}", names.join(", "))
        }
    }
}

fn set<T>(place: &mut T, value: Option<T>) -> Result<(), String> {
    *place = value.ok_or_else(String::new)?;
    Ok(())
}

fn text(value: &OsStr) -> Result<&str, String> {
    value.to_str().ok_or_else(|| "it is not UTF-8".to_owned())
}

#[cfg(hang_report)]
fn signal(name: &str) -> Option<i32> {
    crate::runtime::system::signal_name::parse(name)
}

#[cfg(not(hang_report))]
fn signal(_name: &str) -> Option<i32> {
    None
}

fn switch(value: &OsStr) -> Option<bool> {
    match value.to_str()? {
        "1" | "on" => Some(true),
        "0" | "off" => Some(false),
        _ => None,
    }
}

fn allow(allow: &mut Vec<Exception>, list: &str) -> Result<(), String> {
    for item in list.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        match item.strip_prefix('@') {
            Some(path) => {
                let lines = input::read(&process_start::absolute(Path::new(path)), input::MAX_BYTES)
                    .map_err(|error| format!("cannot read {path}: {error}"))?;
                Exception::parse_file(&lines, path, |exception| allow.push(exception))?;
            }
            None => allow.push(Exception::bare(item, "LOCKDEP_ALLOW").ok_or_else(|| {
                format!("`{item}` is neither a code such as LD0003 nor a fingerprint of sixteen hexadecimal digits")
            })?),
        }
    }
    Ok(())
}

/// How many letters must be changed, added or left out to get from one name to the other
/// (Levenshtein 1966).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<u8> = b.bytes().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_pairs(pairs: &[(&str, &str)]) -> (Config, Vec<String>) {
        let pairs = pairs.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let (config, warnings) = read(pairs);
        (config, warnings.into_iter().map(|warning| warning.line).collect())
    }

    #[test]
    fn nothing_set_means_off_and_the_documented_defaults() {
        let (config, warnings) = read_pairs(&[("PATH", "/bin"), ("LOCKDEPENDENCY", "1")]);
        assert_eq!(config, Config::default());
        assert!(!config.enabled && warnings.is_empty());
    }

    #[test]
    fn every_value_lands_in_its_place() {
        let (config, warnings) = read_pairs(&[
            ("LOCKDEP", "on"),
            ("LOCKDEP_ON_VIOLATION", "panic"),
            ("LOCKDEP_ON_DEADLOCK", "hang"),
            ("LOCKDEP_FORMAT", "json"),
            ("LOCKDEP_OUTPUT", "/tmp/r-%p"),
            ("LOCKDEP_DIR", "records"),
            ("LOCKDEP_BACKTRACE", "0"),
            ("LOCKDEP_DENY", "warnings"),
            ("LOCKDEP_STAT", "1"),
            ("LOCKDEP_SAME_CLASS", "kernel"),
            ("LOCKDEP_EXITCODE", "101"),
        ]);
        assert_eq!(warnings, Vec::<String>::new());
        assert!(config.enabled && config.stat && !config.backtrace);
        assert_eq!(config.on_violation, OnViolation::Panic);
        assert_eq!(config.on_deadlock, OnDeadlock::Hang);
        assert_eq!(config.format, OutputFormat::Json);
        assert_eq!(config.output, Output::File("/tmp/r-%p".into()));
        assert_eq!(config.record_dir.as_deref(), Some("records".as_ref()));
        assert_eq!(config.same_class, SameClassPolicy::Kernel);
        assert_eq!(config.policy.deny, Deny::AtLeast(lockdep_validator::Level::Warning));
        assert_eq!(config.exit_code, Some(101));
    }

    #[test]
    fn an_unknown_name_gets_the_nearest_one_and_what_it_accepts() {
        let (_, warnings) = read_pairs(&[("LOCKDEP_BACKTRAC", "1"), ("LOCKDEP_COMPLETELY_DIFFERENT", "1")]);
        assert!(warnings[0].contains("LOCKDEP_BACKTRACE, which accepts `1` or `0`"), "{warnings:?}");
        assert!(warnings[1].contains("known are LOCKDEP, LOCKDEP_ON_VIOLATION"), "{warnings:?}");
    }

    #[test]
    fn a_malformed_value_gets_the_accepted_ones_and_the_default_holds() {
        let (config, warnings) = read_pairs(&[
            ("LOCKDEP_EXITCODE", "0"),
            ("LOCKDEP_ON_VIOLATION", "explode"),
            ("LOCKDEP_DENY", "LD0003,LD9999"),
            ("LOCKDEP_ALLOW", "@/nonexistent/allowed"),
            ("LOCKDEP_FORMAT", ""),
        ]);
        assert_eq!(config, Config::default());
        assert_eq!(warnings.len(), 4, "{warnings:?}");
        assert!(warnings[0].starts_with(
            "LOCKDEP_ALLOW=@/nonexistent/allowed is not understood: cannot read /nonexistent/allowed"
        ));
        assert!(warnings[1].contains("`LD9999`"));
        assert!(warnings[3].contains("it accepts `report`, `panic` or `abort`"));
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!([distance("", "abc"), distance("kitten", "sitting"), distance("same", "same")], [3, 3, 0]);
    }
}
