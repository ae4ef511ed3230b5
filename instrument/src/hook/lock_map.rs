//! The part of the validator that sits in each lock.

use std::panic::Location;

use lockdep_validator::{LockId, Mode, Wait};

use super::ClassKey;
use crate::lock::{
    AcquireOptions, CreationSite, Held, KeyedSlot, LockClassKey, LockInfo, LockRef, Slot, Verdict,
};
use crate::runtime::event;
use crate::runtime::identity::callers;
use crate::runtime::process::state;
use crate::runtime::task::again;

/// The part of the validator that sits in each lock: its class key and a word for its id. Sixteen
/// bytes.
///
/// Every method is free of effects while validation is off. None changes the lock itself.
#[derive(Debug)]
#[repr(transparent)]
pub struct LockMap<K: ClassKey = CreationSite>(KeyedSlot<K>);

impl LockMap {
    /// Makes a map whose class is the place of this call; pass `#[track_caller]` on to where the
    /// user writes `new`.
    #[track_caller]
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self(KeyedSlot::new(CreationSite::caller()))
    }

    /// Returns a map whose class is `site`, for constructors that cannot be called by the user
    /// directly.
    #[inline]
    #[must_use]
    pub const fn with_site(site: CreationSite) -> Self {
        Self(KeyedSlot::new(site))
    }

    /// Corrects the place of a lock that the library made on a caller's behalf (`Arc::default`,
    /// `or_default`).
    ///
    /// Such a lock carries the place of the library's own line. This stores the first caller
    /// outside of the library, as far as the stack shows it. Call it in constructors that do not
    /// run in a constant; wrappers that implement `Default` or `From` need it.
    #[inline]
    pub fn relocate(&mut self) {
        let site = self.0.key;
        if state::is_on() && callers::is_hidden(site.location().file()) {
            self.0.key = event::creation_site(site);
        }
    }
}

impl Default for LockMap {
    #[track_caller]
    fn default() -> Self {
        let mut made = Self::new();
        made.relocate();
        made
    }
}

impl LockMap<&'static LockClassKey> {
    /// Returns a map of the named class `key`.
    #[inline]
    #[must_use]
    pub const fn with_key(key: &'static LockClassKey) -> Self {
        Self(KeyedSlot::new(key))
    }
}

impl<K: ClassKey> LockMap<K> {
    pub(crate) fn slot(&self) -> &Slot {
        &self.0.slot
    }

    /// Announces an acquisition **before** it waits.
    ///
    /// Records the lock as held. If the real lock is then not taken after all (a timeout, an
    /// interrupted wait), call [`acquire_failed`](Self::acquire_failed).
    ///
    /// # Panics
    ///
    /// If a denied violation was found and `LOCKDEP_ON_VIOLATION=panic`; the lock then does not
    /// count as held.
    #[track_caller]
    #[inline]
    pub fn acquire(&self, info: &LockInfo, mode: Mode, wait: Wait) -> Verdict {
        let Some(epoch) = again::epoch_if_on() else { return Verdict::Proceed };
        match (mode, wait) {
            (Mode::Exclusive, Wait::Blocking) => {
                if again::acquire_exclusive(&self.0, info, Location::caller(), epoch) {
                    return Verdict::Proceed;
                }
                K::acquire_exclusive(&self.0, info)
            }
            (Mode::Shared, Wait::Blocking) => {
                if again::acquire_shared(&self.0, info, Location::caller(), epoch) {
                    return Verdict::Proceed;
                }
                K::acquire_shared(&self.0, info)
            }
            _ => event::acquire(self.as_ref(info), mode, wait, &AcquireOptions::new()),
        }
    }

    /// Does what [`acquire`](Self::acquire) does, at a nesting level, under a nest lock, or with
    /// flags.
    ///
    /// # Panics
    ///
    /// As [`acquire`](Self::acquire).
    #[track_caller]
    #[inline]
    pub fn acquire_with(&self, info: &LockInfo, mode: Mode, wait: Wait, options: &AcquireOptions) -> Verdict {
        if state::is_off() {
            return Verdict::Proceed;
        }
        event::acquire(self.as_ref(info), mode, wait, options)
    }

    /// Announces a successful try, **after** it. A failed try is no event.
    ///
    /// Never panics: what `LOCKDEP_ON_VIOLATION=panic` asks for happens at this thread's next
    /// blocking acquisition.
    #[track_caller]
    #[inline]
    pub fn try_acquired(&self, info: &LockInfo, mode: Mode) {
        if state::is_off() {
            return;
        }
        match mode {
            Mode::Exclusive => K::tried_exclusive(&self.0, info),
            Mode::Shared => K::tried_shared(&self.0, info),
            Mode::SharedRecursive => event::try_acquired(self.as_ref(info), mode, &AcquireOptions::new()),
        }
    }

    /// Does what [`try_acquired`](Self::try_acquired) does, with options.
    #[track_caller]
    #[inline]
    pub fn try_acquired_with(&self, info: &LockInfo, mode: Mode, options: &AcquireOptions) {
        if state::is_on() {
            event::try_acquired(self.as_ref(info), mode, options);
        }
    }

    /// Takes back the newest acquisition of this lock by this thread: it timed out or was
    /// interrupted.
    #[inline]
    pub fn acquire_failed(&self) {
        if state::is_on() {
            event::acquire_failed(&self.0.slot);
        }
    }

    /// Announces a release, **before** the real lock is given up. Never panics.
    #[track_caller]
    #[inline]
    pub fn release(&self) {
        // A lock without an id was never acquired with validation on: it is not known as held. Its
        // own word is nearer than the process's.
        if again::is_used(&self.0.slot) {
            event::release(&self.0.slot);
        }
    }

    /// Does what [`release`](Self::release) does, by the end of a guard. The place of that call is
    /// the drop glue of the standard library: if the lock is not held (LD0007), the report names
    /// where the guard was `made` instead.
    ///
    /// ```
    /// use std::panic::Location;
    /// # use lockdep::hook::LockMap;
    /// struct Guard<'a> { map: &'a LockMap, made: &'static Location<'static> }
    ///
    /// impl Drop for Guard<'_> {
    ///     fn drop(&mut self) {
    ///         self.map.release_of_guard(self.made);
    ///         // … and the real lock.
    ///     }
    /// }
    /// # drop(Guard { map: &LockMap::new(), made: Location::caller() });
    /// ```
    #[inline]
    pub fn release_of_guard(&self, made: &'static Location<'static>) {
        if again::is_used(&self.0.slot) {
            event::release_of_guard(&self.0.slot, made);
        }
    }

    /// Does what [`release`](Self::release) does, by a guard that proves by itself that the lock is
    /// held, on whatever thread it is dropped: for locks whose guards are, or may be made, `Send`.
    /// If this thread does not hold the lock, another one acquired it and sent the guard here: that
    /// is a hand-over, and no violation.
    ///
    /// Such a lock should say so with [`LockInfo::sendable`], so that nothing is concluded while
    /// its guard may be away.
    #[track_caller]
    #[inline]
    pub fn release_by_any_thread(&self) {
        // As in `release`.
        if again::is_used(&self.0.slot) {
            event::release_by_any_thread(&self.0.slot);
        }
    }

    /// The same by the end of a guard of this crate, which does not know where it was made.
    #[inline]
    pub(crate) fn release_by_guard(&self) {
        if !self.release_newest() {
            self.release_another();
        }
    }

    /// The first half of [`release_by_guard`](Self::release_by_guard): false if the other one is
    /// needed.
    #[inline(always)]
    pub(crate) fn release_newest(&self) -> bool {
        // As in `release`.
        !again::is_used(&self.0.slot) || again::release(&self.0.slot)
    }

    /// The second half.
    #[inline(always)]
    pub(crate) fn release_another(&self) {
        event::release_another(&self.0.slot);
    }

    /// Announces that the lock, held exclusively by this thread, is now held shared (the kernel's
    /// `lock_downgrade`).
    #[track_caller]
    #[inline]
    pub fn downgrade(&self) {
        if state::is_on() {
            event::downgrade(&self.0.slot, Mode::Shared);
        }
    }

    /// Downgrades ([`downgrade`](Self::downgrade)) an exclusive (or upgradable) hold to
    /// another kind of read: pass [`Mode::SharedRecursive`] where the read so obtained is a
    /// recursive one.
    #[track_caller]
    #[inline]
    pub fn downgrade_to(&self, mode: Mode) {
        if state::is_on() {
            event::downgrade(&self.0.slot, mode);
        }
    }

    /// Announces, **before** it waits, that a lock held upgradable becomes exclusive.
    ///
    /// The thread waits for the plain readers to leave. If it gives up (a timed upgrade), call
    /// [`upgrade_failed`](Self::upgrade_failed).
    ///
    /// # Panics
    ///
    /// As [`acquire`](Self::acquire).
    #[track_caller]
    #[inline]
    pub fn upgrade(&self, info: &LockInfo, wait: Wait) -> Verdict {
        if state::is_off() {
            return Verdict::Proceed;
        }
        event::upgrade(self.as_ref(info), wait)
    }

    /// Announces a successful try-upgrade, **after** it.
    #[track_caller]
    #[inline]
    pub fn upgraded(&self) {
        if state::is_on() {
            event::upgraded(&self.0.slot);
        }
    }

    /// Takes back an [`upgrade`](Self::upgrade) that gave up: the lock is held upgradable again.
    #[inline]
    pub fn upgrade_failed(&self) {
        if state::is_on() {
            event::upgrade_failed(&self.0.slot);
        }
    }

    /// Announces that exclusive ownership became upgradable
    /// (`RwLockWriteGuard::downgrade_to_upgradable`).
    #[track_caller]
    #[inline]
    pub fn downgrade_to_upgradable(&self) {
        if state::is_on() {
            event::downgrade_to_upgradable(&self.0.slot);
        }
    }

    /// Announces, **before** it waits, that the caller waits for every section of the lock to end
    /// without taking it (the kernel's `lock_sync`): joins, epochs, `synchronize`.
    ///
    /// # Panics
    ///
    /// As [`acquire`](Self::acquire).
    #[track_caller]
    #[inline]
    pub fn sync(&self, info: &LockInfo) {
        if state::is_on() {
            event::sync(self.as_ref(info), Mode::Exclusive);
        }
    }

    /// Announces that the caller may have to wait for the lock in this mode, whether it then does
    /// or not (the kernel's `might_lock` and `might_lock_read`). For code that tries first and
    /// waits only if the try fails: the order counts either way. The lock itself is taken by other
    /// events.
    ///
    /// # Panics
    ///
    /// As [`acquire`](Self::acquire).
    #[track_caller]
    #[inline]
    pub fn might_acquire(&self, info: &LockInfo, mode: Mode) {
        if state::is_on() {
            event::sync(self.as_ref(info), mode);
        }
    }

    /// Reports a self-deadlock, after [`Verdict::SelfDeadlock`] and a try of the real lock that
    /// **failed**.
    ///
    /// Acts as `LOCKDEP_ON_DEADLOCK` says. Returns only for `hang`; then block on the real lock.
    ///
    /// # Panics
    ///
    /// If `LOCKDEP_ON_DEADLOCK=panic` (the default), unless the thread is already panicking, where
    /// it aborts.
    #[track_caller]
    #[inline]
    pub fn self_deadlock(&self) {
        if state::is_on() {
            event::self_deadlock(&self.0.slot);
        }
    }

    /// Drops a stale held entry, after [`Verdict::SelfDeadlock`] and a try of the real lock that
    /// **succeeded**.
    ///
    /// The entry is counted, and the new acquisition is recorded.
    #[track_caller]
    #[inline]
    pub fn stale_holder(&self) {
        if state::is_on() {
            event::stale_holder(&self.0.slot);
        }
    }

    /// Announces that the real lock, wanted by this thread's newest acquisition, is held by another
    /// thread: the caller is about to wait (the kernel's `lock_contended`). Counts, and starts the
    /// clock, under `LOCKDEP_STAT=1`; otherwise nothing.
    ///
    /// ```
    /// # use lockdep::hook::{LockInfo, LockMap};
    /// # use lockdep::{Mode, Wait};
    /// # struct Raw; impl Raw { fn try_lock(&self) -> bool { true } fn lock(&self) {} }
    /// const INFO: LockInfo = LockInfo::bare("spinlock");
    /// fn lock(map: &LockMap, raw: &Raw) {
    ///     let _ = map.acquire(&INFO, Mode::Exclusive, Wait::Blocking); // see `Verdict` for what belongs here
    ///     if !raw.try_lock() {
    ///         map.contended();
    ///         raw.lock();
    ///         map.acquired();
    ///     }
    /// }
    /// # lock(&LockMap::new(), &Raw);
    /// ```
    #[inline]
    pub fn contended(&self) {
        if state::is_on() {
            event::contended(&self.0.slot);
        }
    }

    /// Announces that a wait that [`contended`](Self::contended) began has ended with the lock (the
    /// kernel's `lock_acquired`). Without such a wait it is no event.
    #[inline]
    pub fn acquired(&self) {
        if state::is_on() {
            event::acquired(&self.0.slot);
        }
    }

    /// Announces that the guard goes on living in a way that this thread's held stack cannot follow
    /// (sent to another thread, leaked on purpose): it is no longer counted as held here, and its
    /// release elsewhere is no error.
    #[inline]
    pub fn handed_over(&self) {
        if state::is_on() {
            event::handed_over(&self.0.slot);
        }
    }

    /// Announces that someone got at the raw lock behind the wrapper: nothing about this object is
    /// certain any more, so no LD0001, LD0007 or LD0009 is reported for it.
    #[inline]
    pub fn unverified(&self, info: &LockInfo) {
        if state::is_on() {
            event::unverified(self.as_ref(info));
        }
    }

    /// Announces that the lock is destroyed. Destroying a held lock is LD0008.
    #[track_caller]
    #[inline]
    pub fn dropped(&self) {
        // As in `release`.
        if again::is_used(&self.0.slot) {
            event::dropped(&self.0.slot, false);
        }
    }

    /// Does what [`dropped`](Self::dropped) does, for a lock in whose destructor it is called,
    /// where no other code can reach it any more: dropping a held lock then means that its guard
    /// was leaked, and is reported as a warning.
    #[inline]
    #[doc(hidden)]
    pub fn dropped_by_owner(&self) {
        // As in `release`.
        if again::is_used(&self.0.slot) {
            event::dropped(&self.0.slot, true);
        }
    }

    /// Announces that the lock object is initialised again. Doing so to a held lock is LD0008.
    #[track_caller]
    #[inline]
    pub fn reinitialised(&self) {
        if state::is_on() {
            event::reinitialised(&self.0.slot);
        }
    }

    /// Returns whether the running thread holds the lock in any mode.
    #[inline]
    pub fn is_held(&self) -> Held {
        self.held_in(None)
    }

    /// Returns whether the running thread holds the lock exclusively.
    #[inline]
    pub fn is_held_exclusive(&self) -> Held {
        self.held_in(Some(Mode::Exclusive))
    }

    /// Returns whether the running thread holds the lock shared.
    #[inline]
    pub fn is_held_shared(&self) -> Held {
        self.held_in(Some(Mode::Shared))
    }

    /// Reports that the lock itself found one of its own assertions broken (LD0010): a count that
    /// went below zero, an object that is detached twice.
    ///
    /// `message` says what is the case, `remedy` what to do about it, `at` where. Each message is
    /// reported once for each class. Never panics, so that it can be called from a release: what
    /// `LOCKDEP_ON_VIOLATION=panic` asks for happens at this thread's next blocking acquisition.
    /// For what a *user* of the lock asserts there are [`assert_held!`](crate::assert_held) and its
    /// kin.
    ///
    /// ```
    /// # use lockdep::hook::{LockInfo, LockMap};
    /// # use std::panic::Location;
    /// const INFO: LockInfo = LockInfo::bare("semaphore");
    /// #[track_caller]
    /// fn put(map: &LockMap, count: &mut u32) {
    ///     match count.checked_sub(1) {
    ///         Some(left) => *count = left,
    ///         None => map.assertion_broken(
    ///             &INFO,
    ///             "the count of the semaphore went below zero",
    ///             "put only what was taken",
    ///             Location::caller(),
    ///         ),
    ///     }
    /// }
    /// # put(&LockMap::new(), &mut 1);
    /// ```
    #[cold]
    pub fn assertion_broken(
        &self,
        info: &LockInfo,
        message: &str,
        remedy: &'static str,
        at: &'static Location<'static>,
    ) {
        if state::is_on() {
            event::assertion_broken(self.as_ref(info), message, remedy, at);
        }
    }

    #[inline]
    fn held_in(&self, mode: Option<Mode>) -> Held {
        if state::is_off() { Held::Unknown } else { event::is_held(&self.0.slot, mode) }
    }

    /// Returns the lock's id, given out now if it has none; `None` if validation is off. For
    /// [`AcquireOptions::nest`].
    #[inline]
    pub fn lock_id(&self, info: &LockInfo) -> Option<LockId> {
        if state::is_off() { None } else { event::lock_id(self.as_ref(info)) }
    }

    /// Returns a view of the lock for assertions, with what its wrapper knows about it.
    #[inline]
    pub fn as_ref<'a>(&'a self, info: &'a LockInfo) -> LockRef<'a> {
        self.0.as_ref(info)
    }
}
