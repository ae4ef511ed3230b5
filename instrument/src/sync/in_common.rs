//! What `Mutex` and `RwLock` do alike, and what all their guards do alike: written once, as macros,
//! because the two are types of their own in std as well.
//!
//! How a lock is taken is not here; see `mutex.rs` and `rwlock.rs`.

/// The methods and traits of a lock with the fields `identity` and `inner`.
///
/// `$probe` is the method that looks at the data without waiting. A panic of `$holder` poisons the
/// lock, which its documentation calls `$noun`.
macro_rules! impl_lock {
    ($Lock:ident, $probe:ident, $noun:literal, $holder:literal) => {
        impl<T: ?Sized> $Lock<T> {
            const INFO: LockInfo = LockInfo::of::<T>(stringify!($Lock)).measured().publishes_waits();

            /// Announces that the caller may have to wait for the lock, under what it holds now.
            #[track_caller]
            pub(super) fn announce(&self, mode: Mode) {
                self.identity.might_acquire(&Self::INFO, mode);
            }

            #[doc = concat!("Returns whether a ", $holder, " panicked.")]
            #[inline]
            pub fn is_poisoned(&self) -> bool {
                self.inner.is_poisoned()
            }

            #[doc = concat!("Forgets that a ", $holder, " panicked.")]
            #[inline]
            pub fn clear_poison(&self) {
                self.inner.clear_poison();
            }

            #[doc = concat!("Returns the data, without the ", $noun, ". No event: no other thread can hold it.")]
            ///
            /// # Errors
            ///
            #[doc = concat!("With the data inside, if a ", $holder, " panicked.")]
            pub fn into_inner(self) -> LockResult<T>
            where
                T: Sized,
            {
                self.inner.into_inner()
            }

            /// Returns the data through an exclusive borrow. No event: no other thread can hold it.
            ///
            /// # Errors
            ///
            #[doc = concat!("With the borrow inside, if a ", $holder, " panicked.")]
            pub fn get_mut(&mut self) -> LockResult<&mut T> {
                self.inner.get_mut()
            }
        }

        impl<T: ?Sized> Tracked for $Lock<T> {
            fn lockdep_ref(&self) -> LockRef<'_> {
                self.identity.as_ref(&Self::INFO)
            }
        }

        impl<T> From<T> for $Lock<T> {
            #[track_caller]
            fn from(value: T) -> Self {
                let mut made = Self::new(value);
                made.identity.relocate();
                made
            }
        }

        impl<T: Default> Default for $Lock<T> {
            #[track_caller]
            fn default() -> Self {
                let mut made = Self::new(T::default());
                made.identity.relocate();
                made
            }
        }

        impl<T: ?Sized + fmt::Debug> fmt::Debug for $Lock<T> {
            #[track_caller]
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let Some(result) = not_blocked(self.$probe()) else {
                    // Taken: std's own words, which have changed between releases.
                    return self.inner.fmt(f);
                };
                // The data's own `Debug` may take other locks while this one is held.
                let guard = result.unwrap_or_else(sync::PoisonError::into_inner);
                f.debug_struct(stringify!($Lock))
                    .field("data", &&*guard)
                    .field("poisoned", &self.is_poisoned())
                    .finish_non_exhaustive()
            }
        }
    };
}

/// The traits of a guard with the field `inner`; `DerefMut` for one that excludes all others.
macro_rules! impl_guard {
    ($Guard:ident) => {
        impl<T: ?Sized> Deref for $Guard<'_, T> {
            type Target = T;

            #[inline]
            fn deref(&self) -> &T {
                &self.inner
            }
        }

        impl<T: ?Sized + fmt::Debug> fmt::Debug for $Guard<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.inner.fmt(f)
            }
        }

        impl<T: ?Sized + fmt::Display> fmt::Display for $Guard<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.inner.fmt(f)
            }
        }
    };
    (mut $Guard:ident) => {
        impl_guard!($Guard);

        impl<T: ?Sized> DerefMut for $Guard<'_, T> {
            #[inline]
            fn deref_mut(&mut self) -> &mut T {
                &mut self.inner
            }
        }
    };
}

pub(super) use impl_guard;
pub(super) use impl_lock;
