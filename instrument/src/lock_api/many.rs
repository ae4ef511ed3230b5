//! The locks of this room for [`lock_many`](crate::lock_many).

use std::sync::LockResult;

use super::common::event::read_want;
use super::raw::{RawMutex, RawRwLock};
use super::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
use crate::Mode;
use crate::many::{Lockable, Reading, Writing, sealed::Sealed};

macro_rules! lockable {
    (
        $raw:ident, $of:ty, $guard:ident, $mode:expr, $lock:ident, $try_lock:ident, |$this:ident| $inner:expr
    ) => {
        impl<'a, R: $raw, T: ?Sized> Sealed for $of {}

        impl<'a, R: $raw, T: ?Sized> Lockable for $of {
            type Guard = $guard<'a, R, T>;

            #[track_caller]
            fn announce(self) {
                let $this = self;
                $inner.map.might_acquire(&<$of as Info>::INFO, $mode);
            }

            #[track_caller]
            fn wait(self) -> LockResult<Self::Guard> {
                let $this = self;
                Ok($inner.$lock())
            }

            #[track_caller]
            fn attempt(self) -> Option<LockResult<Self::Guard>> {
                let $this = self;
                $inner.$try_lock().map(Ok)
            }

            fn address(self) -> usize {
                let $this = self;
                std::ptr::from_ref($inner).cast::<()>().addr()
            }
        }
    };
}

/// What a lock is, by the way in which it is named.
trait Info {
    const INFO: super::hook::LockInfo;
}

impl<R: RawMutex, T: ?Sized> Info for &Mutex<R, T> {
    const INFO: super::hook::LockInfo = Mutex::<R, T>::TAKEN;
}

impl<R: RawRwLock, T: ?Sized> Info for Reading<'_, RwLock<R, T>> {
    const INFO: super::hook::LockInfo = RwLock::<R, T>::TAKEN;
}

impl<R: RawRwLock, T: ?Sized> Info for Writing<'_, RwLock<R, T>> {
    const INFO: super::hook::LockInfo = RwLock::<R, T>::TAKEN;
}

lockable!(RawMutex, &'a Mutex<R, T>, MutexGuard, Mode::Exclusive, lock, try_lock, |this| this);
lockable!(
    RawRwLock,
    Reading<'a, RwLock<R, T>>,
    RwLockReadGuard,
    read_want::<R>().mode(),
    read,
    try_read,
    |this| this.0
);
lockable!(
    RawRwLock,
    Writing<'a, RwLock<R, T>>,
    RwLockWriteGuard,
    Mode::Exclusive,
    write,
    try_write,
    |this| this.0
);
