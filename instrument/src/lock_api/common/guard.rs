//! What every guard has in common, as macros: a guard that borrows its lock and one that shares it
//! differ in one field only.

use core::ptr::NonNull;

/// Data behind a mapped read guard: `Send` and `Sync` as `&T` is.
pub(crate) struct SharedPointer<T: ?Sized>(NonNull<T>);

impl<T: ?Sized> SharedPointer<T> {
    #[inline]
    pub(crate) fn new(data: &T) -> Self {
        Self(NonNull::from(data))
    }

    #[inline]
    pub(crate) fn get(&self) -> *mut T {
        self.0.as_ptr()
    }
}

// SAFETY: the pointer is only ever used as `&T`.
unsafe impl<T: ?Sized + Sync> Send for SharedPointer<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Sync> Sync for SharedPointer<T> {}

/// Data behind a mapped mutex or write guard: `Send`, `Sync` and variance as of `&mut T`.
pub(crate) struct ExclusivePointer<T: ?Sized>(*mut T);

impl<T: ?Sized> ExclusivePointer<T> {
    #[inline]
    pub(crate) fn new(data: &mut T) -> Self {
        Self(data)
    }

    #[inline]
    pub(crate) fn get(&self) -> *mut T {
        self.0
    }
}

// SAFETY: the pointer is only ever used as `&mut T`.
unsafe impl<T: ?Sized + Send> Send for ExclusivePointer<T> {}
// SAFETY: a shared guard only gives out `&T`.
unsafe impl<T: ?Sized + Sync> Sync for ExclusivePointer<T> {}

/// Reading through a guard, and printing it.
macro_rules! impl_deref {
    ([$($generics:tt)*] $guard:ty, $data:ident) => {
        impl<$($generics)*> core::ops::Deref for $guard {
            type Target = $data;

            #[inline]
            fn deref(&self) -> &$data {
                // SAFETY: the guard holds the lock, so no thread writes while `self` is borrowed.
                unsafe { &*Self::pointer(self) }
            }
        }

        impl<$($generics)*> core::fmt::Debug for $guard
        where
            $data: core::fmt::Debug,
        {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Debug::fmt(&**self, f)
            }
        }

        impl<$($generics)*> core::fmt::Display for $guard
        where
            $data: core::fmt::Display,
        {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(&**self, f)
            }
        }
    };
}

/// Writing through a guard.
macro_rules! impl_deref_mut {
    ([$($generics:tt)*] $guard:ty, $data:ident) => {
        impl<$($generics)*> core::ops::DerefMut for $guard {
            #[inline]
            fn deref_mut(&mut self) -> &mut $data {
                // SAFETY: the guard holds the lock exclusively, and `self` is borrowed mutably.
                unsafe { &mut *Self::pointer(self) }
            }
        }
    };
}

/// For `owning_ref`: the data stays where it is when the guard moves.
macro_rules! impl_stable_address {
    ([$($generics:tt)*] $guard:ty) => {
        #[cfg(feature = "owning_ref")]
        // SAFETY: a guard refers to data inside the lock, which cannot move while it is borrowed.
        unsafe impl<$($generics)*> owning_ref::StableAddress for $guard {}
    };
}

/// A guard with the fields `lock` (a reference or an `Arc`) and `state`: release, and what is built
/// on it.
macro_rules! impl_lock_guard {
    (
        [$($generics:tt)*] [$($fair:tt)*] $guard:ty, holder $holder:ty, data $data:ident, state $state:ty,
        $reacquire:ident, $release:ident, $release_fair:ident, $bump:ident
    ) => {
        impl<$($generics)*> $guard {
            #[inline]
            pub(crate) fn pointer(s: &Self) -> *mut $data {
                s.lock.data_ptr()
            }

            /// Takes the guard apart without a release.
            #[inline]
            pub(crate) fn into_parts(s: Self) -> ($holder, $state) {
                let mut s = core::mem::ManuallyDrop::new(s);
                // SAFETY: `s` is never dropped or used again, so each field is moved out exactly
                // once.
                unsafe { (core::ptr::read(&s.lock), core::mem::ManuallyDrop::take(&mut s.state)) }
            }

            /// Gives the lock up, runs `f`, and takes the lock again, also if `f` panics.
            ///
            /// The validator sees a release and a blocking acquisition at the place of the call.
            #[track_caller]
            pub fn unlocked<F, U>(s: &mut Self, f: F) -> U
            where
                F: FnOnce() -> U,
            {
                let lock = &*s.lock;
                let state = &mut s.state;
                // SAFETY: the state is put back before anyone can look at it.
                let taken = unsafe { core::mem::ManuallyDrop::take(state) };
                let on_panic = OnDrop(|| lock.$reacquire(state));
                // SAFETY: the guard holds the lock.
                unsafe { lock.$release(taken) };
                let result = f();
                on_panic.dismiss();
                s.lock.$reacquire(&mut s.state);
                result
            }
        }

        impl<$($fair)*> $guard {
            /// Gives the lock up to the thread that has waited longest, if any waits.
            #[track_caller]
            pub fn unlock_fair(s: Self) {
                let (lock, state) = Self::into_parts(s);
                // SAFETY: the guard held the lock.
                unsafe { lock.$release_fair(state) };
            }

            /// Gives the lock up fairly, runs `f`, and takes the lock again, also if `f` panics.
            ///
            /// The validator sees a release and a blocking acquisition at the place of the call.
            #[track_caller]
            pub fn unlocked_fair<F, U>(s: &mut Self, f: F) -> U
            where
                F: FnOnce() -> U,
            {
                let lock = &*s.lock;
                let state = &mut s.state;
                // SAFETY: the state is put back before anyone can look at it.
                let taken = unsafe { core::mem::ManuallyDrop::take(state) };
                let on_panic = OnDrop(|| lock.$reacquire(state));
                // SAFETY: the guard holds the lock.
                unsafe { lock.$release_fair(taken) };
                let result = f();
                on_panic.dismiss();
                s.lock.$reacquire(&mut s.state);
                result
            }

            /// Lets a waiting thread have the lock first, if there is one, and takes it again.
            ///
            /// The validator sees a release and a blocking acquisition, whether or not a thread
            /// waits.
            #[track_caller]
            pub fn bump(s: &mut Self) {
                // SAFETY: the guard holds the lock.
                unsafe { s.lock.$bump(&mut s.state) };
            }
        }

        impl<$($generics)*> Drop for $guard {
            #[inline]
            fn drop(&mut self) {
                // SAFETY: the guard holds the lock, and its state is taken here only.
                unsafe { self.lock.$release(core::mem::ManuallyDrop::take(&mut self.state)) };
            }
        }
    };
}

/// A guard that shares its lock: getting the `Arc` back.
#[cfg(feature = "arc_lock")]
macro_rules! impl_arc_guard {
    ([$($generics:tt)*] [$($fair:tt)*] $guard:ty, $lock:ty, $accessor:ident, $release:ident, $release_fair:ident) => {
        impl<$($generics)*> $guard {
            /// The lock that the guard holds.
            #[inline]
            pub fn $accessor(s: &Self) -> &Arc<$lock> {
                &s.lock
            }

            /// Gives the lock up and returns its `Arc`.
            #[track_caller]
            pub fn into_arc(s: Self) -> Arc<$lock> {
                let (lock, state) = Self::into_parts(s);
                // SAFETY: the guard held the lock.
                unsafe { lock.$release(state) };
                lock
            }
        }

        impl<$($fair)*> $guard {
            /// Gives the lock up to the thread that has waited longest, and returns its `Arc`.
            #[track_caller]
            pub fn into_arc_fair(s: Self) -> Arc<$lock> {
                let (lock, state) = Self::into_parts(s);
                // SAFETY: the guard held the lock.
                unsafe { lock.$release_fair(state) };
                lock
            }
        }
    };
}

/// A guard of a part of the data; the fields are `raw`, `map`, `state`, `data`.
macro_rules! impl_mapped_guard {
    ([$($generics:tt)*] [$($fair:tt)*] $guard:ty, $data:ident, $raw:ty, $state:ty, $unlock:ident, $unlock_fair:ident) => {
        impl<$($generics)*> $guard {
            #[inline]
            pub(crate) fn pointer(s: &Self) -> *mut $data {
                s.data.get()
            }

            /// Takes the guard apart without a release.
            #[inline]
            pub(crate) fn into_parts(s: Self) -> (&'a $raw, &'a LockMap, $state) {
                let mut s = core::mem::ManuallyDrop::new(s);
                // SAFETY: `s` is never dropped or used again, so the state is moved out exactly
                // once.
                (s.raw, s.map, unsafe { core::mem::ManuallyDrop::take(&mut s.state) })
            }
        }

        impl<$($fair)*> $guard {
            /// Gives the lock up to the thread that has waited longest, if any waits.
            #[track_caller]
            pub fn unlock_fair(s: Self) {
                let (raw, map, state) = Self::into_parts(s);
                map.release_by_any_thread();
                // SAFETY: the guard held the lock.
                unsafe { seam::$unlock_fair(raw, state) };
            }
        }

        impl<$($generics)*> Drop for $guard {
            #[inline]
            fn drop(&mut self) {
                self.map.release_by_any_thread();
                // SAFETY: the guard holds the lock, and its state is taken here only.
                unsafe { seam::$unlock(self.raw, core::mem::ManuallyDrop::take(&mut self.state)) };
            }
        }
    };
}

/// Narrowing a guard to a part of its data. `[& mut]` or `[&]` is how the closure sees the data.
macro_rules! impl_map {
    (
        [$($generics:tt)*] $guard:ty, $data:ident, [$($borrow:tt)*] => $mapped:ty, $pointer:ident,
        |$parts:pat_param, $new:ident| $build:expr, $try_map_or_err:ident
    ) => {
        impl<$($generics)*> $guard {
            /// Narrows the guard to a part of the data.
            #[inline]
            pub fn map<U: ?Sized, F>(s: Self, f: F) -> $mapped
            where
                F: FnOnce($($borrow)* $data) -> $($borrow)* U,
            {
                // SAFETY: the guard holds the lock in the mode that `f` needs, and is not used
                // meanwhile.
                let $new = $pointer::new(f(unsafe { $($borrow)* *Self::pointer(&s) }));
                let $parts = Self::into_parts(s);
                $build
            }

            /// Narrows the guard to a part of the data, if there is such a part.
            ///
            /// # Errors
            ///
            /// The guard itself, if `f` returns `None`.
            #[inline]
            pub fn try_map<U: ?Sized, F>(s: Self, f: F) -> Result<$mapped, Self>
            where
                F: FnOnce($($borrow)* $data) -> Option<$($borrow)* U>,
            {
                // SAFETY: the guard holds the lock in the mode that `f` needs, and is not used
                // meanwhile.
                match f(unsafe { $($borrow)* *Self::pointer(&s) }) {
                    Some(part) => {
                        let $new = $pointer::new(part);
                        let $parts = Self::into_parts(s);
                        Ok($build)
                    }
                    None => Err(s),
                }
            }

            /// Narrows the guard to a part of the data, or says why there is none.
            ///
            /// # Errors
            ///
            /// The guard itself and the error of `f`.
            #[inline]
            pub fn $try_map_or_err<U: ?Sized, F, E>(s: Self, f: F) -> Result<$mapped, (Self, E)>
            where
                F: FnOnce($($borrow)* $data) -> Result<$($borrow)* U, E>,
            {
                // SAFETY: the guard holds the lock in the mode that `f` needs, and is not used
                // meanwhile.
                match f(unsafe { $($borrow)* *Self::pointer(&s) }) {
                    Ok(part) => {
                        let $new = $pointer::new(part);
                        let $parts = Self::into_parts(s);
                        Ok($build)
                    }
                    Err(error) => Err((s, error)),
                }
            }
        }
    };
}

/// The same acquisitions with guards that share the lock.
#[cfg(feature = "arc_lock")]
macro_rules! arc_acquisitions {
    ($bound:ident: $($name:ident $(($timeout:ident))? => $acquire:ident, $guard:ident, $plain:literal;)*) => {
        impl<R: $bound, T: ?Sized> RwLock<R, T> {$(
            #[doc = concat!("[`", $plain, "`](Self::", $plain, ") with a guard that shares the lock.")]
            #[track_caller]
            #[inline]
            pub fn $name(self: &Arc<Self> $(, timeout: R::$timeout)?) -> Option<$guard<R, T>> {
                let taken = self.$acquire($({ let timeout: R::$timeout = timeout; timeout })?);
                // SAFETY: just taken.
                taken.map(|state| unsafe { $guard::assume(Arc::clone(self), state) })
            }
        )*}
    };
    (waiting $bound:ident: $($name:ident => $acquire:ident, $guard:ident, $plain:literal;)*) => {
        impl<R: $bound, T: ?Sized> RwLock<R, T> {$(
            #[doc = concat!("[`", $plain, "`](Self::", $plain, ") with a guard that shares the lock.")]
            ///
            /// # Panics
            ///
            #[doc = concat!("As [`", $plain, "`](Self::", $plain, ").")]
            #[track_caller]
            #[inline]
            pub fn $name(self: &Arc<Self>) -> $guard<R, T> {
                let state = self.$acquire();
                // SAFETY: just taken.
                unsafe { $guard::assume(Arc::clone(self), state) }
            }
        )*}
    };
}

#[cfg(feature = "arc_lock")]
pub(crate) use {arc_acquisitions, impl_arc_guard};
pub(crate) use {
    impl_deref, impl_deref_mut, impl_lock_guard, impl_map, impl_mapped_guard, impl_stable_address,
};
