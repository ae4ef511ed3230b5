//! What a rule adds to a report, with names for classes.

use lockdep_validator::{ClassOrder, Demand, Misuse};

/// A [`Detail`](lockdep_validator::Detail) whose classes have names.
#[derive(Debug)]
pub(super) enum DetailWords {
    /// Nothing.
    None,
    /// The thread waits for itself.
    SelfDeadlock,
    /// The context, the class used in it, the class held where it may interrupt.
    Context { context: String, used_in: String, enabled: String },
    /// What was wanted, the limit, and the class that set it.
    WaitType { wanted: &'static str, limit: &'static str, limited_by: Option<String> },
    /// What an assertion demands and what is the case.
    Assertion(Demand),
    /// The order of the class, and the keys of the held and of the wanted lock.
    ClassOrder { order: ClassOrder, held: Option<u64>, wanted: Option<u64> },
    /// Which use of the lock is wrong.
    Misuse(Misuse),
}
