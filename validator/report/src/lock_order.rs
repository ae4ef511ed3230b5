//! The lock-order file: which lock may be taken while which is held, as text that people review.
//!
//! ```text
//! # Comments and empty lines are free.
//! name accounts = src/bank.rs:Mutex<Vec<u32>>   # a name for a class, used everywhere below
//!
//! [bank]                                        # sections are for the reader
//! accounts -> journal                           # seen and accepted
//! gate < accounts                               # declared: the opposite is a violation at once
//! leaf journal                                  # never held while another is taken
//! ```
//!
//! A class is called by its label: the name that its author gave it, or its file and short type
//! without line numbers, so that moving code does not change the file. Labels hold no blank.
//!
//! ```
//! use lockdep_report::lock_order::LockOrder;
//!
//! let order = LockOrder::parse("gate < accounts\naccounts < journal\njournal -> log").expect("well formed");
//! assert!(order.contradicts("journal", "gate"), "declared orders are transitive");
//! assert!(!order.contradicts("gate", "journal"));
//! assert!(!order.contradicts("log", "journal"), "an accepted dependency is no declared order");
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::path::crate_version;
use crate::short_name;
use lockdep_validator::LockClassKey;

/// A parsed lock-order file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LockOrder {
    /// Names given to classes: label to name.
    pub names: BTreeMap<String, String>,
    /// Dependencies that were seen and accepted, by name or label.
    pub accepted: BTreeSet<(String, String)>,
    /// Declared orders: before, after.
    pub declared: BTreeSet<(String, String)>,
    /// Classes that are only leaves.
    pub leaves: BTreeSet<String>,
    /// Labels that several classes have: `label~2` is in the file too.
    shared_labels: BTreeSet<String>,
}

/// A line that is not understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LockOrderError {
    line: usize,
    why: String,
}

impl LockOrderError {
    /// Returns the number of the line, from 1.
    pub fn line(&self) -> usize {
        self.line
    }
}

impl fmt::Display for LockOrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for LockOrderError {}

impl LockOrder {
    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// At the first line that is not understood, and at a declared order that contradicts itself.
    pub fn parse(text: &str) -> Result<Self, LockOrderError> {
        // A name holds in the whole file, so that giving one changes no other line.
        let mut order = Self { names: names(text), ..Self::default() };
        for (index, line) in text.lines().enumerate() {
            let error = |why: String| LockOrderError { line: index + 1, why };
            // A comment starts at a `#` that begins a word: a label may hold one (`{closure#0}`).
            let words: Vec<&str> =
                line.split_whitespace().take_while(|word| !word.starts_with('#')).collect();
            let numbered = words.iter().filter_map(|word| word.rsplit_once('~'));
            let shared = numbered.filter(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()));
            order.shared_labels.extend(shared.map(|(label, _)| label.to_owned()));
            match words.as_slice() {
                [] => {}
                [section] if section.starts_with('[') && section.ends_with(']') => {}
                ["name", name, "=", label] => {
                    let known = order.names.get(*label).filter(|known| known != name);
                    if let Some(other) = known {
                        return Err(error(format!("`{label}` already has the name `{other}`")));
                    }
                }
                ["leaf", class] => {
                    let class = order.name(class).to_owned();
                    order.leaves.insert(class);
                }
                [from, "->", to] => {
                    let pair = [from, to].map(|class| order.name(class).to_owned());
                    order.accepted.insert(pair.into());
                }
                [before, "<", after] => {
                    if before == after || order.contradicts(before, after) {
                        return Err(error(format!(
                            "`{before} < {after}` contradicts the orders declared above it"
                        )));
                    }
                    let pair = [before, after].map(|class| order.name(class).to_owned());
                    order.declared.insert(pair.into());
                }
                _ => {
                    let line = line.trim();
                    return Err(error(format!(
                        "`{line}` is not one of `A -> B`, `A < B`, `leaf A`, `name A = LABEL`, `[section]`"
                    )));
                }
            }
        }
        Ok(order)
    }

    /// Returns what the file calls the class with this label.
    pub fn name<'a>(&'a self, label: &'a str) -> &'a str {
        self.names.get(label).map_or(label, String::as_str)
    }

    /// Returns whether acquiring `wanted` while `held` is held contradicts a declared order,
    /// directly or through others. Both are labels or names.
    pub fn contradicts(&self, held: &str, wanted: &str) -> bool {
        self.is_declared(self.name(wanted), self.name(held))
    }

    /// Returns whether the file forbids acquiring a lock of class `wanted` while one of class
    /// `held` is held.
    ///
    /// A label that several classes have forbids nothing here: which of them is meant only shows
    /// when all are known. Name such classes with [`LockClassKey::name`] to have their order
    /// enforced.
    pub fn forbids(&self, held: &LockClassKey, wanted: &LockClassKey) -> bool {
        if self.declared.is_empty() {
            return false;
        }
        let [held, wanted] = [held, wanted].map(label);
        let is_shared = |label: &str| self.shared_labels.contains(label);
        held != wanted && !is_shared(&held) && !is_shared(&wanted) && self.contradicts(&held, &wanted)
    }

    /// Returns whether acquiring `to` while `from` is held is in the file, as accepted or declared.
    /// Both are labels or names.
    pub fn allows(&self, from: &str, to: &str) -> bool {
        let (from, to) = (self.name(from), self.name(to));
        self.accepted.contains(&(from.to_owned(), to.to_owned())) || self.is_declared(from, to)
    }

    /// Whether `before < after` follows from the declared orders.
    fn is_declared(&self, before: &str, after: &str) -> bool {
        if self.declared.is_empty() {
            return false;
        }
        let mut next: FxHashMap<&str, Vec<&str>> = FxHashMap::default();
        for (before, after) in &self.declared {
            next.entry(before).or_default().push(after);
        }
        let mut met = FxHashSet::default();
        let mut queue = vec![before];
        while let Some(at) = queue.pop() {
            for &after_at in next.get(at).into_iter().flatten() {
                if after_at == after {
                    return true;
                }
                if met.insert(after_at) {
                    queue.push(after_at);
                }
            }
        }
        false
    }
}

/// The names that a file gives: label to name, the first of several.
fn names(text: &str) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().take_while(|word| !word.starts_with('#')).collect();
        if let ["name", name, "=", label] = words.as_slice() {
            names.entry((*label).to_owned()).or_insert_with(|| (*name).to_owned());
        }
    }
    names
}

/// Returns what a lock-order file calls a class: its name, or its file (without the version of its
/// crate) and its short type.
///
/// ```
/// use lockdep_validator::LockClassKey;
/// use lockdep_report::lock_order::label;
///
/// let key = LockClassKey {
///     kind: "Mutex".into(),
///     type_name: "core::option::Option<a::B>".into(),
///     file: "tokio-1.52.0/src/a.rs".into(),
///     ..LockClassKey::default()
/// };
/// assert_eq!(label(&key), "tokio/src/a.rs:Mutex<Option<B>>");
/// ```
pub fn label(key: &LockClassKey) -> String {
    let name = short_name(key);
    let label = match &key.name {
        Some(_) => name,
        None if key.file.is_empty() => name,
        None => format!("{}:{name}", file_without_version(&key.file)),
    };
    // A blank would end the label; none carries meaning in a type but those around `dyn` and `+`.
    label.split_whitespace().collect::<Vec<_>>().join("_").replace(",_", ",")
}

fn file_without_version(file: &str) -> String {
    match crate_version(file) {
        Some((name, version)) => format!("{name}{}", &file[name.len() + 1 + version.len()..]),
        None => file.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_is_read() {
        let order = LockOrder::parse(
            "# head\n\n[bank] # section\nname a = src/x.rs:Mutex<u8> # why\na -> b # {x}\n  b   <  c\nleaf src/y.rs:Lock#0\n",
        )
        .expect("well formed");
        assert_eq!(order.name("src/x.rs:Mutex<u8>"), "a");
        assert!(order.allows("src/x.rs:Mutex<u8>", "b") && order.allows("b", "c"));
        assert!(!order.allows("a", "c"), "accepted dependencies do not add up");
        assert!(order.leaves.contains("src/y.rs:Lock#0"));
    }

    #[test]
    fn only_declared_orders_of_clear_labels_forbid() {
        let key = |name: &str| LockClassKey { name: Some(name.to_owned()), ..LockClassKey::default() };
        let order =
            LockOrder::parse("name d = delta\nd < a\na < b\nb -> c\nleaf l\nx < y\nx~2 -> y").expect("fine");
        assert!(order.forbids(&key("b"), &key("a")));
        assert!(order.forbids(&key("b"), &key("delta")), "names stand for labels, and orders add up");
        assert!(!order.forbids(&key("a"), &key("b")) && !order.forbids(&key("c"), &key("b")));
        assert!(!order.forbids(&key("l"), &key("z")), "leaves are what was seen, not what was declared");
        assert!(!order.forbids(&key("y"), &key("x")), "two classes are called x");
    }

    #[test]
    fn malformed_lines_are_named() {
        for (text, line) in
            [("a => b", 1), ("\na ->", 2), ("name a", 1), ("a < b\nb < c\nc < a", 3), ("a < a", 1)]
        {
            assert_eq!(LockOrder::parse(text).expect_err(text).line(), line, "{text}");
        }
        assert!(LockOrder::parse("name a = x\nname b = x").is_err());
    }

    #[test]
    fn labels_hold_no_blank_and_no_version() {
        let key = |file: &str, type_name: &str, name: Option<&str>| LockClassKey {
            kind: "RwLock".into(),
            type_name: type_name.into(),
            file: file.into(),
            line: 7,
            name: name.map(str::to_owned),
            ..LockClassKey::default()
        };
        assert_eq!(label(&key("src/a.rs", "(u8, dyn a::B + c::D)", None)), "src/a.rs:RwLock<(u8,dyn_B_+_D)>");
        assert_eq!(
            label(&key("my-crate-2-3.0.1-rc.1/src/a.rs", "()", None)),
            "my-crate-2/src/a.rs:RwLock<()>"
        );
        assert_eq!(label(&key("src/a.rs", "()", Some("vm lock"))), "vm_lock");
        assert_eq!(label(&key("", "u8", None)), "RwLock<u8>");
        assert_eq!(crate_version("src/a-1.rs"), None);
    }
}
