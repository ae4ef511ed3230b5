//! The report: everything a renderer needs, in one serialisable value. Schema 1.

use serde::{Deserialize, Serialize};

use crate::check::violation::Code;

/// The version of the JSON form.
pub const SCHEMA: u32 = 1;

/// A report, as a person or a tool reads it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// `LD0001` …
    pub code: String,
    /// `error`, `warning` or `note`.
    pub level: String,
    /// One sentence that says what can happen.
    pub title: String,
    /// Sixteen hexadecimal digits: code, rotated cycle of (file, type, name, kind); no line numbers.
    pub fingerprint: String,
    /// The thread that was running.
    pub thread: String,
    /// Every class the report names; `cycle` and `held` index it by name and hash.
    pub classes: Vec<ReportClass>,
    /// The dependencies of the cycle; the closing one last. Empty for rules without a cycle.
    pub cycle: Vec<ReportDependency>,
    /// What the running thread held, oldest first.
    #[serde(default)]
    pub held: Vec<ReportLock>,
    /// The acquisition, release or assertion that the rule objects to.
    #[serde(default)]
    pub subject: Option<ReportLock>,
    /// The held lock that conflicts with it.
    #[serde(default)]
    pub conflict: Option<ReportLock>,
    /// Further places that the rule names, each with what happened there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<LabelledPlace>,
    /// Why the level is what it is.
    pub evidence: ReportEvidence,
    /// Sentences that explain the level and the rule, most important first.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What to do, most promising first.
    pub help: Vec<String>,
    /// How much was looked at, and what was not.
    pub counters: Counters,
}

/// A class that a report names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ReportClass {
    /// Its display name.
    pub name: String,
    /// Where its locks are created.
    pub site: Place,
    /// Sixteen hexadecimal digits, the same in every process.
    pub hash: String,
    /// The type of the protected data.
    #[serde(rename = "type")]
    pub type_name: String,
    /// `Mutex`, `RwLock` …
    #[serde(default)]
    pub kind: String,
}

/// A place in source text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Place {
    /// The path as the compiler saw it; empty if unknown.
    pub file: String,
    /// From 1; zero if unknown.
    pub line: u32,
    /// From 1; zero if unknown.
    pub column: u32,
    /// The function around it, if the stack tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The first place outside a wrapper around the lock, if it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<Box<Place>>,
    /// Whether the function around it is known to give the guard to its caller, so that `caller` is the place that matters.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_wrapper: bool,
}

impl Place {
    /// Whether the place is known.
    pub fn is_known(&self) -> bool {
        !self.file.is_empty() && self.line != 0
    }

    /// Where the program asks for the lock: the caller's place if this one is known to be inside a wrapper.
    pub fn outside_wrapper(&self) -> &Self {
        self.caller.as_deref().filter(|_| self.in_wrapper).unwrap_or(self)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.file.is_empty(), self.line, self.column) {
            (true, ..) => f.write_str("an unknown place"),
            (_, 0, _) => f.write_str(&self.file),
            (_, line, 0) => write!(f, "{}:{line}", self.file),
            (_, line, column) => write!(f, "{}:{line}:{column}", self.file),
        }
    }
}

/// One lock as a report points at it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ReportLock {
    /// Its class's display name.
    pub class: String,
    /// Its class's hash.
    pub hash: String,
    /// `exclusive`, `shared` or `shared-recursive`.
    pub mode: String,
    /// `blocking`, `try` or `timed`.
    pub wait: String,
    /// Its instance number.
    pub instance: u64,
    /// Where it was or would be acquired.
    pub site: Place,
    /// The stack there, pruned; may be empty.
    #[serde(default)]
    pub frames: Vec<Frame>,
    /// False if `frames` may be another path to the same place.
    #[serde(default = "is_exact")]
    pub exact: bool,
}

const fn is_exact() -> bool {
    true
}

impl Report {
    /// The level as a number: two for an error, one for a warning, zero for a note. Higher is surer.
    pub fn rank(&self) -> u8 {
        match self.level.as_str() {
            "error" => 2,
            "warning" => 1,
            _ => 0,
        }
    }

    /// What tells this report from every other: the fingerprint, and the hashes of the very classes. Classes that only their
    /// line tells apart have one fingerprint, because it survives moving code; they are different defects all the same.
    pub fn identity(&self) -> String {
        let mut hashes: Vec<&str> = self.cycle.iter().map(|step| step.from_hash.as_str()).collect();
        if hashes.is_empty() || self.code == Code::SameClassOrder.as_str() {
            // One class and one rule: how many of its locks the cycle runs through does not matter.
            let locks = [&self.subject, &self.conflict].into_iter().flatten();
            hashes = locks.map(|lock| lock.hash.as_str()).collect();
        } else {
            // Where a cycle starts does not matter.
            let rotations = (0..hashes.len()).map(|start| [&hashes[start..], &hashes[..start]].concat());
            hashes = rotations.min().unwrap_or_default();
        }
        format!("{}/{}", self.fingerprint, hashes.join(","))
    }

    /// The dependency that closed the cycle; none if the rule knows no cycle.
    pub fn closing(&self) -> Option<&ReportDependency> {
        self.cycle.iter().rfind(|step| step.closing).or(self.cycle.last())
    }

    /// Whether this is a cycle through several classes. Those that share a class are one problem to whoever mends it.
    pub fn is_class_cycle(&self) -> bool {
        self.code == Code::CircularDependency.as_str() && self.cycle.len() > 1
    }
}

/// One dependency of a cycle.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ReportDependency {
    /// The class that was held, by display name.
    pub from: String,
    /// The class that was acquired, by display name.
    pub to: String,
    /// `ER`, `EN`, `SR` or `SN`.
    pub kind: String,
    /// Where the held lock was acquired.
    pub held_site: Place,
    /// Where the other was acquired.
    pub acquire_site: Place,
    /// The thread of the first sighting.
    pub thread: String,
    /// How many distinct chains contained it.
    pub count: u64,
    /// The stack at which the held lock was acquired.
    pub frames_held: Frames,
    /// The stack at which the other was acquired.
    pub frames_acquire: Frames,
    /// How the held lock was held.
    #[serde(default)]
    pub held_mode: String,
    /// How the other was wanted.
    #[serde(default)]
    pub acquire_mode: String,
    /// The hash of the class that was held.
    #[serde(default)]
    pub from_hash: String,
    /// The hash of the class that was acquired.
    #[serde(default)]
    pub to_hash: String,
    /// The instances of the first sighting: held, acquired.
    #[serde(default)]
    pub instances: (u64, u64),
    /// Whether this dependency closed the cycle.
    #[serde(default)]
    pub closing: bool,
    /// How the caller of the acquisition waited: `blocking` or `timed`.
    #[serde(default)]
    pub acquire_wait: String,
    /// The process of the first sighting, when records of several were joined; else empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub process: String,
}

/// A place and what happened there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LabelledPlace {
    /// What happened, as part of a sentence.
    pub label: String,
    /// Where.
    pub place: Place,
}

/// A stack, and whether it is the very one of the sighting.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Frames {
    /// False if another path may have led to the same chain.
    pub exact: bool,
    /// Innermost first, pruned.
    pub frames: Vec<Frame>,
}

impl Frames {
    /// Whether no stack is known.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }
}

/// One frame of a stack.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Frame {
    /// The demangled function name.
    pub function: String,
    /// The source file; empty if unknown.
    pub file: String,
    /// From 1; zero if unknown.
    pub line: u32,
    /// From 1; zero if unknown.
    pub column: u32,
}

/// Why the level is what it is.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ReportEvidence {
    /// Whether the instances themselves close the cycle.
    pub same_instances: bool,
    /// Whether the locks are fields of one struct, by their distance in memory.
    pub sibling: bool,
    /// The display name of a class of which a lock was held around two of those that wait (dependencies, and writers that queue).
    pub gate: Option<String>,
    /// How many threads took part.
    pub threads: usize,
    /// `program`, `spawn`, `join`, or null if nothing ordered the sides.
    pub ordered: Option<String>,
    /// Whether a writer was seen on every class whose readers the cycle waits for.
    pub writer_seen: bool,
    /// Whether the cycle needs a timed acquisition.
    #[serde(default)]
    pub timed: bool,
    /// Whether the classes are interchangeable by declaration or single.
    #[serde(default)]
    pub declared: bool,
    /// Whether the source shows that a side of it had a lock to itself, so that what was seen cannot hang.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub owned: bool,
    /// Whether the source shows that a side of it took a lock that its function had made and not yet returned.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fresh: bool,
}

impl ReportEvidence {
    /// Whether the source shows a lock that no other thread could reach, so that the threads as they were seen do not hang.
    pub fn is_out_of_reach(&self) -> bool {
        self.owned || self.fresh
    }
}

/// How much was looked at, and what was not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Registered classes.
    pub classes: u64,
    /// Dependencies in the graph.
    pub dependencies: u64,
    /// Validated chains.
    pub chains: u64,
    /// Reports, classes or events that did not fit and are only counted.
    pub dropped: u64,
    /// Events that could not be looked at (re-entered, held stack unknown, stale holders).
    pub unseen: u64,
}
