//! The kinds of key that a [`LockMap`](super::LockMap) can have, and the events that are compiled
//! once for each.

use std::fmt;

#[cfg(lockdep_disabled)]
use crate::lock::KeyKind;
use crate::lock::{CreationSite, LockClassKey};

/// What identifies the class of a [`LockMap`](super::LockMap): its [`CreationSite`], or a
/// `&'static` [`LockClassKey`].
///
/// Sealed: there is no third kind.
pub trait ClassKey: Copy + fmt::Debug + Send + Sync + sealed::Events + 'static {}

impl ClassKey for CreationSite {}
impl ClassKey for &'static LockClassKey {}

/// What the hooks ask of a key.
mod sealed {
    use crate::lock::KeyKind;
    #[cfg(not(lockdep_disabled))]
    use crate::lock::{KeyedSlot, LockInfo, Verdict};

    /// The acquisitions without options; the blocking ones are not what their place was last used
    /// for.
    ///
    /// They are written out for each kind of key. So they are compiled in this crate, with its
    /// optimisation level, and not in the watched program.
    pub trait Events: KeyKind {
        #[cfg(not(lockdep_disabled))]
        #[track_caller]
        fn acquire_exclusive(lock: &KeyedSlot<Self>, info: &LockInfo) -> Verdict;
        #[cfg(not(lockdep_disabled))]
        #[track_caller]
        fn acquire_shared(lock: &KeyedSlot<Self>, info: &LockInfo) -> Verdict;
        #[cfg(not(lockdep_disabled))]
        #[track_caller]
        fn tried_exclusive(lock: &KeyedSlot<Self>, info: &LockInfo);
        #[cfg(not(lockdep_disabled))]
        #[track_caller]
        fn tried_shared(lock: &KeyedSlot<Self>, info: &LockInfo);
    }
}

#[cfg(lockdep_disabled)]
impl<K: KeyKind> sealed::Events for K {}

#[cfg(not(lockdep_disabled))]
mod events {
    use super::sealed::Events;
    use crate::lock::{CreationSite, KeyedSlot, LockClassKey, LockInfo, Verdict};
    use crate::runtime::event;

    macro_rules! events {
        ($key:ty) => {
            impl Events for $key {
                #[track_caller]
                #[cold]
                fn acquire_exclusive(lock: &KeyedSlot<Self>, info: &LockInfo) -> Verdict {
                    event::acquire_plain::<Self, event::WantedExclusive>(lock, info)
                }

                #[track_caller]
                #[cold]
                fn acquire_shared(lock: &KeyedSlot<Self>, info: &LockInfo) -> Verdict {
                    event::acquire_plain::<Self, event::WantedShared>(lock, info)
                }

                #[track_caller]
                fn tried_exclusive(lock: &KeyedSlot<Self>, info: &LockInfo) {
                    // A try that succeeded has nothing to wait for, whatever is held.
                    let (Verdict::Proceed | Verdict::SelfDeadlock | Verdict::Measure) =
                        event::acquire_plain::<Self, event::TriedExclusive>(lock, info);
                }

                #[track_caller]
                fn tried_shared(lock: &KeyedSlot<Self>, info: &LockInfo) {
                    // A try that succeeded has nothing to wait for, whatever is held.
                    let (Verdict::Proceed | Verdict::SelfDeadlock | Verdict::Measure) =
                        event::acquire_plain::<Self, event::TriedShared>(lock, info);
                }
            }
        };
    }

    events!(CreationSite);
    events!(&'static LockClassKey);
}
