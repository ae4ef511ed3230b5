//! From a creation site and a type to a class.

use std::sync::{Mutex, PoisonError, RwLock};

use lockdep_report::model::Place;
use lockdep_report::{path, short_name};
use lockdep_validator::state::class::{ClassAttributes, LockClassKey as EngineKey};
use lockdep_validator::{ClassId, ClassOrder, Site};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::hook::{AnyKey, LockClassKey, LockInfo};
use crate::runtime::Runtime;
use crate::runtime::identity::site;
use crate::runtime::output::sink;

/// What a class is found by without looking at a string: constants of the program, by address.
///
/// One class may have several of these (a function may exist more than once in a program); one of these has one class.
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

    /// The class, registered now if it is new; `None` if the table of classes is full.
    pub(crate) fn find(&mut self, runtime: &Runtime, key: AnyKey, info: &LockInfo) -> Option<ClassId> {
        if let Some(class) = self.peek(key, info) {
            return Some(class);
        }
        let token = Token::new(key, info);
        let class = runtime.classes.find(runtime, token, key, info)?;
        self.0[token.slot()] = Cached { token, class: Some(class), is_plural: false };
        Some(class)
    }
}

/// The classes of the process by token.
#[derive(Debug)]
pub(crate) struct Classes {
    /// A leaf lock; the engine's registry is not called under it.
    known: RwLock<FxHashMap<Token, ClassId>>,
    source_root: Option<String>,
    /// Classes of which somebody was told that they have an order already. A leaf lock.
    disputed: Mutex<FxHashSet<ClassId>>,
}

impl Classes {
    pub(crate) fn new(source_root: Option<String>) -> Self {
        Self { known: RwLock::default(), source_root, disputed: Mutex::default() }
    }

    /// Gives the class an order. It keeps the first; a second one is named, once.
    pub(crate) fn order(&self, runtime: &Runtime, class: ClassId, order: ClassOrder) {
        let Err(first) = runtime.validator.order_class(class, order) else { return };
        if self.disputed.lock().unwrap_or_else(PoisonError::into_inner).insert(class) {
            let name =
                runtime.validator.class(class).map_or_else(String::new, |class| short_name(&class.key));
            sink::notice(&format!(
                "the locks of `{name}` are ordered {} already; another order, {}, is ignored",
                first.as_str(),
                order.as_str()
            ));
        }
    }

    #[cold]
    fn find(&self, runtime: &Runtime, token: Token, key: AnyKey, info: &LockInfo) -> Option<ClassId> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&token).copied();
        if known.is_some() {
            return known;
        }
        let (engine_key, site, attributes) = self.describe(key, info);
        let class = runtime.validator.register_class(&engine_key, site, attributes)?;
        if let AnyKey::Named(LockClassKey { order: Some(order), .. }) = key {
            self.order(runtime, class, *order);
        }
        if (info.is_sendable)() {
            runtime.validator.set_movable(class);
        }
        if runtime.suspects.contains(&engine_key) {
            runtime.validator.trace(class);
        }
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(token, class);
        if let Some(recorder) = &runtime.recorder {
            recorder.class(runtime, class);
        }
        Some(class)
    }

    fn describe(&self, key: AnyKey, info: &LockInfo) -> (EngineKey, Site, ClassAttributes) {
        let mut attributes =
            ClassAttributes { outer: info.outer, inner: info.inner, ..ClassAttributes::default() };
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
