//! The set of validated chains: `chains.rs`, over a stand-in for `DashMap` with one shard, whose
//! lock is loom's.
//!
//! That the map itself works is the word of its authors. What is checked is the hand-over around
//! it: a chain that is found there was validated with everything that was known when the set was
//! last emptied, and what a task keeps for itself is void before it can be stale.

use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;

use loom::sync::atomic::{AtomicU64 as LoomU64, Ordering};
use loom::sync::{Mutex, MutexGuard};
use loom::thread;

use lockdep_validator::Site;
use rustc_hash::FxHashMap;

use crate::seed::{self, explore};

#[path = "../../../validator/src/state/chains.rs"]
#[expect(dead_code, reason = "the models use a part of it")]
mod chains;

use chains::{Chains, Looks};

/// The atomics of the set, with a weakness.
#[derive(Debug, Default)]
pub(crate) struct AtomicU64(LoomU64);

impl AtomicU64 {
    pub(crate) fn load(&self, order: Ordering) -> u64 {
        self.0.load(if seed::is("generation-relaxed") { Ordering::Relaxed } else { order })
    }

    pub(crate) fn store(&self, value: u64, order: Ordering) {
        self.0.store(value, order);
    }

    pub(crate) fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        let value = if seed::is("count-missing") { 0 } else { value };
        self.0.fetch_add(value, if seed::is("count-relaxed") { Ordering::Relaxed } else { order })
    }
}

/// A map behind one lock.
pub struct DashMap<K, V, S> {
    shard: Mutex<FxHashMap<K, V>>,
    hasher: PhantomData<S>,
}

impl<K, V, S> std::fmt::Debug for DashMap<K, V, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DashMap")
    }
}

impl<K, V, S> Default for DashMap<K, V, S> {
    fn default() -> Self {
        Self { shard: Mutex::new(FxHashMap::default()), hasher: PhantomData }
    }
}

/// The place of a key, with the lock.
#[derive(Debug)]
pub enum Entry<'a, K, V> {
    /// There is something.
    Occupied,
    /// There is nothing.
    Vacant(Vacant<'a, K, V>),
}

/// See [`Entry`].
#[derive(Debug)]
pub struct Vacant<'a, K, V>(MutexGuard<'a, FxHashMap<K, V>>, K);

impl<K: Eq + Hash + Copy, V> Vacant<'_, K, V> {
    pub(crate) fn insert(mut self, value: V) {
        self.0.insert(self.1, value);
    }
}

impl<K: Eq + Hash + Copy, V> Entry<'_, K, V> {
    pub(crate) fn or_insert(self, value: V) {
        if let Entry::Vacant(place) = self {
            place.insert(value);
        }
    }
}

impl<K: Eq + Hash + Copy, V: Copy, S> DashMap<K, V, S> {
    fn lock(&self) -> MutexGuard<'_, FxHashMap<K, V>> {
        self.shard.lock().expect("no model panics under it")
    }

    pub(crate) fn contains_key(&self, key: &K) -> bool {
        self.lock().contains_key(key)
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        self.lock().get(key).copied()
    }

    pub(crate) fn alter(&self, key: &K, change: impl FnOnce(&K, V) -> V) {
        if let Some(value) = self.lock().get_mut(key) {
            *value = change(key, *value);
        }
    }

    pub(crate) fn entry(&self, key: K) -> Entry<'_, K, V> {
        let map = self.lock();
        if map.contains_key(&key) { Entry::Occupied } else { Entry::Vacant(Vacant(map, key)) }
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }
}

/// What the engine has beside the set.
#[derive(Debug, Default)]
struct Engine {
    chains: Chains,
    /// How many contexts there are. Relaxed as the engine's facts are: what makes a task see them
    /// is the set, or the epoch.
    n_contexts: LoomU64,
    epoch: LoomU64,
}

impl Engine {
    /// As `Validator::register_context`.
    fn register_context(&self) {
        self.n_contexts.store(1, Ordering::Relaxed);
        if seed::is("bump-before-clear") {
            self.epoch.fetch_add(1, Ordering::Release);
            return self.chains.clear();
        }
        self.chains.clear();
        let order = if seed::is("bump-relaxed") { Ordering::Relaxed } else { Ordering::Release };
        self.epoch.fetch_add(1, order);
    }

    /// As `Validator::acquire` with a chain that is new to the task; returns how many contexts the
    /// rules saw.
    fn validate(&self, key: u64) -> Option<u64> {
        if self.chains.contains(key) {
            return None;
        }
        let since = self.chains.generation();
        let n_seen = self.n_contexts.load(Ordering::Relaxed);
        self.chains.insert(key, (None, Site::UNKNOWN), Looks::NONE, since);
        Some(n_seen)
    }
}

#[test]
fn no_chain_outlives_what_it_was_validated_with() {
    explore(|| {
        let engine = Arc::new(Engine::default());
        let tasks: Vec<_> = (1..3)
            .map(|key| {
                let engine = Arc::clone(&engine);
                thread::spawn(move || (key, engine.validate(key)))
            })
            .collect();
        engine.register_context();
        for task in tasks {
            let (key, n_seen) = task.join().expect("no panic");
            let is_stale = n_seen == Some(0) && engine.chains.contains(key);
            assert!(!is_stale, "broken: a chain is known that was not validated with the new context");
        }
    });
}

#[test]
fn a_cache_is_void_before_it_can_be_stale() {
    explore(|| {
        let engine = Arc::new(Engine::default());
        assert_eq!(engine.validate(1), Some(0));
        let task = {
            let engine = Arc::clone(&engine);
            thread::spawn(move || {
                let order = if seed::is("epoch-relaxed") { Ordering::Relaxed } else { Ordering::Acquire };
                // The key goes into the cache of the task under this epoch.
                let epoch = engine.epoch.load(order);
                let n_seen = engine.n_contexts.load(Ordering::Relaxed);
                let is_known = engine.chains.contains(1);
                assert!(epoch == 0 || !is_known, "broken: a stale chain is kept for the new epoch");
                assert!(epoch == 0 || n_seen == 1, "broken: the new epoch is seen before its context");
            })
        };
        engine.register_context();
        task.join().expect("no panic");
    });
}
