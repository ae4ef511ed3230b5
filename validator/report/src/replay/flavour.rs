//! What the flavours of a scenario's locks mean: wait types, special treatment, how much is
//! checked.

use lockdep_validator::{ClassAttributes, LockType, Validation, WaitType};

/// The attributes of a flavour, or `None` if there is none of that name.
///
/// The ladder is the kernel's: raw spinlocks spin, spinlocks may sleep on a real-time kernel,
/// mutexes sleep.
pub(super) fn attributes(flavour: &str) -> Option<ClassAttributes> {
    let (outer, inner) = match flavour {
        "raw_spin" => (WaitType::Unchecked, WaitType::Spin),
        "spin" | "rwlock" | "local_lock" | "wait_override" => (WaitType::Unchecked, WaitType::Config),
        "mutex" | "rwsem" | "rtmutex" | "ww" => (WaitType::Unchecked, WaitType::Sleep),
        "rcu" | "rcu_bh" => (WaitType::Free, WaitType::Config),
        "rcu_sched" => (WaitType::Free, WaitType::Spin),
        "ww_ctx" | "reclaim" | "srcu" | UNKNOWN => (WaitType::Unchecked, WaitType::Unchecked),
        _ => return None,
    };
    let lock_type = match flavour {
        "local_lock" => LockType::PerCpu,
        "wait_override" => LockType::WaitOverride,
        _ => LockType::Normal,
    };
    let validation = if flavour.starts_with("rcu") { Validation::Simple } else { Validation::Full };
    Some(ClassAttributes { outer, inner, lock_type, validation, declared: false, recursive_reads: true })
}

/// The flavour of a lock of which none is known: nothing about how long it waits.
pub(super) const UNKNOWN: &str = "lock";

/// Every flavour, for error messages.
pub(super) const FLAVOURS: &str = "spin raw_spin rwlock mutex rwsem rtmutex ww ww_ctx local_lock rcu rcu_bh rcu_sched \
                                   reclaim wait_override srcu lock";
