//! Acquire contexts (wound/wait) for home-made locks: several locks of one class at once, in any
//! order, with back-off.
//!
//! A *transaction* that needs several locks takes them in whatever order it meets them. That can
//! hang, unless the locks let one side win: each transaction has a [`Ticket`], older tickets win,
//! and the transaction that loses backs off, that is, releases everything, waits for the lock that
//! it lost, and starts again with the same ticket. The locks do that work; what they tell the
//! validator is here. It learns no order between the locks of one transaction, orders each of them
//! with everything else, and reports what breaks the protocol (LD0013), with the place:
//!
//! * a lock acquired after [`done`](AcquireContext::done), or `done` twice;
//! * a back-off that does not release what is held, goes on with another lock than the contended
//!   one, or comes while another is pending;
//! * the slow path without a back-off before it;
//! * a lock of another class than its context's, or one that still names another context as its
//!   owner;
//! * waiting for a lock without the context of its class that is open, or a second context of a
//!   class inside the first;
//! * a context that ends while it owns locks.
//!
//! Kernel: `ww_mutex`, with the checks of `CONFIG_DEBUG_MUTEXES`.
//!
//! # A wait-die mutex
//!
//! ```
//! use std::sync::{Condvar, Mutex};
//! use lockdep::wound_wait::{AcquireContext, Ticket, WwClass, WwMap};
//!
//! struct WwMutex { map: WwMap, holder: Mutex<Option<Ticket>>, released: Condvar }
//!
//! #[derive(Debug)]
//! struct BackOff;
//!
//! impl WwMutex {
//!     const fn new(class: &'static WwClass) -> Self {
//!         Self { map: WwMap::new(class), holder: Mutex::new(None), released: Condvar::new() }
//!     }
//!
//!     /// Waits for younger transactions, backs off from older ones.
//!     #[track_caller]
//!     fn lock(&self, context: &AcquireContext) -> Result<(), BackOff> {
//!         let _ = self.map.acquire(Some(context)); // before it waits
//!         let mut holder = self.holder.lock().unwrap();
//!         while let Some(other) = *holder {
//!             if other.is_older_than(context.ticket()) {
//!                 self.map.backed_off(context);
//!                 return Err(BackOff);
//!             }
//!             holder = self.released.wait(holder).unwrap();
//!         }
//!         *holder = Some(context.ticket());
//!         self.map.acquired(context);
//!         Ok(())
//!     }
//!
//!     /// Waits for its holder: only after a back-off, when nothing is held.
//!     #[track_caller]
//!     fn lock_slow(&self, context: &AcquireContext) {
//!         let _ = self.map.acquire_slow(context);
//!         let holder = self.holder.lock().unwrap();
//!         *self.released.wait_while(holder, |holder| holder.is_some()).unwrap() = Some(context.ticket());
//!         self.map.acquired(context);
//!     }
//!
//!     #[track_caller]
//!     fn unlock(&self) {
//!         self.map.release();
//!         *self.holder.lock().unwrap() = None;
//!         self.released.notify_all();
//!     }
//! }
//!
//! static BUFFERS: WwClass = WwClass::named("buffer");
//!
//! /// Locks both, in any order.
//! fn lock_both<'a>(context: &AcquireContext, mut first: &'a WwMutex, mut second: &'a WwMutex) {
//!     if first.lock(context).is_err() { first.lock_slow(context); }
//!     while second.lock(context).is_err() {
//!         first.unlock();
//!         second.lock_slow(context);
//!         std::mem::swap(&mut first, &mut second);
//!     }
//! }
//!
//! let (a, b) = (WwMutex::new(&BUFFERS), WwMutex::new(&BUFFERS));
//! let context = AcquireContext::begin(&BUFFERS);
//! lock_both(&context, &b, &a);
//! context.done(); // nothing more is needed
//! a.unlock();
//! b.unlock();
//! context.end();
//! ```

use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(not(lockdep_disabled))]
use lockdep_validator::LockId;
use lockdep_validator::WaitType;

use crate::LockClassKey;
use crate::hook::{LockInfo, LockMap, LockRef, Tracked, Verdict};
#[cfg(not(lockdep_disabled))]
use crate::runtime::{event, process::state};

/// The class of wound/wait locks that one transaction can take together (the kernel's `ww_class`);
/// make it a `static`.
#[derive(Debug)]
pub struct WwClass {
    locks: LockClassKey,
    #[cfg_attr(lockdep_disabled, expect(dead_code, reason = "no transaction has a class in this build"))]
    contexts: LockClassKey,
    n_tickets: AtomicU64,
}

impl WwClass {
    /// Returns a class called `name`. Its contexts are called `name acquire context` in reports.
    #[track_caller]
    pub const fn named(name: &'static str) -> Self {
        Self {
            locks: LockClassKey::named(name).kind("ww lock"),
            contexts: LockClassKey::named(name).kind("acquire context").suffix(" acquire context"),
            n_tickets: AtomicU64::new(0),
        }
    }

    /// Sets what kind of lock it is, for reports.
    #[must_use]
    pub const fn kind(mut self, kind: &'static str) -> Self {
        self.locks = self.locks.kind(kind);
        self
    }

    /// Sets what the locks wait for.
    #[must_use]
    pub const fn wait_type(mut self, wait_type: WaitType) -> Self {
        self.locks = self.locks.wait_type(wait_type);
        self
    }

    fn ticket(&self) -> Ticket {
        // ORDERING: Relaxed: tickets need to be distinct and to grow; what they decide is decided
        // under the locks.
        let earlier = self.n_tickets.fetch_add(1, Ordering::Relaxed);
        Ticket(NonZeroU64::MIN.saturating_add(earlier))
    }
}

/// The age of a transaction: smaller is older, and the older one wins. The same over all its
/// back-offs, so that every transaction is the oldest at last. Given out whether or not validation
/// is on, because the locks decide by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(NonZeroU64);

impl Ticket {
    /// Returns whether this transaction began before the other.
    #[inline]
    #[must_use]
    pub fn is_older_than(self, other: Self) -> bool {
        self < other
    }

    /// Returns the ticket as a number, for a lock that keeps it in an atomic.
    #[inline]
    #[must_use]
    pub const fn get(self) -> NonZeroU64 {
        self.0
    }

    /// Returns the ticket of a number that [`get`](Self::get) gave out.
    #[inline]
    #[must_use]
    pub const fn from_number(number: NonZeroU64) -> Self {
        Self(number)
    }
}

/// A transaction of the running thread that is open (the kernel's `ww_acquire_ctx`): begun by
/// [`begin`](Self::begin), closed for acquisitions by [`done`](Self::done), ended by
/// [`end`](Self::end) or when it is dropped.
///
/// It cannot leave its thread, nor be shared with another.
///
/// ```compile_fail,E0277
/// # use lockdep::wound_wait::{AcquireContext, WwClass};
/// static CLASS: WwClass = WwClass::named("buffer");
/// let context = AcquireContext::begin(&CLASS);
/// std::thread::spawn(move || drop(context));
/// ```
#[must_use = "the transaction ends when this is dropped"]
pub struct AcquireContext {
    ticket: Ticket,
    #[cfg(not(lockdep_disabled))]
    id: Option<LockId>,
    not_send: PhantomData<*mut ()>,
}

impl AcquireContext {
    /// Begins a transaction over locks of `class` (the kernel's `ww_acquire_init`). LD0013 inside
    /// another one of the same class.
    #[track_caller]
    pub fn begin(class: &'static WwClass) -> Self {
        Self {
            ticket: class.ticket(),
            #[cfg(not(lockdep_disabled))]
            id: if state::is_on() { event::ww_begin(&class.contexts, &class.locks) } else { None },
            not_send: PhantomData,
        }
    }

    /// Returns its age.
    #[inline]
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Announces that everything it needs is held (the kernel's `ww_acquire_done`). Optional; a
    /// later acquisition is LD0013.
    #[track_caller]
    pub fn done(&self) {
        #[cfg(not(lockdep_disabled))]
        if let Some(id) = self.id {
            event::ww_done(id);
        }
    }

    /// Ends it (the kernel's `ww_acquire_fini`). LD0013 if it still owns locks.
    #[track_caller]
    #[cfg_attr(lockdep_disabled, expect(unused_mut, reason = "nothing is to be taken out"))]
    pub fn end(mut self) {
        #[cfg(not(lockdep_disabled))]
        if let Some(id) = self.id.take() {
            event::ww_end(id);
        }
    }
}

#[cfg(not(lockdep_disabled))]
impl Drop for AcquireContext {
    #[track_caller]
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            event::ww_end(id);
        }
    }
}

impl fmt::Debug for AcquireContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AcquireContext({})", self.ticket.0)
    }
}

/// The part of the validator that sits in each wound/wait lock, in the place of a [`LockMap`].
///
/// Every method is free of effects while validation is off. None changes the lock itself. Only
/// [`acquire`](Self::acquire) and [`acquire_slow`](Self::acquire_slow) ever panic, before anything
/// is taken.
#[derive(Debug)]
pub struct WwMap {
    map: LockMap<&'static LockClassKey>,
    /// The context that owns it, as the number of its pseudo-lock; zero if none does. Written by
    /// the holder of the lock only.
    #[cfg(not(lockdep_disabled))]
    owner: AtomicU64,
}

const INFO: LockInfo = LockInfo::bare("ww lock");

impl WwMap {
    /// Makes a map of a lock of `class`.
    #[must_use]
    pub const fn new(class: &'static WwClass) -> Self {
        Self {
            map: LockMap::with_key(&class.locks),
            #[cfg(not(lockdep_disabled))]
            owner: AtomicU64::new(0),
        }
    }

    /// Returns the plain map inside, for what wound/wait locks have in common with others:
    /// contention, hand-over, the end of the lock, an acquisition that gave up, the answer to
    /// [`Verdict::SelfDeadlock`].
    ///
    /// A [`release`](LockMap::release) there leaves the context in the belief that it owns the
    /// lock; use [`WwMap::release`].
    #[inline]
    pub const fn lock_map(&self) -> &LockMap<&'static LockClassKey> {
        &self.map
    }

    /// Announces an acquisition in a context, or without one, **before** it waits (the kernel's
    /// `ww_mutex_lock`). In a context, [`acquired`](Self::acquired) or
    /// [`backed_off`](Self::backed_off) must follow.
    ///
    /// # Panics
    ///
    /// As [`LockMap::acquire`].
    #[track_caller]
    pub fn acquire(&self, context: Option<&AcquireContext>) -> Verdict {
        self.want(context, false)
    }

    /// Announces, before it waits, that the lock which the context backed off from is waited for,
    /// while nothing else is held (the kernel's `ww_mutex_lock_slow`).
    ///
    /// # Panics
    ///
    /// As [`LockMap::acquire`].
    #[track_caller]
    pub fn acquire_slow(&self, context: &AcquireContext) -> Verdict {
        self.want(Some(context), true)
    }

    #[cfg(not(lockdep_disabled))]
    #[track_caller]
    fn want(&self, context: Option<&AcquireContext>, is_slow: bool) -> Verdict {
        if state::is_off() {
            return Verdict::Proceed;
        }
        event::ww_acquire(self.lockdep_ref(), context.and_then(|context| context.id), is_slow)
    }

    #[cfg(lockdep_disabled)]
    fn want(&self, _context: Option<&AcquireContext>, _is_slow: bool) -> Verdict {
        Verdict::Proceed
    }

    /// Announces that the lock was had in the context, **after** it was.
    #[track_caller]
    pub fn acquired(&self, context: &AcquireContext) {
        #[cfg(not(lockdep_disabled))]
        if let Some(id) = context.id {
            // ORDERING: Relaxed: the holder of the lock writes and reads it, and the lock orders
            // one holder after the other.
            let before = self.owner.swap(id.raw(), Ordering::Relaxed);
            event::ww_acquired(self.lockdep_ref(), id, before != 0);
        }
        #[cfg(lockdep_disabled)]
        let _ = context;
    }

    /// Announces that the context has to back off instead of getting the lock (the kernel's
    /// `-EDEADLK`).
    #[track_caller]
    pub fn backed_off(&self, context: &AcquireContext) {
        #[cfg(not(lockdep_disabled))]
        if let Some(id) = context.id {
            event::ww_backed_off(self.lockdep_ref(), id);
        }
        #[cfg(lockdep_disabled)]
        let _ = context;
    }

    /// Announces a successful try, in a context or without one, **after** it (the kernel's
    /// `ww_mutex_trylock`).
    #[track_caller]
    pub fn try_acquired(&self, context: Option<&AcquireContext>) {
        #[cfg(not(lockdep_disabled))]
        if state::is_on() {
            event::ww_try_acquired(self.lockdep_ref(), context.and_then(|context| context.id));
            if let Some(context) = context {
                self.acquired(context);
            }
        }
        #[cfg(lockdep_disabled)]
        let _ = context;
    }

    /// Announces a release, **before** the real lock is given up, whether or not a context owns it
    /// (the kernel's `ww_mutex_unlock`).
    #[track_caller]
    pub fn release(&self) {
        #[cfg(not(lockdep_disabled))]
        {
            // ORDERING: Relaxed, as in `acquired`.
            match LockId::from_raw(self.owner.swap(0, Ordering::Relaxed)) {
                Some(owner) => event::ww_release(self.lockdep_ref(), owner),
                None => self.map.release(),
            }
        }
    }
}

impl Tracked for WwMap {
    fn lockdep_ref(&self) -> LockRef<'_> {
        self.map.as_ref(&INFO)
    }
}
