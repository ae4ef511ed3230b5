//! Guards of a part of the data, which know the raw lock but no longer the type of the whole.

use core::mem::ManuallyDrop;

use super::super::hook::LockMap;
use super::super::raw::{RawMutex, RawMutexFair, RawRwLock, RawRwLockFair};
use super::super::seam::{self, ExclusiveState, MutexState, SharedState};
use super::guard::{
    ExclusivePointer, SharedPointer, impl_deref, impl_deref_mut, impl_map, impl_mapped_guard,
    impl_stable_address,
};
use super::mutex::MutexGuard;
use super::rwlock_guard::{RwLockReadGuard, RwLockWriteGuard};

/// A mutex guard narrowed to a part of the data, from [`MutexGuard::map`].
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct MappedMutexGuard<'a, R: RawMutex, T: ?Sized + 'a> {
    raw: &'a R,
    map: &'a LockMap,
    state: ManuallyDrop<MutexState<R>>,
    data: ExclusivePointer<T>,
}

/// A read guard narrowed to a part of the data, from [`RwLockReadGuard::map`].
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct MappedRwLockReadGuard<'a, R: RawRwLock, T: ?Sized + 'a> {
    raw: &'a R,
    map: &'a LockMap,
    state: ManuallyDrop<SharedState<R>>,
    data: SharedPointer<T>,
}

/// A write guard narrowed to a part of the data, from [`RwLockWriteGuard::map`].
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct MappedRwLockWriteGuard<'a, R: RawRwLock, T: ?Sized + 'a> {
    raw: &'a R,
    map: &'a LockMap,
    state: ManuallyDrop<ExclusiveState<R>>,
    data: ExclusivePointer<T>,
}

impl_map!(
    ['a, R: RawMutex + 'a, T: ?Sized + 'a] MutexGuard<'a, R, T>, T, [&mut] => MappedMutexGuard<'a, R, U>, ExclusivePointer,
    |(lock, state), data| MappedMutexGuard { raw: lock.raw_mutex(), map: &lock.map, state: ManuallyDrop::new(state), data },
    try_map_or_err
);
impl_map!(
    ['a, R: RawMutex + 'a, T: ?Sized + 'a] MappedMutexGuard<'a, R, T>, T, [&mut] => MappedMutexGuard<'a, R, U>,
    ExclusivePointer, |(raw, map, state), data| MappedMutexGuard { raw, map, state: ManuallyDrop::new(state), data },
    try_map_or_err
);
impl_deref!(['a, R: RawMutex + 'a, T: ?Sized + 'a] MappedMutexGuard<'a, R, T>, T);
impl_deref_mut!(['a, R: RawMutex + 'a, T: ?Sized + 'a] MappedMutexGuard<'a, R, T>, T);
impl_stable_address!(['a, R: RawMutex + 'a, T: ?Sized + 'a] MappedMutexGuard<'a, R, T>);
impl_mapped_guard!(
    ['a, R: RawMutex + 'a, T: ?Sized + 'a] ['a, R: RawMutexFair + 'a, T: ?Sized + 'a] MappedMutexGuard<'a, R, T>,
    T, R, MutexState<R>, unlock, unlock_fair
);

impl_map!(
    ['a, R: RawRwLock + 'a, T: ?Sized + 'a] RwLockReadGuard<'a, R, T>, T, [&] => MappedRwLockReadGuard<'a, R, U>,
    SharedPointer,
    |(lock, state), data| MappedRwLockReadGuard { raw: &lock.raw, map: &lock.map, state: ManuallyDrop::new(state), data },
    try_map_or_err
);
impl_map!(
    ['a, R: RawRwLock + 'a, T: ?Sized + 'a] MappedRwLockReadGuard<'a, R, T>, T, [&] => MappedRwLockReadGuard<'a, R, U>,
    SharedPointer, |(raw, map, state), data| MappedRwLockReadGuard { raw, map, state: ManuallyDrop::new(state), data },
    try_map_or_err
);
impl_deref!(['a, R: RawRwLock + 'a, T: ?Sized + 'a] MappedRwLockReadGuard<'a, R, T>, T);
impl_stable_address!(['a, R: RawRwLock + 'a, T: ?Sized + 'a] MappedRwLockReadGuard<'a, R, T>);
impl_mapped_guard!(
    ['a, R: RawRwLock + 'a, T: ?Sized + 'a] ['a, R: RawRwLockFair + 'a, T: ?Sized + 'a] MappedRwLockReadGuard<'a, R, T>,
    T, R, SharedState<R>, unlock_shared, unlock_shared_fair
);

impl_map!(
    ['a, R: RawRwLock + 'a, T: ?Sized + 'a] RwLockWriteGuard<'a, R, T>, T, [&mut] => MappedRwLockWriteGuard<'a, R, U>,
    ExclusivePointer,
    |(lock, state), data| MappedRwLockWriteGuard { raw: &lock.raw, map: &lock.map, state: ManuallyDrop::new(state), data },
    try_map_or_err
);
impl_map!(
    ['a, R: RawRwLock + 'a, T: ?Sized + 'a] MappedRwLockWriteGuard<'a, R, T>, T, [&mut] => MappedRwLockWriteGuard<'a, R, U>,
    ExclusivePointer, |(raw, map, state), data| MappedRwLockWriteGuard { raw, map, state: ManuallyDrop::new(state), data },
    try_map_or_err
);
impl_deref!(['a, R: RawRwLock + 'a, T: ?Sized + 'a] MappedRwLockWriteGuard<'a, R, T>, T);
impl_deref_mut!(['a, R: RawRwLock + 'a, T: ?Sized + 'a] MappedRwLockWriteGuard<'a, R, T>, T);
impl_stable_address!(['a, R: RawRwLock + 'a, T: ?Sized + 'a] MappedRwLockWriteGuard<'a, R, T>);
impl_mapped_guard!(
    ['a, R: RawRwLock + 'a, T: ?Sized + 'a] ['a, R: RawRwLockFair + 'a, T: ?Sized + 'a] MappedRwLockWriteGuard<'a, R, T>,
    T, R, ExclusiveState<R>, unlock_exclusive, unlock_exclusive_fair
);
