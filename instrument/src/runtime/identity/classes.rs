//! The classes that are known, by what a lock says of itself: its creation site or its key, and its
//! type.
//!
//! How a class that is new gets registered is in `event/classes.rs`.

use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError, RwLock};

use lockdep_report::path;
use lockdep_report::place::Place;
use lockdep_validator::{ClassAttributes, ClassId, LockClassKey as EngineKey, LockId, Site};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::lock::{AnyKey, LockInfo};
use crate::runtime::identity::known_class::{KnownClass, Token};
use crate::runtime::identity::site;

impl Token {
    #[inline]
    pub(crate) fn new(key: AnyKey, info: &LockInfo) -> Self {
        let key = match key {
            AnyKey::Site(site) => usize::try_from(site.token()).unwrap_or_default(),
            AnyKey::Named(key) => std::ptr::from_ref(key).addr(),
        };
        Self { key, type_name: info.type_name as usize, kind: info.kind_token.addr() }
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
///
/// A place of the [quick stack](crate::runtime::task::quick) may lead to one of them. INVARIANT: a
/// slot is given to another class only while the thread's state is taken: afterwards no place knows
/// anything.
#[derive(Debug)]
pub(crate) struct ClassCache(NonNull<[Cached; N_SLOTS]>);

// SAFETY: it owns what it leads to.
unsafe impl Send for ClassCache {}

#[derive(Clone, Copy, Debug, Default)]
struct Cached {
    known: KnownClass,
    class: Option<ClassId>,
    /// Whether the class is known to have several locks: nothing is to be noted about another one.
    is_plural: bool,
}

impl Default for ClassCache {
    fn default() -> Self {
        Self(NonNull::from(Box::leak(Box::new([Cached::default(); N_SLOTS]))))
    }
}

impl Drop for ClassCache {
    fn drop(&mut self) {
        // SAFETY: `default` leaked it, and no other code has it.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl ClassCache {
    /// The slot of the token. Of the address of the whole: a place may keep it for longer than the
    /// borrow.
    #[inline(always)]
    fn slot(&self, token: Token) -> *mut Cached {
        self.0.cast::<Cached>().as_ptr().wrapping_add(token.slot())
    }

    #[inline(always)]
    fn find(&self, token: Token) -> Option<&Cached> {
        // SAFETY: one of the slots, which live as long as `self`.
        let cached = unsafe { &*self.slot(token) };
        if cached.known.token == token { Some(cached) } else { None }
    }

    /// The class, if this thread has used it lately. Takes no lock and allocates nothing.
    #[inline]
    pub(crate) fn peek(&self, key: AnyKey, info: &LockInfo) -> Option<ClassId> {
        self.find(Token::new(key, info))?.class
    }

    /// The class, if this thread has used it lately and it is known to have several locks.
    #[inline(always)]
    pub(crate) fn peek_plural(&self, key: AnyKey, info: &LockInfo) -> Option<(ClassId, *const KnownClass)> {
        let token = Token::new(key, info);
        let cached = self.find(token)?;
        if !cached.is_plural {
            return None;
        }
        // SAFETY: one of the slots.
        Some((cached.class?, unsafe { &raw const (*self.slot(token)).known }))
    }

    /// Notes that the class was found to have several locks.
    pub(crate) fn note_plural(&mut self, key: AnyKey, info: &LockInfo) {
        let token = Token::new(key, info);
        // SAFETY: one of the slots, which live as long as `self`.
        let cached = unsafe { &mut *self.slot(token) };
        cached.is_plural |= cached.known.token == token;
    }

    /// Keeps the class for the next lock of it.
    pub(crate) fn keep(&mut self, key: AnyKey, info: &LockInfo, class: ClassId) {
        let token = Token::new(key, info);
        let known = KnownClass { token, word: LockId::new(class, 0).raw() };
        // SAFETY: one of the slots, which live as long as `self`.
        unsafe { *self.slot(token) = Cached { known, class: Some(class), is_plural: false } };
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
