//! Which public types may grow without breaking a program that uses them.

use super::{refuse, sources};

/// Where the types are that a program of a user reads: the reports, `lockdep` and `vmalock`.
const READ_BY_USERS: &[&str] = &[
    "validator/src/base/counters.rs",
    "validator/report/src/model.rs",
    "validator/report/src/hang_report.rs",
    "validator/report/src/note.rs",
    "validator/report/src/advice.rs",
    "instrument/src/",
    "vmalock/src/",
];

/// Types with public parts that are not `#[non_exhaustive]`, each with its reason.
const CLOSED: &[(&str, &str)] = &[
    ("Access", "a fault reads or writes"),
    ("AnyKey", "it is not exported"),
    ("ExcludeInterrupted", "the kernel's function returns no more"),
    ("FaultOrigin", "the kernel distinguishes no more"),
    ("LabelledPlace", "a place and its words"),
    ("NextVmaError", "the kernel's function has two errors, and a caller must handle each"),
    ("Refused", "the value of one count"),
    ("Scope", "other packages of lockdep make it"),
    ("SeenWriter", "a thread and its place"),
    ("Spot", "other packages of lockdep make it"),
    ("StartReadError", "the kernel's function has two errors, and a caller must handle each"),
    ("Target", "an exclusion is for a write or for a detach"),
    ("TaskState", "the kernel's two states of a wait"),
    ("Verdict", "a lock that overlooks an answer would hang"),
    ("Way", "other packages of lockdep make it"),
];

/// The public enums and structs with public fields of one file: each with its line, and whether it
/// may grow.
fn types(text: &str) -> Vec<(usize, &str, bool)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.ends_with('{')) {
        let (is_enum, rest) = match (line.strip_prefix("pub enum "), line.strip_prefix("pub struct ")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => continue,
        };
        let body = lines[index + 1..].iter().take_while(|line| **line != "}");
        let has_public_field = body.clone().any(|line| line.starts_with("    pub ") && line.contains(": "));
        if is_enum || has_public_field {
            let above = lines[..index].iter().rev().take_while(|line| !line.is_empty());
            let may_grow = above.clone().any(|line| *line == "#[non_exhaustive]");
            let name = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            found.push((index + 1, name, may_grow));
        }
    }
    found
}

#[test]
fn what_users_read_may_grow() {
    let mut offences = Vec::new();
    let mut closed = Vec::new();
    for (name, text) in sources(&["rs"]) {
        if !READ_BY_USERS.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        for (line, type_name, may_grow) in types(text) {
            let is_closed = CLOSED.iter().any(|(closed, _)| *closed == type_name);
            closed.extend(is_closed.then_some(type_name));
            if is_closed == may_grow {
                offences
                    .push(format!("{name}:{line}: `{type_name}`: either `#[non_exhaustive]` or in CLOSED"));
            }
        }
    }
    let stale = CLOSED.iter().filter(|(name, _)| !closed.contains(name));
    offences.extend(stale.map(|(name, _)| format!("`{name}` of CLOSED does not exist")));
    refuse("public types that cannot grow", &offences);
}

#[test]
fn a_type_that_cannot_grow_is_noticed() {
    let text = "/// A.\n#[non_exhaustive]\npub enum A {\n    B,\n}\n\npub enum C {\n    D,\n}\n\n\
        pub struct E<T> {\n    pub f: T,\n}\n\npub struct G {\n    h: u8,\n}\n";
    assert_eq!(types(text), [(3, "A", true), (7, "C", false), (11, "E", false)]);
}
