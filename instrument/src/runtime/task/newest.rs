//! What the fast path does with the newest place of a [quick stack](super::quick), and with the one
//! behind it.
//!
//! A signal handler may come between any two lines. It leaves the stack as it found it, but it may
//! set the state aside: the word then says [`DRAIN`](super::place::DRAIN).

use lockdep_validator::{Acquire, ChainKey, LockId, Manner};

use super::Task;
use super::place::{BUSY, NOTHING, Place, fence};
use super::pointer::Pointer;
use super::sync::Ordering;
use crate::runtime::identity::known_class::KnownClass;

/// Acquires the lock at `address` if it is what the next place was last used for; `key` says which
/// lock it is, how it is wanted, and in which epoch. On x86-64 Linux, `again` does it instead.
#[inline(always)]
pub(crate) fn acquire_again(key: u64, address: usize, call: usize) -> bool {
    let Some(word) = Pointer::near() else { return false };
    let next = word.load().wrapping_add(1);
    word.advance();
    // SAFETY: whatever the word leads to, another place follows it (the last of each kind has no
    // key, and neither have the sentinels). Since the word leads to that one, no signal handler
    // changes it. One that set the state aside before has made the key void.
    unsafe {
        if (*next).known == key && (*next).address == address {
            // ORDERING: Relaxed, with a fence for the compiler: this thread and its handlers see
            // its own stores in order.
            (*next).call.store(call, Ordering::Relaxed);
            fence();
            // ORDERING: Relaxed, as above.
            (*next).held.store(address, Ordering::Relaxed);
            return true;
        }
    }
    word.retreat();
    false
}

/// Acquires a lock without an id if the next place was last used for such a lock of the same class.
/// `is_of` says whether it is that class, and `fill` gives the lock its id unless it has one now.
/// `key` is that of a lock whose word is zero.
#[inline(always)]
pub(crate) fn acquire_next(
    key: u64,
    (address, call): (usize, usize),
    is_of: impl FnOnce(&KnownClass) -> bool,
    fill: impl FnOnce(u64) -> bool,
) -> bool {
    let Some(word) = Pointer::near() else { return false };
    let next = word.load().wrapping_add(1);
    word.advance();
    // SAFETY: as in `acquire_again`. Only the place of a lock that had no id has such a key; so its
    // class is there, and the state that the place leads to.
    unsafe {
        if (*next).known == key
            && let Some(class) = KnownClass::read((*next).address)
            && is_of(&class)
            && let Some(number) = Task::take_number((*next).task)
        {
            // What is above was known under another lock.
            (*next.wrapping_add(1)).known = NOTHING;
            fence();
            let lock = class.word | number;
            if fill(lock) {
                (*next).lock = lock;
                // ORDERING: Relaxed, as in `acquire_again`.
                (*next).call.store(call, Ordering::Relaxed);
                fence();
                // ORDERING: Relaxed, as above.
                (*next).held.store(address, Ordering::Relaxed);
                return true;
            }
        }
    }
    word.retreat();
    false
}

/// Releases the newest lock if it is the one at `address`.
#[inline(always)]
pub(crate) fn release_newest(address: usize) -> bool {
    let Some(word) = Pointer::near() else { return false };
    let newest = word.load();
    // SAFETY: the word leads to a place; no signal handler changes it.
    unsafe {
        // ORDERING: Relaxed, as in `acquire_again`.
        if (*newest).held.load(Ordering::Relaxed) != address {
            return false;
        }
        // ORDERING: Relaxed, as above.
        (*newest).held.store(0, Ordering::Relaxed);
    }
    // If a handler has set the state aside since the word was read, this leads to the place before
    // the sentinel. The engine learns later that this place is not held.
    word.retreat();
    true
}

/// Releases the lock at `address` hand over hand: it lies right below the newest, which is another
/// lock of its class, held alike. So the newest goes down one place, where the chain is the same.
#[inline(always)]
pub(crate) fn release_below(address: usize) -> bool {
    let Some(word) = Pointer::near() else { return false };
    let newest = word.load();
    let below = newest.wrapping_sub(1);
    // SAFETY: a place lies below each that the word may lead to (it may be one before a sentinel),
    // and no signal handler changes either.
    unsafe {
        // ORDERING: Relaxed, as in `acquire_again`, and so in all of this function.
        if (*below).held.load(Ordering::Relaxed) != address {
            return false;
        }
        let (lock, manner) = ((*newest).lock, Manner::from_raw((*newest).manner));
        if manner != manner.moved() || manner.raw() != (*below).manner {
            return false;
        }
        let difference = lock ^ (*below).lock;
        if difference == 0 || difference >> LockId::INSTANCE_BITS != 0 {
            return false;
        }
        // ORDERING: Relaxed, as above.
        let held = (*newest).held.load(Ordering::Relaxed);
        // Just being acquired or released; or its release has to be looked at.
        if held == 0 || held & 1 != 0 {
            return false;
        }
        // From here on a handler finds a place that is not held, and leaves the state alone.
        // ORDERING: Relaxed, as above.
        (*newest).held.store(0, Ordering::Relaxed);
        fence();
        (*below).known = NOTHING;
        (*below).address = held;
        (*below).lock = lock;
        // ORDERING: Relaxed, as above.
        (*below).call.store((*newest).call.load(Ordering::Relaxed), Ordering::Relaxed);
        (*newest).known = NOTHING;
        fence();
        // ORDERING: Relaxed, as above.
        (*below).held.store(held, Ordering::Relaxed);
    }
    // As in `release_newest`.
    word.retreat();
    true
}

/// The thread's state, taken on the fast path: the engine's held stack is behind.
///
/// One of its ends must be called. What happens before must not unwind: the state would count as
/// taken forever.
pub(in crate::runtime) struct Taken {
    pub(super) word: Pointer,
    pub(super) top: *mut Place,
    task: *mut Task,
}

impl Taken {
    /// Takes the state, if it is available just now and another place follows the newest.
    #[inline(always)]
    pub(in crate::runtime) fn take() -> Option<Self> {
        let word = Pointer::near()?;
        let top = word.load();
        // SAFETY: as in `acquire_again`; this one is only read.
        let task = unsafe { if (*top).is_changing() { return None } else { (*top.wrapping_add(1)).task } };
        if task.is_null() {
            return None;
        }
        word.mark::<BUSY>();
        fence();
        Some(Self { word, top, task })
    }

    #[inline(always)]
    pub(in crate::runtime) fn task(&mut self) -> &mut Task {
        // SAFETY: the word gave the state out to us alone (it says BUSY until we put it back), and
        // the state lives until the thread ends.
        unsafe { &mut *self.task }
    }

    /// The word of the newest lock; zero if none is held.
    #[inline(always)]
    pub(super) fn newest(&self) -> u64 {
        // SAFETY: as in `chain`.
        unsafe { (*self.top).lock }
    }

    /// The chain key of what is held.
    #[inline(always)]
    pub(super) fn chain(&self) -> ChainKey {
        // SAFETY: the newest place, which nothing changes while the word says BUSY.
        ChainKey(unsafe { (*self.top).chain })
    }

    /// Gives the state back as it was found.
    #[inline(always)]
    pub(super) fn leave(self) -> bool {
        fence();
        self.word.store(self.top);
        false
    }

    /// Gives the state back with one lock more. `known` is what its place remembers: the key, and
    /// the address of the lock or, if that had no id, of its class.
    #[inline(always)]
    pub(in crate::runtime) fn push(self, known: (u64, usize), acquire: &Acquire, chain: ChainKey) -> bool {
        // SAFETY: another place follows, as `take` saw.
        let next = unsafe { push(self.top, known, acquire, chain) };
        fence();
        self.word.store(next);
        true
    }
}

/// Fills the place after `top`, and returns it.
///
/// # Safety
///
/// `top` is the newest place of the running thread, whose word says BUSY, and another one follows.
#[inline(always)]
unsafe fn push(top: *mut Place, known: (u64, usize), acquire: &Acquire, chain: ChainKey) -> *mut Place {
    let next = top.wrapping_add(1);
    // SAFETY: as the caller says. One more place lies behind `next`: the last has no state.
    unsafe {
        ((*next).known, (*next).address) = known;
        (*next).lock = acquire.lock.raw();
        (*next).manner = Manner::plain(acquire.mode, acquire.wait).raw();
        (*next).chain = chain.0;
        // What is above was known under another lock.
        (*next.wrapping_add(1)).known = NOTHING;
        #[expect(clippy::cast_possible_truncation, reason = "a site is an address here")]
        // ORDERING: Relaxed, as in `acquire_again`.
        (*next).call.store(acquire.site.0 as usize, Ordering::Relaxed);
        // ORDERING: Relaxed, as above; the word does not lead here yet.
        (*next).held.store(acquire.address, Ordering::Relaxed);
    }
    next
}
