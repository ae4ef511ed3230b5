//! The classes that are known, by what a lock says of itself: its creation site or its key, and its
//! type.
//!
//! How a class that is new gets registered is in `event/classes.rs`.

use std::sync::{Mutex, PoisonError, RwLock};

use lockdep_report::model::Place;
use lockdep_report::path;
use lockdep_validator::state::class::{ClassAttributes, LockClassKey as EngineKey};
use lockdep_validator::{ClassId, Site};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::hook::{AnyKey, LockInfo};
use crate::runtime::identity::site;

/// What a class is found by without looking at a string: constants of the program, by address.
///
/// One class may have several of these (a function may exist more than once in a program); one of
/// these has one class.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Token {
    /// The `Location` or the `LockClassKey`.
    key: usize,
    /// `type_name::<T>`.
    type_name: usize,
    /// The kind's text.
    kind: usize,
}

impl Token {
    #[inline]
    fn new(key: AnyKey, info: &LockInfo) -> Self {
        let key = match key {
            AnyKey::Site(site) => usize::try_from(site.token()).unwrap_or_default(),
            AnyKey::Named(key) => std::ptr::from_ref(key).addr(),
        };
        Self { key, type_name: info.type_name as usize, kind: info.kind.as_ptr().addr() }
    }

    #[inline]
    fn slot(self) -> usize {
        // A Fibonacci hash: both words are aligned addresses, whose low bits say little.
        let mixed = (self.key ^ self.type_name.rotate_left(17)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed >> (usize::BITS - N_SLOTS.ilog2())
    }
}

/// Slots of a thread's cache; a power of two.
const N_SLOTS: usize = 64;

/// The classes that one thread has used lately. A fresh lock of a known class costs one look here.
#[derive(Debug)]
pub(crate) struct ClassCache(Box<[Cached; N_SLOTS]>);

#[derive(Clone, Copy, Debug, Default)]
struct Cached {
    token: Token,
    class: Option<ClassId>,
    /// Whether the class is known to have several locks: nothing is to be noted about another one.
    is_plural: bool,
}

impl Default for ClassCache {
    fn default() -> Self {
        Self(Box::new([Cached::default(); N_SLOTS]))
    }
}

impl ClassCache {
    /// The class, if this thread has used it lately. Takes no lock and allocates nothing.
    #[inline]
    pub(crate) fn peek(&self, key: AnyKey, info: &LockInfo) -> Option<ClassId> {
        let token = Token::new(key, info);
        let cached = &self.0[token.slot()];
        if cached.token == token { cached.class } else { None }
    }

    /// The class, if this thread has used it lately and it is known to have several locks.
    #[inline(always)]
    pub(crate) fn peek_plural(&self, key: AnyKey, info: &LockInfo) -> Option<ClassId> {
        let token = Token::new(key, info);
        let cached = &self.0[token.slot()];
        if cached.is_plural && cached.token == token { cached.class } else { None }
    }

    /// Notes that the class was found to have several locks.
    pub(crate) fn note_plural(&mut self, key: AnyKey, info: &LockInfo) {
        let token = Token::new(key, info);
        let cached = &mut self.0[token.slot()];
        cached.is_plural |= cached.token == token;
    }

    /// Keeps the class for the next lock of it.
    pub(crate) fn keep(&mut self, key: AnyKey, info: &LockInfo, class: ClassId) {
        let token = Token::new(key, info);
        self.0[token.slot()] = Cached { token, class: Some(class), is_plural: false };
    }
}

/// The classes of the process by token.
#[derive(Debug)]
pub(crate) struct Classes {
    /// A leaf lock; the engine's registry is not called under it.
    known: RwLock<FxHashMap<Token, ClassId>>,
    source_root: Option<String>,
    /// Classes whose second order was named in a notice. A leaf lock.
    disputed: Mutex<FxHashSet<ClassId>>,
}

impl Classes {
    pub(crate) fn new(source_root: Option<String>) -> Self {
        Self { known: RwLock::default(), source_root, disputed: Mutex::default() }
    }

    /// Returns the class, if any thread has used it.
    pub(crate) fn get(&self, key: AnyKey, info: &LockInfo) -> Option<ClassId> {
        let token = Token::new(key, info);
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(&token).copied()
    }

    /// Makes the class known to all threads.
    pub(crate) fn insert(&self, key: AnyKey, info: &LockInfo, class: ClassId) {
        let token = Token::new(key, info);
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(token, class);
    }

    /// Notes that the class was given a second order; returns whether this is the first time.
    pub(crate) fn dispute(&self, class: ClassId) -> bool {
        self.disputed.lock().unwrap_or_else(PoisonError::into_inner).insert(class)
    }

    /// Returns what the engine registers for a lock of this key.
    pub(crate) fn describe(&self, key: AnyKey, info: &LockInfo) -> (EngineKey, Site, ClassAttributes) {
        let mut attributes = ClassAttributes {
            outer: info.outer,
            inner: info.inner,
            recursive_reads: info.recursive_reads,
            ..ClassAttributes::default()
        };
        let type_name = (info.type_name)().to_owned();
        match key {
            AnyKey::Site(site) => {
                let site = site::of_creation(site);
                let engine_key = self.engine_key(None, info.kind, type_name, &site::place(site));
                (engine_key, site, attributes)
            }
            AnyKey::Named(key) => {
                let kind = if key.kind.is_empty() { info.kind } else { key.kind };
                let place = site::place(site::site(key.location));
                let name = format!("{}{}", key.name, key.suffix);
                let engine_key = self.engine_key(Some(&name), kind, type_name, &place);
                if (key.outer, key.inner) != Default::default() {
                    (attributes.outer, attributes.inner) = (key.outer, key.inner);
                }
                attributes.lock_type = key.lock_type;
                attributes.validation = key.validation;
                attributes.declared = key.declared;
                (engine_key, site::site(key.location), attributes)
            }
        }
    }

    /// Returns what the engine registers for what a thread waits for that is no lock.
    pub(crate) fn describe_event(&self, kind: &str, made_at: Site) -> EngineKey {
        self.engine_key(None, kind, String::new(), &site::place(made_at))
    }

    fn engine_key(&self, name: Option<&str>, kind: &str, type_name: String, place: &Place) -> EngineKey {
        EngineKey {
            name: name.map(str::to_owned),
            kind: kind.to_owned(),
            type_name,
            file: path::normalised(&place.file, self.source_root.as_deref()),
            line: place.line,
            column: place.column,
            ..EngineKey::default()
        }
    }
}
