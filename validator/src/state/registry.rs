//! The class registry: keys to ids, ids to records.

use std::fmt;
use std::hash::Hasher;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use dashmap::DashMap;
use rustc_hash::{FxBuildHasher, FxHasher};

use super::class::{ClassAttributes, LockClass, LockClassKey, Validation};
use super::class_order::ClassOrder;
use super::table::Table;
use crate::base::id::{ClassId, LockId, Subclass};
use crate::base::site::Site;

/// What is remembered about one class besides its dependencies.
pub(crate) struct ClassRecord {
    pub(crate) class: LockClass,
    /// The class of subclass zero, which counts the instances; itself for most.
    pub(crate) base: ClassId,
    /// What the class is for fingerprints: no line numbers.
    pub(crate) identity: u64,
    /// INVARIANT: only ever gains bits, but for `REMOVED`, which is final.
    flags: AtomicU32,
    /// The first instance that was seen; zero if none.
    first_instance: AtomicU64,
    /// One usage bit for each (context, direction, mode); see `check::usage`.
    pub(crate) usage: AtomicU64,
    /// The ids of subclasses 1 to 7; zero where none was used.
    subclasses: [AtomicU32; Subclass::LIMIT as usize - 1],
    /// The order of its locks among themselves, if their author gave them one.
    pub(crate) order: OnceLock<ClassOrder>,
}

/// Facts about a class that turn up while the program runs.
pub(crate) mod fact {
    /// The class was removed.
    pub(crate) const REMOVED: u32 = 1;
    /// It lies on a reported cycle: its locks are distinguished.
    pub(crate) const SUSPECT: u32 = 2;
    /// More than one of its locks was seen.
    pub(crate) const SEVERAL_INSTANCES: u32 = 4;
    /// A blocking writer was seen.
    pub(crate) const WRITER_SEEN: u32 = 8;
    /// A class whose only lock counted as gate somewhere.
    pub(crate) const GATE: u32 = 16;
    /// What all its writers held lowered something.
    pub(crate) const GATED_WRITERS: u32 = 32;
    /// Orders between its single locks are remembered.
    pub(crate) const ORDERED: u32 = 64;
    /// Another thread than the one that acquired one of its locks can release it.
    pub(crate) const MOVABLE: u32 = 128;
    /// A stack is recorded at each acquisition.
    pub(crate) const TRACED: u32 = 256;

    const ALL: [u32; 9] =
        [REMOVED, SUSPECT, SEVERAL_INSTANCES, WRITER_SEEN, GATE, GATED_WRITERS, ORDERED, MOVABLE, TRACED];
    const _: () = {
        let (mut seen, mut index) = (0, 0);
        while index < ALL.len() {
            assert!(seen & ALL[index] == 0, "a bit for each fact");
            seen |= ALL[index];
            index += 1;
        }
    };
}

impl ClassRecord {
    #[inline]
    pub(crate) fn has(&self, fact: u32) -> bool {
        // ORDERING: Relaxed: a fact that matters to caches is published by the epoch, which is
        // bumped after it was set.
        self.flags.load(Ordering::Relaxed) & fact != 0
    }

    /// Notes a fact; `true` if it is new.
    pub(crate) fn note(&self, fact: u32) -> bool {
        // ORDERING: Relaxed: see `has`.
        self.flags.fetch_or(fact, Ordering::Relaxed) & fact == 0
    }

    /// Notes an instance; `true` if the class just turned out to have several.
    pub(crate) fn note_instance(&self, lock: LockId) -> bool {
        if self.has(fact::SEVERAL_INSTANCES) {
            return false;
        }
        // ORDERING: Relaxed: only the value itself matters; a thread that comes second sees some
        // other instance.
        match self.first_instance.compare_exchange(0, lock.raw(), Ordering::Relaxed, Ordering::Relaxed) {
            Err(first) if first != lock.raw() => self.note(fact::SEVERAL_INSTANCES),
            _ => false,
        }
    }
}

impl fmt::Debug for ClassRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClassRecord").field("class", &self.class).finish_non_exhaustive()
    }
}

/// All classes. Reading takes no lock; registering takes one that nests in nothing.
#[derive(Debug)]
pub(crate) struct Registry {
    by_key: DashMap<LockClassKey, ClassId, FxBuildHasher>,
    /// By the number of the class, so that a lock id leads there in few instructions. INVARIANT:
    /// the first place is empty.
    table: Table<ClassRecord>,
    registering: Mutex<()>,
    n_classes: AtomicUsize,
    /// Whether any class is ordered by its single locks; saves the look at the class of each lock
    /// that goes away.
    has_ordered: AtomicBool,
    /// The keys that locks were given for the order of their class, by instance number.
    order_keys: DashMap<u64, u64, FxBuildHasher>,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self {
            by_key: DashMap::default(),
            table: Table::new(),
            registering: Mutex::new(()),
            n_classes: AtomicUsize::new(0),
            has_ordered: AtomicBool::new(false),
            order_keys: DashMap::default(),
        }
    }

    /// Gives a lock a key; returns the one that it had.
    pub(crate) fn set_order_key(&self, lock: LockId, key: u64) -> Option<u64> {
        // A thread that drops a lock of the class has a key to take away.
        self.note_ordered(lock.class());
        self.order_keys.insert(lock.instance(), key)
    }

    /// The key of a lock.
    pub(crate) fn order_key(&self, lock: LockId) -> Option<u64> {
        self.order_keys.get(&lock.instance()).map(|key| *key)
    }

    /// Forgets the key of a lock that is gone.
    pub(crate) fn forget_order_key(&self, lock: LockId) {
        self.order_keys.remove(&lock.instance());
    }

    /// Notes that orders between the locks of a class are remembered.
    pub(crate) fn note_ordered(&self, id: ClassId) {
        if self.record(id).is_some_and(|record| record.note(fact::ORDERED)) {
            // ORDERING: Relaxed: it matters to a thread that drops a lock of the class, and a lock
            // gets to that thread by way of synchronisation of the program's.
            self.has_ordered.store(true, Ordering::Relaxed);
        }
    }

    /// Whether another task than the one that acquired a lock of the class can release it.
    pub(crate) fn is_movable(&self, class: ClassId) -> bool {
        self.record(class).is_some_and(|record| self.record(record.base).unwrap_or(record).has(fact::MOVABLE))
    }

    #[inline]
    pub(crate) fn has_ordered(&self) -> bool {
        // ORDERING: Relaxed: see `note_ordered`.
        self.has_ordered.load(Ordering::Relaxed)
    }

    /// Registers a class, or finds it. `None` when the table is full.
    pub(crate) fn register(
        &self,
        key: &LockClassKey,
        site: Site,
        attributes: ClassAttributes,
    ) -> Option<ClassId> {
        self.register_under(key, site, attributes, None)
    }

    fn register_under(
        &self,
        key: &LockClassKey,
        site: Site,
        attributes: ClassAttributes,
        base: Option<ClassId>,
    ) -> Option<ClassId> {
        if let Some(id) = self.find(key) {
            return Some(id);
        }
        let _registering = self.registering.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = self.find(key) {
            return Some(id);
        }
        // ORDERING: Relaxed: only changed under `registering`; readers use it as a count.
        let index = self.n_classes.load(Ordering::Relaxed);
        let id = ClassId::from_index(index)?;
        let attributes =
            ClassAttributes { declared: attributes.declared || key.name.is_some(), ..attributes };
        let record = ClassRecord {
            identity: identity(key),
            base: base.unwrap_or(id),
            class: LockClass { key: key.clone(), hash: key.hash(), site, attributes },
            flags: AtomicU32::new(0),
            first_instance: AtomicU64::new(0),
            usage: AtomicU64::new(0),
            subclasses: Default::default(),
            order: OnceLock::new(),
        };
        self.table.put(id.number(), record).ok()?;
        // ORDERING: Relaxed: see above.
        self.n_classes.store(index + 1, Ordering::Relaxed);
        self.by_key.insert(key.clone(), id);
        Some(id)
    }

    /// The class of a key. The reference into the map ends here, so that nothing is called while it
    /// lives.
    fn find(&self, key: &LockClassKey) -> Option<ClassId> {
        self.by_key.get(key).map(|id| *id)
    }

    #[inline]
    pub(crate) fn record(&self, id: ClassId) -> Option<&ClassRecord> {
        self.table.at(id.number())
    }

    /// Returns the record of a lock's class, for the fast path.
    #[inline(always)]
    pub(crate) fn record_of(&self, lock: LockId) -> Option<&ClassRecord> {
        self.table.at(lock.class_number())
    }

    /// The class of a nesting level, made at its first use. Falls back to the base class when the
    /// table is full.
    pub(crate) fn level(&self, base: ClassId, subclass: Subclass) -> ClassId {
        let Some(slot) = (subclass.level() as usize).checked_sub(1) else { return base };
        let Some(record) = self.record(base) else { return base };
        let Some(cell) = record.subclasses.get(slot) else { return base };
        // ORDERING: Acquire pairs with the Release below: a thread that reads the id finds the
        // record behind it.
        let known = cell.load(Ordering::Acquire);
        if let Some(id) = (known as usize).checked_sub(1).and_then(ClassId::from_index) {
            return id;
        }
        let class = &record.class;
        let key = LockClassKey { subclass, ..class.key.clone() };
        let Some(id) = self.register_under(&key, class.site, class.attributes, Some(base)) else {
            return base;
        };
        // ORDERING: Release publishes the record; two threads store the same id.
        cell.store(id.raw(), Ordering::Release);
        id
    }

    /// Takes the key out, so that the next registration of it makes a new class.
    pub(crate) fn remove(&self, id: ClassId) -> bool {
        let Some(record) = self.record(id) else { return false };
        if !record.note(fact::REMOVED) {
            return false;
        }
        self.by_key.remove_if(&record.class.key, |_, known| *known == id);
        true
    }

    /// A class and those of its nesting levels that were used.
    pub(crate) fn levels(&self, base: ClassId) -> Vec<ClassId> {
        let known = self.record(base).into_iter().flat_map(|record| &record.subclasses);
        // ORDERING: Acquire pairs with the Release in `level`.
        let levels = known.filter_map(|cell| (cell.load(Ordering::Acquire) as usize).checked_sub(1));
        std::iter::once(base).chain(levels.filter_map(ClassId::from_index)).collect()
    }

    pub(crate) fn n_classes(&self) -> usize {
        // ORDERING: Relaxed: a statistic.
        self.n_classes.load(Ordering::Relaxed)
    }

    /// How much validation the class takes part in; nothing for one that is unknown or removed.
    pub(crate) fn validation(&self, id: ClassId) -> Validation {
        match self.record(id) {
            Some(record) if !record.has(fact::REMOVED) => record.class.attributes.validation,
            _ => Validation::Untracked,
        }
    }
}

/// The hash of what names a class across versions of a file: no line, no column.
fn identity(key: &LockClassKey) -> u64 {
    let mut hasher = FxHasher::default();
    for part in [&key.file, &key.type_name, &key.kind, key.name.as_ref().unwrap_or(&String::new())] {
        hasher.write(part.as_bytes());
        hasher.write_u8(0xff);
    }
    hasher.write_u8(key.subclass.level());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> LockClassKey {
        LockClassKey { name: Some(name.into()), ..LockClassKey::default() }
    }

    #[test]
    fn the_same_key_is_the_same_class_and_levels_are_classes_of_their_own() {
        let registry = Registry::new();
        let a = registry.register(&key("a"), Site(1), ClassAttributes::default()).expect("room");
        assert_eq!(registry.register(&key("a"), Site(2), ClassAttributes::default()), Some(a));
        let b = registry.register(&key("b"), Site(1), ClassAttributes::default()).expect("room");
        assert_ne!(a, b);
        let one = Subclass::new(1).expect("below the limit");
        let level = registry.level(a, one);
        assert_ne!(level, a);
        assert_eq!(registry.level(a, one), level);
        assert_eq!(registry.level(a, Subclass::ZERO), a);
        assert_eq!(registry.n_classes(), 3);
    }

    #[test]
    fn a_removed_class_is_not_found_again() {
        let registry = Registry::new();
        let a = registry.register(&key("a"), Site(1), ClassAttributes::default()).expect("room");
        assert!(registry.remove(a) && !registry.remove(a));
        assert_eq!(registry.validation(a), Validation::Untracked);
        assert_ne!(registry.register(&key("a"), Site(1), ClassAttributes::default()), Some(a));
    }

    #[test]
    fn a_second_instance_is_noticed_once() {
        let registry = Registry::new();
        let a =
            registry.register(&LockClassKey::default(), Site(1), ClassAttributes::default()).expect("room");
        let record = registry.record(a).expect("registered");
        assert!(!record.note_instance(LockId::new(a, 1)) && !record.note_instance(LockId::new(a, 1)));
        assert!(!record.has(fact::SEVERAL_INSTANCES));
        assert!(record.note_instance(LockId::new(a, 2)) && !record.note_instance(LockId::new(a, 3)));
        assert!(record.has(fact::SEVERAL_INSTANCES));
    }
}
