//! Lock classes: the nodes of the dependency graph.

use std::hash::Hasher;

use rustc_hash::FxHasher;

use crate::base::id::{ClassHash, Subclass};
use crate::base::site::Site;

/// The identity of a class: what is the same for all its locks, in every process and on every
/// machine.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct LockClassKey {
    /// The name its author gave, if any. A named class is declared interchangeable: its instances
    /// are not distinguished.
    pub name: Option<String>,
    /// What kind of lock it is, as its type is called: `Mutex`, `RwLock`, `vm_lock` …
    pub kind: String,
    /// The type of the protected data; empty if there is none.
    pub type_name: String,
    /// The normalised path of the creation site (`src/a.rs`, `crate-1.2.3/src/b.rs`); empty if
    /// unknown.
    pub file: String,
    /// The line of the creation site, from 1.
    pub line: u32,
    /// The column of the creation site, from 1.
    pub column: u32,
    /// The nesting level.
    pub subclass: Subclass,
}

impl LockClassKey {
    /// Returns the 64 bits that stand for this class in run records.
    ///
    /// A name stands for itself wherever it is given; without one the creation site decides.
    pub fn hash(&self) -> ClassHash {
        // FxHash over bytes is a fixed function of its input: no seed, the same on every 64-bit
        // machine.
        let mut hasher = FxHasher::default();
        let mut text = |part: &str| {
            hasher.write(part.as_bytes());
            hasher.write_u8(0xff);
        };
        text(&self.kind);
        text(&self.type_name);
        match &self.name {
            Some(name) => text(name),
            None => {
                text(&self.file);
                hasher.write_u64((u64::from(self.line) << 32) | u64::from(self.column));
            }
        }
        hasher.write_u8(self.subclass.level());
        ClassHash(hasher.finish())
    }

    /// Returns the class as one line names it: its name, or kind and data type.
    pub fn display_name(&self) -> String {
        let base = match &self.name {
            Some(name) => name.clone(),
            None if self.type_name.is_empty() => self.kind.clone(),
            None => format!("{}<{}>", self.kind, self.type_name),
        };
        if self.subclass == Subclass::ZERO { base } else { format!("{base}/{}", self.subclass.level()) }
    }
}

/// What a lock waits for, on the ladder of wait types: each may be taken only where its `outer` is
/// allowed. While it is held, nothing above its `inner` may be taken (the kernel's
/// `wait_type_outer` and `wait_type_inner`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum WaitType {
    /// Not checked.
    #[default]
    Unchecked = 0,
    /// Never waits: RCU, epochs, atomics.
    Free = 1,
    /// Spins.
    Spin = 2,
    /// Spins here, may sleep elsewhere; a short blocking lock that is tolerated inside `poll`.
    Config = 3,
    /// Sleeps.
    Sleep = 4,
    /// Anything.
    Max = 5,
}

impl WaitType {
    /// Returns the name as reports print it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unchecked => "unchecked",
            Self::Free => "free",
            Self::Spin => "spin",
            Self::Config => "config",
            Self::Sleep => "sleep",
            Self::Max => "max",
        }
    }
}

/// Special treatment of a class.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum LockType {
    /// An ordinary lock.
    #[default]
    Normal,
    /// Per-CPU or thread-local: orders like a lock but never ends a context inversion.
    PerCpu,
    /// No lock at all: replaces the wait limit while it is held.
    WaitOverride,
}

/// How much of the validation a class takes part in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Validation {
    /// All of it.
    #[default]
    Full,
    /// Held and asserted on, but neither ordered nor marked (the kernel's no-validate key).
    Simple,
    /// Not tracked at all (the kernel's no-track key).
    Untracked,
}

/// What a class is besides its key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct ClassAttributes {
    /// Where it may be taken; `Unchecked` means the same as `inner`.
    pub outer: WaitType,
    /// What may be taken while it is held.
    pub inner: WaitType,
    /// Special treatment.
    pub lock_type: LockType,
    /// How much validation it takes part in.
    pub validation: Validation,
    /// Whether its author declares its instances interchangeable, as every class of the kernel is.
    pub declared: bool,
    /// Whether its locks may have a recursive read beside the fair one.
    pub recursive_reads: bool,
}

/// A registered class.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LockClass {
    /// Its identity.
    pub key: LockClassKey,
    /// Its hash, computed once.
    pub hash: ClassHash,
    /// The embedder's token for the creation site.
    pub site: Site,
    /// What it is besides.
    pub attributes: ClassAttributes,
}
