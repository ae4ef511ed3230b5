//! The three tracepoints of the mmap lock, in the kernel's order.
//!
//! `released` comes *before* the unlock; a downgrade is reported as `acquire_returned` for read,
//! with neither a `released` nor a `start_locking`. Without a sink an event costs one relaxed load.
//!
//! Source: `include/trace/events/mmap_lock.h`, `include/linux/mmap_lock.h`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use super::super::probe::record;
use super::super::probe::step::Step;

/// One tracepoint. `mm` is the number of the address space ([`super::super::object::mm::Mm::id`]).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TraceEvent {
    /// `mmap_lock_start_locking`: the caller is about to take the lock.
    StartLocking {
        /// The address space.
        mm: u64,
        /// For writing.
        write: bool,
    },
    /// `mmap_lock_acquire_returned`: the acquisition ended.
    AcquireReturned {
        /// The address space.
        mm: u64,
        /// For writing; false after a downgrade.
        write: bool,
        /// Whether the lock is held now.
        success: bool,
    },
    /// `mmap_lock_released`: the caller is about to release the lock.
    Released {
        /// The address space.
        mm: u64,
        /// For writing.
        write: bool,
    },
}

/// What receives the events. It runs inside the lock operations and must not take the locks that it
/// is called for.
pub type Sink = fn(TraceEvent);

static IS_ENABLED: AtomicBool = AtomicBool::new(false);
static SINK: RwLock<Option<Sink>> = RwLock::new(None);

/// Sets the receiver of all events of the process; `None` switches tracing off.
pub fn set_sink(sink: Option<Sink>) {
    *SINK.write().unwrap_or_else(PoisonError::into_inner) = sink;
    // ORDERING: Relaxed; an event that races with the switch may be lost or be the last one.
    IS_ENABLED.store(sink.is_some(), Ordering::Relaxed);
}

#[inline]
pub(crate) fn start_locking(mm: u64, write: bool) {
    record(Step::StartLocking { write });
    emit(TraceEvent::StartLocking { mm, write });
}

#[inline]
pub(crate) fn acquire_returned(mm: u64, write: bool, success: bool) {
    record(Step::AcquireReturned { write, success });
    emit(TraceEvent::AcquireReturned { mm, write, success });
}

#[inline]
pub(crate) fn released(mm: u64, write: bool) {
    record(Step::Released { write });
    emit(TraceEvent::Released { mm, write });
}

#[inline]
fn emit(event: TraceEvent) {
    // ORDERING: Relaxed; see `set_sink`.
    if IS_ENABLED.load(Ordering::Relaxed) {
        emit_slow(event);
    }
}

#[cold]
fn emit_slow(event: TraceEvent) {
    let sink = *SINK.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(sink) = sink {
        sink(event);
    }
}
