//! The run record: what one process saw, as JSON lines, small enough to keep and to join with
//! others.
//!
//! A record is a file `<pid>-<nonce>.jsonl`. It is append-only: a line is written when something is
//! seen for the *first* time, each by one `write`, so that a crash costs at most the last line. The
//! first line is a [`RunRecord`]; an [`EndRecord`] closes a run that ended normally.
//! Everything between names classes by [`ClassHash`], which is the same in every process, so that
//! the union of any number of records is again one dependency graph.
//!
//! Forward compatibility: readers ignore fields and line kinds that they do not know
//! ([`Record::Unknown`]). A change that old readers would misunderstand raises [`SCHEMA`], and a
//! reader refuses a newer one by name.
//!
//! ```
//! use lockdep_report::record::{EndRecord, Record};
//!
//! let line = Record::End(EndRecord::default()).to_line();
//! assert!(line.starts_with(r#"{"record":"end""#) && line.ends_with('\n'));
//! assert!(matches!(Record::parse_line(line.as_bytes()), Ok(Record::End(_))));
//!
//! // The process was killed in the middle of a write.
//! let error = Record::parse_line(br#"{"record":"dependency","fro"#).unwrap_err();
//! assert!(error.is_truncated());
//! ```

use serde::{Deserialize, Serialize};

use crate::hang_report::HangReport;
use crate::model::Report;
use crate::place::{Frames, Place};
use lockdep_validator::{ClassHash, Counters, Mode, Wait};

pub mod ledger;
mod line;

#[cfg(feature = "read")]
pub use line::RecordError;
pub use line::whole_lines;

/// The version of the record format that this crate writes.
pub const SCHEMA: u32 = 1;

/// One line of a run record.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Record {
    /// The first line: which process this is.
    Run(RunRecord),
    /// A class, at its first acquisition, and again when something about it changed; the last line
    /// counts.
    Class(ClassRecord),
    /// A dependency, at the first sighting of each of its kinds (and of each pair of instances of
    /// suspect classes).
    Dependency(DependencyRecord),
    /// A context in which a class was used, or that was enabled while it was held; once for each.
    Usage(UsageRecord),
    /// A report that was made.
    Report(Box<Report>),
    /// What every thread did when the process seemed to hang; once for each time it was asked.
    Hang(Box<HangReport>),
    /// Contention of one class at one place (`LOCKDEP_STAT=1`), written when the process ends.
    Stat(StatRecord),
    /// The last line of a run that ended normally.
    End(EndRecord),
    /// A line of a kind that this version does not know; holds the kind.
    Unknown(String),
}

/// Which process wrote a record.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunRecord {
    /// [`SCHEMA`] of the writer.
    pub schema: u32,
    /// Its process id.
    pub pid: u32,
    /// The id of the process that forked it while it was being watched, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forked_from: Option<u32>,
    /// The path of the program; what is not UTF-8 is replaced.
    pub program: String,
    /// The arguments after the program's name; what is not UTF-8 is replaced.
    pub args: Vec<String>,
    /// The working directory.
    pub directory: String,
    /// The directory that relative source paths start at; empty if unknown (then `directory` is
    /// tried).
    pub source_root: String,
    /// The test this process was started for, as its runner says (`NEXTEST_TEST_NAME`); empty if it
    /// runs many.
    pub test: String,
    /// When the run began, in milliseconds since 1970; zero if unknown.
    pub started_ms: u64,
    /// The number of the signal that asks the process for a hang report; zero if none does.
    #[serde(skip_serializing_if = "is_no_signal")]
    pub hang_signal: i32,
    /// The version of the writer.
    pub version: String,
}

impl RunRecord {
    /// Returns the process in a few words: the program's file name without cargo's hash, and its
    /// test or process id.
    ///
    /// ```
    /// use lockdep_report::record::RunRecord;
    /// let run = RunRecord { program: "/t/deps/store-0123456789abcdef".into(), pid: 7, ..RunRecord::default() };
    /// assert_eq!(run.label(), "store (pid 7)");
    /// ```
    pub fn label(&self) -> String {
        let file = self.program.rsplit(['/', '\\']).next().unwrap_or_default();
        let file = file.strip_suffix(".exe").unwrap_or(file);
        let stem = match file.rsplit_once('-') {
            Some((stem, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => stem,
            _ => file,
        };
        if self.test.is_empty() {
            format!("{stem} (pid {})", self.pid)
        } else {
            format!("{stem} {}", self.test)
        }
    }
}

/// A lock class, as the process that wrote the record knew it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ClassRecord {
    /// What joins it with the same class in other records.
    #[serde(with = "hash_text")]
    pub hash: ClassHash,
    /// The name its author gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `Mutex`, `RwLock` …
    #[serde(default)]
    pub kind: String,
    /// The type of the protected data.
    #[serde(default, rename = "type")]
    pub type_name: String,
    /// The normalised path of the creation site, which the hash was made of; empty if unknown.
    #[serde(default)]
    pub file: String,
    /// Where its locks are created, as the compiler saw it (so that the source can be read).
    #[serde(default)]
    pub site: Place,
    /// The nesting level, 0 to 7.
    #[serde(default)]
    pub subclass: u8,
    /// Whether its author declares its instances interchangeable.
    #[serde(default)]
    pub declared: bool,
    /// Whether only one lock of this class has existed so far in this process. A later line may
    /// take it back.
    #[serde(default)]
    pub single_instance: bool,
    /// The wait type under which it may be taken; empty if unchecked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub wait_outer: String,
    /// The wait type of what may be taken while it is held; empty if unchecked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub wait_inner: String,
    /// Whether it takes part in ordering at all (false for the kernel's no-validate classes).
    #[serde(default = "yes")]
    pub ordered: bool,
}

/// `to` was acquired while `from` was held. The modes and the wait give the kind.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DependencyRecord {
    /// The lock that was held.
    pub from: RecordedLock,
    /// The lock that was acquired.
    pub to: RecordedLock,
    /// The name of the thread; libtest names it after the test.
    #[serde(default)]
    pub thread: String,
    /// The number of the thread in its process, from 1, never reused.
    #[serde(default)]
    pub task: u32,
    /// The part of the thread's life between two spawns or joins.
    #[serde(default)]
    pub segment: u32,
    /// Whether it was seen without a lock in between, which would connect the two anyway.
    #[serde(default = "is_direct", skip_serializing_if = "Clone::clone")]
    pub direct: bool,
    /// Whether no other thread could have `to`, as far as was seen. A later line takes it back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unpublished: bool,
    /// Classes held exclusively, besides `from`, when `to` was acquired; each had one lock so far.
    #[serde(default, with = "hash_list", skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<ClassHash>,
    /// Classes of several locks of which one was held exclusively then. Which one is not told.
    #[serde(default, with = "hash_list", skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<ClassHash>,
    /// The stack at which `from` was acquired.
    #[serde(default, skip_serializing_if = "Frames::is_empty")]
    pub frames_held: Frames,
    /// The stack at which `to` was acquired.
    #[serde(default, skip_serializing_if = "Frames::is_empty")]
    pub frames_acquire: Frames,
}

const fn is_direct() -> bool {
    true
}

/// One lock of a [`DependencyRecord`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RecordedLock {
    /// Its class.
    #[serde(with = "hash_text")]
    pub class: ClassHash,
    /// How it was held or wanted.
    #[serde(with = "crate::wire")]
    pub mode: Mode,
    /// How its caller waited.
    #[serde(with = "crate::wire", default = "blocking", skip_serializing_if = "is_blocking")]
    pub wait: Wait,
    /// Its instance number, meaningful in this record only.
    #[serde(default)]
    pub instance: u64,
    /// Its address then; zero if unknown. Meaningful in this record only.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub address: usize,
    /// Where it was acquired.
    #[serde(default)]
    pub site: Place,
}

/// A class and a context.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UsageRecord {
    /// The class.
    #[serde(with = "hash_text")]
    pub class: ClassHash,
    /// The name of the context.
    pub context: String,
    /// True: acquired inside the context. False: held while the context was enabled.
    pub inside: bool,
    /// How it was held.
    #[serde(with = "crate::wire")]
    pub mode: Mode,
    /// Where.
    #[serde(default)]
    pub site: Place,
    /// The name of the thread.
    #[serde(default)]
    pub thread: String,
}

/// How much one class was fought over at one place.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StatRecord {
    /// The class.
    #[serde(with = "hash_text")]
    pub class: ClassHash,
    /// Where the lock was wanted; the default place if counted for the class as a whole.
    #[serde(default)]
    pub site: Place,
    /// How it was wanted.
    #[serde(with = "crate::wire")]
    pub mode: Mode,
    /// How often it was acquired; zero if only contentions are counted there.
    #[serde(default)]
    pub n_acquisitions: u64,
    /// How often its caller had to wait.
    #[serde(default)]
    pub n_contentions: u64,
    /// How long callers waited when they had to.
    #[serde(default)]
    pub wait: Durations,
    /// How long it was held after a contended acquisition.
    #[serde(default)]
    pub hold: Durations,
}

/// Durations summed up: count, extremes, sum, and a histogram with a bucket for each power of two.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Durations {
    /// How many were measured.
    pub count: u64,
    /// The shortest, in nanoseconds; zero if none was measured.
    pub min_ns: u64,
    /// The longest, in nanoseconds.
    pub max_ns: u64,
    /// Their sum, in nanoseconds.
    pub total_ns: u64,
    /// `buckets[i]` counts those of at least `2^i` and less than `2^(i+1)` nanoseconds; trailing
    /// zeros are left out.
    pub buckets: Vec<u64>,
}

impl Durations {
    /// Adds one duration.
    pub fn add(&mut self, duration_ns: u64) {
        let bucket = (63 - duration_ns.max(1).leading_zeros()) as usize;
        if self.buckets.len() <= bucket {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
        self.min_ns = if self.count == 0 { duration_ns } else { self.min_ns.min(duration_ns) };
        self.max_ns = self.max_ns.max(duration_ns);
        self.total_ns = self.total_ns.saturating_add(duration_ns);
        self.count += 1;
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.min_ns = if self.count == 0 { other.min_ns } else { self.min_ns.min(other.min_ns) };
        self.max_ns = self.max_ns.max(other.max_ns);
        self.total_ns = self.total_ns.saturating_add(other.total_ns);
        self.count += other.count;
        if self.buckets.len() < other.buckets.len() {
            self.buckets.resize(other.buckets.len(), 0);
        }
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
    }

    /// Returns the mean, in nanoseconds; zero if none was measured.
    pub fn mean_ns(&self) -> u64 {
        self.total_ns.checked_div(self.count).unwrap_or(0)
    }
}

/// How a run ended, and how much it looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EndRecord {
    /// How much was looked at, and what was not.
    #[serde(with = "crate::wire::counters")]
    pub counters: Counters,
    /// What was dropped or not looked at, by reason, most frequent first.
    pub unseen: Vec<(String, u64)>,
    /// How many threads the process had that lockdep numbered; zero if the writer did not say.
    pub n_threads: u64,
    /// How many distinct violations were found.
    pub n_reports: u64,
    /// How many of them are denied.
    pub n_denied: u64,
}

const fn yes() -> bool {
    true
}

const fn blocking() -> Wait {
    Wait::Blocking
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
const fn is_blocking(wait: &Wait) -> bool {
    matches!(wait, Wait::Blocking)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
const fn is_no_signal(number: &i32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// A hash as sixteen hexadecimal digits: JSON numbers lose bits in most tools.
mod hash_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use lockdep_validator::ClassHash;

    pub(super) fn serialize<S: Serializer>(hash: &ClassHash, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(hash)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ClassHash, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        ClassHash::parse(&text).ok_or_else(|| D::Error::custom(format_args!("`{text}` is not a class hash")))
    }
}

/// Several hashes.
mod hash_list {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use lockdep_validator::ClassHash;

    pub(super) fn serialize<S: Serializer>(hashes: &[ClassHash], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(hashes.iter().map(ClassHash::to_string))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<ClassHash>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let parse = |text: &String| {
            ClassHash::parse(text)
                .ok_or_else(|| D::Error::custom(format_args!("`{text}` is not a class hash")))
        };
        texts.iter().map(parse).collect()
    }
}
