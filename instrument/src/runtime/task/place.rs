//! One place of a [quick stack](super::quick), and the places that stand for a thread whose state
//! cannot be had just now.

use std::ptr;

use lockdep_validator::{ChainKey, LockId, Manner, QuickHeld, Site};

use super::Task;
use super::sync::{AtomicUsize, Ordering, compiler_fence};

/// A key that no acquisition has: not that of a lock without an id before the process has read its
/// environment, which is zero. It is also none of those joined with a number without a pattern.
pub(crate) const NOTHING: u64 = 2;
/// An address that no lock has.
pub(super) const NOWHERE: usize = 1;
/// Stands for a call whose place is not known.
pub(super) const UNKNOWN_CALL: usize = 1;
/// Distinguishes the keys of shared acquisitions from those of exclusive ones.
pub(crate) const SHARED: u64 = u64::MAX;

/// One place of a quick stack.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Place {
    /// The key of the acquisition that this place was last used for, under what lies below.
    /// INVARIANT: [`NOTHING`] unless the engine had validated it so in the epoch that is part of
    /// the key.
    pub(super) known: u64,
    /// The address of the lock that the place was last used for; or, if that had no id before, that
    /// of its [class](crate::runtime::identity::known_class), which is odd.
    pub(super) address: usize,
    /// The same while the lock is held; odd if its release has to be looked at. INVARIANT: zero
    /// exactly while the lock is not held: in a free place, or in one whose lock is just being
    /// acquired or released. A signal handler that comes then may release a lock whose acquisition
    /// was not seen: it must not find it here.
    pub(super) held: AtomicUsize,
    /// The place of the call that acquired it.
    pub(super) call: AtomicUsize,
    pub(super) lock: u64,
    pub(super) manner: u64,
    /// The chain key with this lock.
    pub(super) chain: u64,
    /// The state of the thread; null if no acquisition can go on from the place below.
    pub(super) task: *mut Task,
}

// SAFETY: a place is used by one thread and its signal handlers; the statics among them are never
// written.
unsafe impl Sync for Place {}

impl Place {
    pub(super) const fn new(address: usize, held: usize, task: *mut Task) -> Self {
        let (held, call) = (AtomicUsize::new(held), AtomicUsize::new(UNKNOWN_CALL));
        Self { known: NOTHING, address, held, call, lock: 0, manner: 0, chain: 0, task }
    }

    /// Whether its lock is just being acquired or released.
    #[inline(always)]
    pub(super) fn is_changing(&self) -> bool {
        // ORDERING: Relaxed, in all of this file: one thread and its signal handlers.
        self.held.load(Ordering::Relaxed) == 0
    }

    /// The address of its lock, if that is held; zero if it has none.
    #[inline(always)]
    pub(super) fn address_held(&self) -> usize {
        // ORDERING: Relaxed, as above.
        self.held.load(Ordering::Relaxed) & !1
    }

    /// Whether one of the places up to this one is [changing](Self::is_changing): a signal handler
    /// that came just then may have acquired what it knew on top of it.
    ///
    /// # Safety
    ///
    /// The place is one of a quick stack, and not above the newest.
    pub(super) unsafe fn is_on_changing(mut place: *const Self) -> bool {
        loop {
            // SAFETY: the place below the oldest lock has this address.
            unsafe {
                if (*place).is_changing() {
                    return true;
                }
                if (*place).address == NOWHERE {
                    return false;
                }
            }
            place = place.wrapping_sub(1);
        }
    }

    /// What the engine keeps of it. `None` if it is not held: a release goes on after a signal
    /// handler that came then has set the state aside, perhaps with a lock of its own on top.
    pub(super) fn held(&self) -> Option<QuickHeld> {
        if self.is_changing() {
            return None;
        }
        // ORDERING: Relaxed, as above.
        let call = match self.call.load(Ordering::Relaxed) {
            UNKNOWN_CALL => 0,
            call => call as u64,
        };
        Some(QuickHeld {
            lock: LockId::from_raw(self.lock)?,
            address: self.address_held(),
            site: Site(call),
            manner: Manner::from_raw(self.manner),
        })
    }

    /// Makes it what the engine keeps.
    pub(super) fn set(&mut self, held: &QuickHeld, chain: ChainKey, may_pop: bool) {
        self.known = NOTHING;
        self.address = held.address;
        self.lock = held.lock.raw();
        self.manner = held.manner.raw();
        self.chain = chain.0;
        let call = match held.site {
            Site::UNKNOWN => UNKNOWN_CALL,
            Site(token) => usize::try_from(token).unwrap_or(UNKNOWN_CALL),
        };
        // ORDERING: Relaxed, as above.
        self.call.store(call, Ordering::Relaxed);
        let must_look = !may_pop || held.address == 0;
        // ORDERING: Relaxed, as above.
        self.held.store(held.address | usize::from(must_look), Ordering::Relaxed);
    }

    pub(super) fn empty(&mut self) {
        self.known = NOTHING;
        // ORDERING: Relaxed, as above.
        self.held.store(0, Ordering::Relaxed);
    }
}

/// No event of this thread was seen yet, or its state has been freed.
pub(in crate::runtime) const NOT_STARTED: usize = 0;
/// The thread is inside the validator: events now come from an allocator, a signal handler or a
/// callback below it.
pub(in crate::runtime) const BUSY: usize = 1;
/// The thread is in a context where nothing may be allocated or locked: events are
/// [deferred](super::deferred).
pub(in crate::runtime) const DEFERRED: usize = 2;
/// Events were deferred, in such a context or in a signal handler that was not announced. The state
/// is parked, and the deferred events must be looked at first.
pub(in crate::runtime) const DRAIN: usize = 3;
/// The same for a thread that has no state yet.
pub(in crate::runtime) const UNBORN: usize = 4;

/// [`DEFERRED`], where the state was in use or there is none.
pub(in crate::runtime) const DEFERRED_ALONE: usize = 5;

const N_SENTINELS: usize = DEFERRED_ALONE + 1;
/// An acquisition looks at the place behind the one that it finds, and so do as many signal
/// handlers as come at just that moment.
const N_BEHIND: usize = 8;
/// A release steps down from a sentinel if a signal handler set the state aside meanwhile. So may
/// the handlers that come at just that moment.
const N_BEFORE: usize = 4;
const N_PLACES: usize = N_BEFORE + N_BEHIND;

/// The places that stand for the numbers above. Never written.
#[repr(C)]
pub(in crate::runtime) struct Sentinels([[Place; N_PLACES]; N_SENTINELS]);

pub(in crate::runtime) static SENTINELS: Sentinels =
    Sentinels([const { [const { Place::new(NOWHERE, NOWHERE, ptr::null_mut()) }; N_PLACES] }; N_SENTINELS]);

impl Sentinels {
    /// How far the place that stands for [`NOT_STARTED`] is from the beginning, in bytes.
    pub(super) const FIRST: usize = N_BEFORE * size_of::<Place>();

    /// The place that stands for the number.
    #[inline(always)]
    pub(super) const fn place(number: usize) -> *mut Place {
        let first = (&raw const SENTINELS).cast::<[Place; N_PLACES]>().wrapping_add(number);
        first.cast::<Place>().wrapping_add(N_BEFORE).cast_mut()
    }

    /// The number that the place stands for. The last place of a stack stands for the state in use:
    /// an acquisition that looks at it is just finding out that it has to leave it.
    pub(super) fn number(place: *const Place) -> usize {
        let n_bytes = place.addr().wrapping_sub((&raw const SENTINELS).addr());
        let number = n_bytes / size_of::<[Place; N_PLACES]>();
        if number < N_SENTINELS { number } else { BUSY }
    }
}

/// Keeps the compiler from moving what is done to the state across the pointer that says who has
/// it.
#[inline(always)]
pub(in crate::runtime) fn fence() {
    // ORDERING: SeqCst, for the compiler only: a signal handler of this thread sees the state as
    // the pointer says it is. The processor shows a thread its own stores in order.
    compiler_fence(Ordering::SeqCst);
}
