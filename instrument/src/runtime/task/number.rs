//! The numbers of the threads, and how many threads there are.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use lockdep_validator::TaskId;

/// How many threads have a state; fork asks.
static N_TASKS: AtomicUsize = AtomicUsize::new(0);
/// The next task's number.
static NEXT_TASK: AtomicU32 = AtomicU32::new(1);

/// The next flow's number.
static NEXT_FLOW: AtomicU32 = AtomicU32::new(1);

/// A number for a task that is about to start.
pub(crate) fn new_id() -> TaskId {
    // ORDERING: Relaxed: the numbers need to be distinct, nothing else.
    TaskId(NEXT_TASK.fetch_add(1, Ordering::Relaxed))
}

/// A number for a flow that a thread is about to run for the first time.
pub(crate) fn new_flow() -> TaskId {
    // ORDERING: Relaxed, as above.
    TaskId::of_flow(NEXT_FLOW.fetch_add(1, Ordering::Relaxed))
}

/// Whether the process has run a flow. Then a guard may be on the thread that runs its flow now
/// rather than in what the thread holds.
pub(crate) fn has_flows() -> bool {
    // ORDERING: Relaxed: changed by the thread that runs a flow, before that flow holds anything.
    NEXT_FLOW.load(Ordering::Relaxed) != 1
}

/// How many threads there were.
pub(crate) fn n_numbered() -> u64 {
    // ORDERING: Relaxed: a statistic.
    u64::from(NEXT_TASK.load(Ordering::Relaxed).saturating_sub(1))
}

/// How many threads have a state.
pub(crate) fn n_tasks() -> usize {
    // ORDERING: Relaxed: exact only if no other thread is starting or ending, which is the case
    // fork asks about.
    N_TASKS.load(Ordering::Relaxed)
}

/// A state was made.
pub(crate) fn count_started() {
    // ORDERING: Relaxed: a statistic that fork reads.
    N_TASKS.fetch_add(1, Ordering::Relaxed);
}

/// A state was freed.
pub(crate) fn count_ended() {
    // ORDERING: Relaxed: a statistic.
    N_TASKS.fetch_sub(1, Ordering::Relaxed);
}
