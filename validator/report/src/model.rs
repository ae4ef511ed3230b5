//! The report: everything a renderer needs, in one serialisable value. Schema 1.

use serde::{Deserialize, Serialize};

use super::advice::Advice;
use super::code::ReportCode;
use super::note::Note;
use super::wait_event::WaitEvent;
use lockdep_validator::{Code, DependencyKind, Level, Mode, Ordered, Wait};

use super::note::SeenWriter;
use super::place::{Frame, Frames, Place};
pub use lockdep_validator::Counters;

/// The version of the JSON form.
pub const SCHEMA: u32 = 1;

/// A report, as a person or a tool reads it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// `LD0001` …
    pub code: ReportCode,
    /// How sure it is.
    #[serde(with = "super::wire")]
    pub level: Level,
    /// One sentence that says what can happen.
    pub title: String,
    /// Sixteen hexadecimal digits: code, rotated cycle of (file, type, name, kind); no line
    /// numbers.
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
    /// The threads that wait for each other, each for the next, the last for the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub threads: Vec<WaitingThread>,
    /// Why the level is what it is.
    pub evidence: ReportEvidence,
    /// What explains the level and the rule, most important first. In JSON `notes`, sentences, and
    /// `reasons`, data.
    #[serde(flatten, with = "super::stored::note")]
    pub notes: Vec<Note>,
    /// What to do, most promising first. In JSON `help`, sentences, and `advice`, data.
    #[serde(flatten, with = "super::stored::advice")]
    pub help: Vec<Advice>,
    /// How much was looked at, and what was not.
    #[serde(with = "super::wire::counters")]
    pub counters: Counters,
}

/// A class that a report names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
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
    /// Whether its locks may have a recursive read beside the fair one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recursive_reads: bool,
}

/// One lock as a report points at it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReportLock {
    /// Its class's display name.
    pub class: String,
    /// Its class's hash.
    pub hash: String,
    /// How it is held or wanted.
    #[serde(with = "super::wire")]
    pub mode: Mode,
    /// How its caller waits.
    #[serde(with = "super::wire")]
    pub wait: Wait,
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
    /// The stack of the first acquisition at the place, where it may not be this one: its callers
    /// may be others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first_seen: Vec<Frame>,
}

const fn exclusive() -> Mode {
    Mode::Exclusive
}

const fn blocking() -> Wait {
    Wait::Blocking
}

const fn is_exact() -> bool {
    true
}

/// What a thread waits for that is no lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Awaited {
    /// The end of a thread.
    Thread,
    /// The end of a `thread::scope`.
    Scope,
    /// A message in a channel.
    Message,
    /// Room in a channel.
    Room,
}

/// Kinds of locks that are held while something is made once.
const INITIALISATIONS: [&str; 5] = ["Once", "OnceLock", "LazyLock", "OnceCell", "Lazy"];

impl Report {
    /// Returns whether a class is an initialisation, which can neither be tried nor released before
    /// it is done.
    pub(crate) fn is_initialisation(&self, hash: &str) -> bool {
        let class = self.classes.iter().find(|class| class.hash == hash);
        class.is_some_and(|class| INITIALISATIONS.contains(&class.kind.as_str()))
    }

    /// Returns what the thread waits for, if the report is about a wait.
    pub(crate) fn awaited_kind(&self) -> Option<Awaited> {
        let awaited = self.closing().filter(|_| self.code == Code::WaitHoldingLock)?;
        let class = self.classes.iter().find(|class| class.hash == awaited.to_hash);
        Some(match class.map(|class| class.kind.as_str()) {
            Some("Scope") => Awaited::Scope,
            Some("Channel") => Awaited::Message,
            Some("ChannelRoom") => Awaited::Room,
            _ => Awaited::Thread,
        })
    }

    /// Returns the level as a number: two for an error, one for a warning, zero for a note. Higher
    /// is surer.
    pub const fn rank(&self) -> u8 {
        match self.level {
            Level::Error => 2,
            Level::Warning => 1,
            Level::Note => 0,
        }
    }

    /// Returns what distinguishes this report from every other: the fingerprint, and the hashes of
    /// the classes themselves. Classes that differ only in their line have one fingerprint, because
    /// it survives moving code; they are different defects all the same.
    pub fn identity(&self) -> String {
        let mut hashes: Vec<&str> = self.cycle.iter().map(|step| step.from_hash.as_str()).collect();
        if !self.threads.is_empty() {
            let locks = self.threads.iter().map(|thread| thread.wait.lock.as_ref());
            hashes = locks.map(|lock| lock.map_or("", |lock| lock.hash.as_str())).collect();
        }
        if hashes.is_empty() || self.code == Code::SameClassOrder {
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

    /// Returns the dependency that closed the cycle; none if the rule knows no cycle.
    pub fn closing(&self) -> Option<&ReportDependency> {
        self.cycle.iter().rfind(|step| step.closing).or(self.cycle.last())
    }

    /// Returns whether this is a cycle through several classes. Those that share a class are one
    /// problem to the person who fixes it.
    pub fn is_class_cycle(&self) -> bool {
        self.code == Code::CircularDependency && self.cycle.len() > 1
    }

    /// Whether this is about a lock that its thread holds already.
    pub fn is_recursion(&self) -> bool {
        matches!(self.code.known(), Some(Code::Recursion | Code::RecursiveFairRead))
    }
}

/// One dependency of a cycle.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReportDependency {
    /// The class that was held, by display name.
    pub from: String,
    /// The class that was acquired, by display name.
    pub to: String,
    /// `ER`, `EN`, `SR` or `SN`.
    #[serde(with = "super::wire")]
    pub kind: DependencyKind,
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
    #[serde(default = "exclusive", with = "super::wire")]
    pub held_mode: Mode,
    /// How the other was wanted.
    #[serde(default = "exclusive", with = "super::wire")]
    pub acquire_mode: Mode,
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
    #[serde(default = "blocking", with = "super::wire")]
    pub acquire_wait: Wait,
    /// The process of the first sighting, when records of several were joined; else empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub process: String,
    /// The first sighting of locks that another thread had acquired before, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<Box<ReportDependency>>,
}

/// A thread of a hang.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WaitingThread {
    /// Its name; libtest names threads after tests.
    pub thread: String,
    /// What it waits for.
    pub wait: ThreadWait,
    /// What it holds, oldest first.
    #[serde(default)]
    pub holds: Vec<ReportLock>,
    /// The thread that it waits for, by name; on a ring the next one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub waits_for: String,
}

/// What a thread waits for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ThreadWait {
    /// The kind of what it waits for.
    pub kind: WaitKind,
    /// The lock, if it waits for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<ReportLock>,
    /// The thread whose end it waits for, if it waits for one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub end_of: String,
    /// The thread whose waiting write a reader queues behind, if readers alone keep it out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub behind: String,
    /// The object that it waits on, if something is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<WaitEvent>,
    /// Where it waits.
    pub site: Place,
    /// For how long it has waited at least, in milliseconds.
    pub waited_ms: u64,
    /// Whether the wait ends by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub timed: bool,
}

/// The kinds of waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WaitKind {
    /// For a lock.
    Lock,
    /// For the other readers of a lock that it holds upgradable.
    Upgrade,
    /// For a notification, and then for the mutex that it gave up.
    Notification,
    /// For the end of a thread.
    ThreadEnd,
    /// For the end of the threads of a scope.
    ScopeEnd,
    /// For a message in a channel.
    Message,
    /// For room in a channel, or for its receiver.
    Room,
    /// For the other parties of a barrier.
    Arrivals,
    /// For another thread to unpark it.
    Unpark,
    /// For time to pass.
    Time,
    /// For something that the program itself defines.
    Event,
    /// For something that only a newer version knows.
    #[serde(other)]
    Newer,
}

/// A place and what happened there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LabelledPlace {
    /// What happened, as part of a sentence.
    pub label: String,
    /// Where.
    pub place: Place,
}

/// Why the level is what it is.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReportEvidence {
    /// Whether the instances themselves close the cycle.
    pub same_instances: bool,
    /// Whether the locks are fields of one struct, by their distance in memory.
    pub sibling: bool,
    /// The display name of a class of which a lock was held around two of those that wait
    /// (dependencies, and writers that queue).
    pub gate: Option<String>,
    /// How many threads took part.
    pub threads: usize,
    /// `program`, `spawn`, `join`, or null if nothing ordered the sides.
    #[serde(default, with = "super::wire::option")]
    pub ordered: Option<Ordered>,
    /// Whether a writer was seen on every class whose readers the cycle waits for.
    pub writer_seen: bool,
    /// The first writer of the class that was seen, where a reader reads again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer: Option<SeenWriter>,
    /// Whether the cycle needs a timed acquisition.
    #[serde(default)]
    pub timed: bool,
    /// Whether it rests on a held lock whose guard may have been sent to another thread.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub movable: bool,
    /// Whether the classes are interchangeable by declaration or single.
    #[serde(default)]
    pub declared: bool,
    /// Whether the source shows that a side of it had a lock to itself, so that what was seen
    /// cannot hang.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub owned: bool,
    /// Whether the source shows that a side of it took a lock that its function had made and not
    /// yet returned.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fresh: bool,
    /// Whether an order of the cycle was seen only where no other thread could have the inner lock:
    /// it lay on the stack of the thread that took it, which was the first to do so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unpublished: bool,
    /// Whether the locks close the cycle themselves, and a place shown is that of other locks of
    /// these classes, because theirs was not recorded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub other_objects: bool,
    /// Whether an order was seen in one task whose two acquisitions may belong to two futures that
    /// the task polls by turns.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub two_futures: bool,
    /// Whether it needs a wait beside which the task polls other futures.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub beside: bool,
}

impl ReportEvidence {
    /// Returns whether the source, or the run, shows a lock that no other thread could reach. The
    /// threads as they were seen then do not hang.
    pub fn is_out_of_reach(&self) -> bool {
        self.owned || self.fresh || self.unpublished
    }
}
