//! What a scenario may leave out, because it can only mean one thing.
//!
//! An op that names a lock need not repeat its class and flavour: whichever op of the case gives
//! them, gives them for all. A lock whose flavour is given nowhere, not even by its name, has no
//! wait type. What could mean several things stays an error.

use rustc_hash::FxHashMap;

use super::flavour;
use super::op::Op;

/// Fills in what later ops say about locks that earlier ones only name.
pub(super) fn fill_in(ops: &mut [Op]) {
    let (mut classes, mut of_locks, mut of_classes) =
        (FxHashMap::default(), FxHashMap::default(), FxHashMap::default());
    for op in ops.iter() {
        if let (Some(lock), Some(class)) = (&op.lock, &op.class) {
            classes.entry(lock.clone()).or_insert_with(|| class.clone());
        }
        if let (Some(lock), Some(flavour)) = (&op.lock, &op.flavour) {
            of_locks.entry(lock.clone()).or_insert_with(|| flavour.clone());
        }
        if let (Some(class), Some(flavour)) = (&op.class, &op.flavour) {
            of_classes.entry(base(class).to_owned()).or_insert_with(|| flavour.clone());
        }
    }
    let mut named = rustc_hash::FxHashSet::default();
    for op in ops.iter_mut() {
        let Some(lock) = op.lock.clone() else { continue };
        // Only where the lock comes up first: from there on it is known, and may be given another
        // class.
        if !named.insert(lock.clone()) {
            continue;
        }
        if op.class.is_none() {
            op.class = classes.get(&lock).cloned();
        }
        if op.flavour.is_none() {
            let of_class = op.class.as_deref().and_then(|class| of_classes.get(base(class)));
            op.flavour = of_locks.get(&lock).or(of_class).cloned();
        }
    }
}

/// A class without its level: `NAME/3` is level 3 of `NAME`.
fn base(class: &str) -> &str {
    match class.rsplit_once('/') {
        Some((base, level)) if level.parse::<u8>().is_ok() => base,
        _ => class,
    }
}

/// The flavour that a lock's name begins with, or that of which nothing is known.
pub(super) fn flavour_of(name: &str) -> &str {
    match name.split_once('.') {
        Some((prefix, _)) if flavour::attributes(prefix).is_some() => prefix,
        _ => flavour::UNKNOWN,
    }
}

/// The mode of an acquisition that names none: a section of RCU reads, an upgradable holder reads,
/// everything else is exclusive.
pub(super) fn mode(op: &Op, flavour: &str) -> &'static str {
    let reads = flavour.starts_with("rcu") || (flavour == "srcu" && op.op == "acquire");
    match (reads, op.upgradable) {
        (true, _) => "shared_recursive",
        (false, true) => "shared",
        (false, false) => "exclusive",
    }
}
