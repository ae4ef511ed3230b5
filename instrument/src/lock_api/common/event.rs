//! In which order an operation on the real lock and its event happen: once, for every kind of
//! acquisition.

use core::mem::ManuallyDrop;

use super::super::hook::{self, AcquireFlags, AcquireOptions, LockInfo, LockMap, Mode, Verdict, Wait};

/// In which mode a lock is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Want {
    mode: Mode,
    options: AcquireOptions,
}

impl Want {
    /// The mode alone.
    #[inline]
    pub(crate) const fn mode(self) -> Mode {
        self.mode
    }

    /// A mutex, or a writer.
    pub(crate) const EXCLUSIVE: Self = Self { mode: Mode::Exclusive, options: AcquireOptions::new() };
    /// A mutex that its holder may take again. Only the outermost acquisition is an event.
    pub(crate) const REENTRANT: Self =
        Self { mode: Mode::Exclusive, options: AcquireOptions::new().flags(AcquireFlags::REENTRANT) };
    /// A reader that queues behind a waiting writer.
    pub(crate) const SHARED: Self = Self { mode: Mode::Shared, options: AcquireOptions::new() };
    /// A reader that waits for no reader.
    pub(crate) const RECURSIVE: Self = Self { mode: Mode::SharedRecursive, options: AcquireOptions::new() };
    /// A reader that may become the writer.
    pub(crate) const UPGRADABLE: Self =
        Self { mode: Mode::Shared, options: AcquireOptions::new().flags(AcquireFlags::UPGRADABLE) };
}

/// What `read()` of the raw lock `R` asks for.
///
/// Raw locks do not say whether their readers queue behind a waiting writer, and most do. Those
/// that are known not to are listed by name: a fair reader where there is none would be a false
/// alarm.
#[inline]
pub(crate) fn read_want<R>() -> Want {
    if hook::is_on() && reads_recursively(core::any::type_name::<R>()) {
        Want::RECURSIVE
    } else {
        Want::SHARED
    }
}

fn reads_recursively(raw_type: &str) -> bool {
    // dashmap's own raw lock lets readers in whenever no writer holds it, parked ones or not.
    matches!(raw_type, "parking_lot::raw_rwlock::RawRwLockRecursive" | "dashmap::lock::RawRwLock")
        || raw_type.starts_with("spin::rwlock::RwLock<")
}

/// Whether a guard that keeps `M` for its release can be sent to another thread, as far as its name
/// tells: `GuardNoSend` and what holds a pointer cannot.
///
/// A marker that is taken for sendable and is not only lowers levels.
pub(crate) fn is_sendable<M>() -> bool {
    const STAY: [&str; 6] = ["NoSend", "NotSend", "*mut ", "*const ", "Rc<", "MutexGuard<"];
    let name = core::any::type_name::<M>();
    !STAY.iter().any(|mark| name.contains(mark))
}

/// A blocking acquisition: the event, then `lock`.
///
/// # Panics
///
/// As [`LockMap::acquire`] and [`LockMap::self_deadlock`]; the real lock is then not taken.
#[track_caller]
#[inline]
pub(crate) fn blocking<S>(
    map: &LockMap,
    info: &LockInfo,
    want: Want,
    lock: impl Fn() -> S,
    try_lock: impl Fn() -> Option<S>,
) -> S {
    // Without validation the real lock gets the call that the program makes, and no other.
    if !hook::is_on() {
        return lock();
    }
    let take = || match try_lock() {
        Some(state) => state,
        None => map.wait_for_or_panic(&try_lock, &lock),
    };
    match map.acquire_watched(info, want.mode, Wait::Blocking, &want.options) {
        Verdict::Proceed => not_taken_on_panic(map, take),
        Verdict::SelfDeadlock => {
            ask_real_lock(map, &try_lock).unwrap_or_else(|| not_taken_on_panic(map, take))
        }
        Verdict::Measure => measured(map, &lock, &try_lock),
    }
}

/// Counts and times the wait for the lock, if there is one.
#[cold]
fn measured<S>(map: &LockMap, lock: impl Fn() -> S, try_lock: impl Fn() -> Option<S>) -> S {
    if let Some(taken) = not_taken_on_panic(map, &try_lock) {
        return taken;
    }
    map.contended();
    let state = not_taken_on_panic(map, || map.wait_for_or_panic(&try_lock, &lock));
    map.acquired();
    state
}

/// The held stack says that this thread waits for itself. The real lock knows better: `Some` if it
/// was available.
#[cold]
#[track_caller]
fn ask_real_lock<S>(map: &LockMap, try_lock: impl FnOnce() -> Option<S>) -> Option<S> {
    let taken = try_lock();
    if taken.is_some() {
        map.stale_holder();
    } else {
        map.self_deadlock();
    }
    taken
}

/// Runs an operation that takes the lock, or panics without having taken it.
#[inline]
fn not_taken_on_panic<S>(map: &LockMap, lock: impl FnOnce() -> S) -> S {
    let on_panic = OnDrop(|| map.acquire_failed());
    let state = lock();
    on_panic.dismiss();
    state
}

/// Runs an operation that turns one mode into another, or panics and has then given the lock up.
#[inline]
pub(crate) fn released_on_panic<S>(map: &LockMap, turn: impl FnOnce() -> S) -> S {
    let on_panic = OnDrop(|| map.release_by_any_thread());
    let state = turn();
    on_panic.dismiss();
    state
}

/// Runs an operation after whose panic a guard would be left without its lock: the process ends
/// instead.
#[inline]
pub(crate) fn or_abort<S>(operation: impl FnOnce() -> S) -> S {
    // A panic while a panic unwinds is an abort, which `core` has no function for.
    let no_way_out = OnDrop(|| panic!("a raw lock panicked and left a guard without its lock"));
    let result = operation();
    no_way_out.dismiss();
    result
}

/// An acquisition that gives up after a while: the event, then `attempt`, and the event is taken
/// back if it failed.
#[track_caller]
#[inline]
pub(crate) fn timed<S>(
    map: &LockMap,
    info: &LockInfo,
    want: Want,
    attempt: impl FnOnce() -> Option<S>,
    try_lock: impl Fn() -> Option<S>,
) -> Option<S> {
    if !hook::is_on() {
        return attempt();
    }
    match map.acquire_watched(info, want.mode, Wait::Timed, &want.options) {
        Verdict::Proceed | Verdict::Measure => {
            let taken = not_taken_on_panic(map, || try_lock().or_else(|| map.wait_for_a_time(attempt)));
            if taken.is_none() {
                map.acquire_failed();
            }
            taken
        }
        // It cannot hang forever, so there is nothing to report; but if it succeeds, what was held
        // is stale.
        Verdict::SelfDeadlock => {
            let taken = attempt();
            if taken.is_some() {
                map.stale_holder();
            }
            taken
        }
    }
}

/// A blocking acquisition for a guard that goes on living: `slot` is filled with the real lock's
/// state on every way out, because the guard is always dropped and gives the lock up.
#[track_caller]
#[inline]
pub(crate) fn reacquire<S>(
    map: &LockMap,
    info: &LockInfo,
    want: Want,
    slot: &mut ManuallyDrop<S>,
    lock: impl Fn() -> S,
    try_lock: impl Fn() -> Option<S>,
) {
    let on_panic = OnDrop(|| {
        *slot = ManuallyDrop::new(or_abort(&lock));
        map.try_acquired_with(info, want.mode, &want.options);
    });
    let taken = match map.acquire_with(info, want.mode, Wait::Blocking, &want.options) {
        Verdict::Proceed | Verdict::Measure => None,
        Verdict::SelfDeadlock => ask_real_lock(map, &try_lock),
    };
    on_panic.dismiss();
    let take = || try_lock().unwrap_or_else(|| map.wait_for(&try_lock, &lock));
    *slot = ManuallyDrop::new(taken.unwrap_or_else(|| or_abort(take)));
}

/// The event of an acquisition that did not wait, after it succeeded.
#[track_caller]
#[inline]
pub(crate) fn tried<S>(map: &LockMap, info: &LockInfo, want: Want, taken: Option<S>) -> Option<S> {
    if taken.is_some() {
        map.try_acquired_with(info, want.mode, &want.options);
    }
    taken
}

/// Gives the lock up for a moment: a release and a blocking acquisition, because others may take it
/// in between.
#[track_caller]
#[inline]
pub(crate) fn yielded(map: &LockMap, info: &LockInfo, want: Want, bump: impl FnOnce()) {
    map.release_by_any_thread();
    // A panic of the event leaves the caller with a guard, and with the real lock.
    let on_panic = OnDrop(|| map.try_acquired_with(info, want.mode, &want.options));
    if let Verdict::SelfDeadlock = map.acquire_with(info, want.mode, Wait::Blocking, &want.options) {
        // Just released: only a stale entry of the same lock can say so.
        map.stale_holder();
    }
    on_panic.dismiss();
    bump();
}

/// Code outside the wrapper reached the raw lock, and may give it up behind the wrapper: it no
/// longer counts as held here, and what is not known about it from now on is not held against it.
#[cold]
pub(crate) fn raw_taken(map: &LockMap, info: &LockInfo) {
    map.unverified(info);
    map.handed_over();
}

/// Runs its action at the end of the scope, also when the thread unwinds, unless it is dismissed
/// before.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> OnDrop<F> {
    /// The action is not needed.
    #[inline]
    pub(crate) fn dismiss(self) {
        core::mem::forget(self);
    }
}

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[cfg(test)]
mod tests {
    use super::{is_sendable, reads_recursively};

    #[test]
    fn a_marker_says_whether_a_guard_can_be_sent() {
        struct GuardNoSend(#[expect(dead_code, reason = "a marker")] *mut ());
        struct GuardSend(());
        use core::marker::PhantomData;
        assert!(!is_sendable::<PhantomData<GuardNoSend>>() && !is_sendable::<*mut ()>());
        assert!(is_sendable::<PhantomData<GuardSend>>() && is_sendable::<()>());
    }

    #[test]
    fn only_known_raw_locks_read_recursively() {
        assert!(reads_recursively("parking_lot::raw_rwlock::RawRwLockRecursive"));
        assert!(reads_recursively("spin::rwlock::RwLock<(), spin::relax::Spin>"));
        assert!(!reads_recursively("parking_lot::raw_rwlock::RawRwLock"));
    }
}
