//! The locks of this room for [`lock_many`](crate::lock_many).

use std::sync::LockResult;

use super::held::not_blocked;
use super::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
use crate::Mode;
use crate::many::{Lockable, Reading, Writing, sealed::Sealed};

macro_rules! lockable {
    ($of:ty, $guard:ident, $mode:ident, $lock:ident, $try_lock:ident, |$this:ident| $inner:expr) => {
        impl<'a, T: ?Sized> Sealed for $of {}

        impl<'a, T: ?Sized> Lockable for $of {
            type Guard = $guard<'a, T>;

            #[track_caller]
            fn announce(self) {
                let $this = self;
                $inner.announce(Mode::$mode);
            }

            #[track_caller]
            fn wait(self) -> LockResult<Self::Guard> {
                let $this = self;
                $inner.$lock()
            }

            #[track_caller]
            fn attempt(self) -> Option<LockResult<Self::Guard>> {
                let $this = self;
                not_blocked($inner.$try_lock())
            }

            fn address(self) -> usize {
                let $this = self;
                std::ptr::from_ref($inner).cast::<()>().addr()
            }
        }
    };
}

lockable!(&'a Mutex<T>, MutexGuard, Exclusive, lock, try_lock, |this| this);
lockable!(Reading<'a, RwLock<T>>, RwLockReadGuard, Shared, read, try_read, |this| this.0);
lockable!(Writing<'a, RwLock<T>>, RwLockWriteGuard, Exclusive, write, try_write, |this| this.0);
