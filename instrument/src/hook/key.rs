//! The kinds of key that a [`LockMap`](super::LockMap) can have, and the events that are compiled
//! once for each.

use std::fmt;

use super::any_key::KeyKind;
use super::{CreationSite, LockClassKey};

/// What identifies the class of a [`LockMap`](super::LockMap): its [`CreationSite`], or a
/// `&'static` [`LockClassKey`].
///
/// Sealed: there is no third kind.
pub trait ClassKey: Copy + fmt::Debug + Send + Sync + sealed::Events + 'static {}

impl ClassKey for CreationSite {}
impl ClassKey for &'static LockClassKey {}

/// What the hooks ask of a key.
mod sealed {
    use super::KeyKind;
    #[cfg(not(lockdep_disabled))]
    use crate::hook::{KeyedSlot, LockInfo, Verdict};
    #[cfg(not(lockdep_disabled))]
    use crate::runtime::process::state::Epoch;

    /// The acquisitions without options.
    ///
    /// They are written out for each kind of key, so that they are compiled in this crate, with its
    /// optimisation level, and not in the watched program.
    pub trait Events: KeyKind {
        #[cfg(not(lockdep_disabled))]
        #[track_caller]
        fn acquire_exclusive(lock: &KeyedSlot<Self>, info: &LockInfo, epoch: Epoch) -> Verdict;
        #[cfg(not(lockdep_disabled))]
        #[track_caller]
        fn acquire_shared(lock: &KeyedSlot<Self>, info: &LockInfo, epoch: Epoch) -> Verdict;
        #[cfg(not(lockdep_disabled))]
        #[track_caller]
        fn tried_exclusive(lock: &KeyedSlot<Self>, info: &LockInfo, epoch: Epoch);
        #[cfg(not(lockdep_disabled))]
        #[track_caller]
        fn tried_shared(lock: &KeyedSlot<Self>, info: &LockInfo, epoch: Epoch);
    }
}

#[cfg(lockdep_disabled)]
impl<K: KeyKind> sealed::Events for K {}

#[cfg(not(lockdep_disabled))]
mod events {
    use super::sealed::Events;
    use crate::hook::{CreationSite, KeyedSlot, LockClassKey, LockInfo, Verdict};
    use crate::runtime::event;
    use crate::runtime::process::state::Epoch;

    macro_rules! events {
        ($key:ty) => {
            impl Events for $key {
                #[track_caller]
                fn acquire_exclusive(lock: &KeyedSlot<Self>, info: &LockInfo, epoch: Epoch) -> Verdict {
                    event::acquire_plain::<Self, event::WantedExclusive>(lock, info, epoch)
                }

                #[track_caller]
                fn acquire_shared(lock: &KeyedSlot<Self>, info: &LockInfo, epoch: Epoch) -> Verdict {
                    event::acquire_plain::<Self, event::WantedShared>(lock, info, epoch)
                }

                #[track_caller]
                fn tried_exclusive(lock: &KeyedSlot<Self>, info: &LockInfo, epoch: Epoch) {
                    // A try that succeeded has nothing to wait for, whatever is held.
                    let (Verdict::Proceed | Verdict::SelfDeadlock | Verdict::Measure) =
                        event::acquire_plain::<Self, event::TriedExclusive>(lock, info, epoch);
                }

                #[track_caller]
                fn tried_shared(lock: &KeyedSlot<Self>, info: &LockInfo, epoch: Epoch) {
                    // A try that succeeded has nothing to wait for, whatever is held.
                    let (Verdict::Proceed | Verdict::SelfDeadlock | Verdict::Measure) =
                        event::acquire_plain::<Self, event::TriedShared>(lock, info, epoch);
                }
            }
        };
    }

    events!(CreationSite);
    events!(&'static LockClassKey);
}
