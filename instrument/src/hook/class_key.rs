//! The identity of a lock: where it is made, or the name its author gave.

use std::fmt;
use std::panic::Location;

use lockdep_validator::ClassOrder;
use lockdep_validator::state::class::{LockType, Validation, WaitType};

/// Where a lock was made: the identity of a lock that nobody named.
///
/// ```
/// let site = lockdep::hook::CreationSite::caller();
/// assert!(site.location().line() > 0);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CreationSite(*const Location<'static>);

// SAFETY: 1. what it points to, a `Location` or a leaked `Caller`, is never changed or freed; 2. both are `Sync`.
unsafe impl Send for CreationSite {}
// SAFETY: as above.
unsafe impl Sync for CreationSite {}

impl CreationSite {
    /// The place of the call.
    #[track_caller]
    #[inline]
    pub const fn caller() -> Self {
        Self(std::ptr::from_ref(Location::caller()))
    }

    /// The place itself, as the compiler knows it: for a lock that a function of the library made, a line of the library.
    #[inline]
    pub fn location(self) -> &'static Location<'static> {
        match self.outsider() {
            Some(caller) => caller.inside,
            // SAFETY: not tagged, so it was made in `caller` from a reference to a constant.
            None => unsafe { &*self.0 },
        }
    }

    /// What tells it from every other: an address, odd for a [`Caller`].
    #[cfg(not(lockdep_disabled))]
    #[inline(always)]
    pub(crate) fn token(self) -> u64 {
        self.0.expose_provenance() as u64
    }

    /// The same place of the program, told apart by who called the library there.
    #[cfg(not(lockdep_disabled))]
    pub(crate) fn called_by(caller: &'static Caller) -> Self {
        Self(std::ptr::from_ref(caller).cast::<Location<'static>>().map_addr(|address| address | 1))
    }

    #[inline]
    fn outsider(self) -> Option<&'static Caller> {
        if self.0.addr() & 1 == 0 {
            return None;
        }
        let caller = self.0.map_addr(|address| address & !1).cast::<Caller>();
        // SAFETY: only `called_by` makes odd addresses, from a reference that lives for ever.
        Some(unsafe { &*caller })
    }

    /// The first caller outside the library and this crate, if that is where the place is; otherwise the place itself.
    #[cfg_attr(lockdep_disabled, expect(dead_code, reason = "nobody asks for a class in this build"))]
    #[inline]
    pub(crate) fn outside_library(self) -> Self {
        #[cfg(not(lockdep_disabled))]
        if crate::runtime::process::state::is_on()
            && crate::runtime::identity::callers::is_hidden(self.location().file())
        {
            return crate::runtime::event::creation_site(self);
        }
        self
    }
}

impl fmt::Debug for CreationSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CreationSite({})", self.location())
    }
}

/// Who had the library make a lock, as far as the debug information tells. Aligned to at least two, for the tag.
#[derive(Debug)]
#[repr(align(8))]
#[cfg_attr(lockdep_disabled, expect(dead_code, reason = "nobody asks for a class in this build"))]
pub(crate) struct Caller {
    /// The line of the library.
    pub(crate) inside: &'static Location<'static>,
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// A class with a name: one `static` for all locks that play the same part, as in the kernel.
///
/// A name declares the locks of the class **interchangeable**: a cycle through named classes only is an error at once,
/// whichever objects were seen. Without a key a lock's class is its creation site.
///
/// ```
/// use lockdep::hook::{LockClassKey, LockMap};
///
/// static INODE_LOCK: LockClassKey = LockClassKey::named("inode").kind("rwsem");
/// let map = LockMap::with_key(&INODE_LOCK);
/// # let _ = map;
/// ```
#[derive(Debug)]
#[cfg_attr(lockdep_disabled, expect(dead_code, reason = "nobody asks for a class in this build"))]
pub struct LockClassKey {
    pub(crate) name: &'static str,
    /// What is added to the name; for classes that go with another one.
    pub(crate) suffix: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) outer: WaitType,
    pub(crate) inner: WaitType,
    pub(crate) lock_type: LockType,
    pub(crate) validation: Validation,
    pub(crate) declared: bool,
    pub(crate) order: Option<ClassOrder>,
    pub(crate) location: &'static Location<'static>,
}

impl LockClassKey {
    /// A class called `name`, wherever it is used.
    #[track_caller]
    pub const fn named(name: &'static str) -> Self {
        Self {
            name,
            suffix: "",
            kind: "",
            outer: WaitType::Unchecked,
            inner: WaitType::Unchecked,
            lock_type: LockType::Normal,
            validation: Validation::Full,
            declared: true,
            order: None,
            location: Location::caller(),
        }
    }

    pub(crate) const fn suffix(mut self, suffix: &'static str) -> Self {
        self.suffix = suffix;
        self
    }

    /// What kind of lock it is, for reports (`rwsem`, `vm_lock`); otherwise the kind the wrapper gives.
    #[must_use]
    pub const fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    /// What the lock waits for (both `wait_type_outer` and `wait_type_inner` of the kernel).
    #[must_use]
    pub const fn wait_type(mut self, wait_type: WaitType) -> Self {
        self.outer = wait_type;
        self.inner = wait_type;
        self
    }

    /// Where the lock may be taken, and separately what may be taken under it.
    #[must_use]
    pub const fn wait_types(mut self, outer: WaitType, inner: WaitType) -> Self {
        self.outer = outer;
        self.inner = inner;
        self
    }

    /// Special treatment: per-CPU, wait override.
    #[must_use]
    pub const fn lock_type(mut self, lock_type: LockType) -> Self {
        self.lock_type = lock_type;
        self
    }

    /// How much of the validation the class takes part in (the kernel's no-validate and no-track keys).
    #[must_use]
    pub const fn validation(mut self, validation: Validation) -> Self {
        self.validation = validation;
        self
    }

    /// Gives the locks of the class an order among themselves; see [`class_order`](crate::class_order).
    ///
    /// ```
    /// use lockdep::{ClassOrder, LockClassKey};
    ///
    /// static INODE: LockClassKey = LockClassKey::named("inode").order_by(ClassOrder::ByKey);
    /// # let _ = &INODE;
    /// ```
    #[must_use]
    pub const fn order_by(mut self, order: ClassOrder) -> Self {
        self.order = Some(order);
        self
    }

    /// Keeps the name but lets the instances decide, as for a class without one.
    #[must_use]
    pub const fn by_instance(mut self) -> Self {
        self.declared = false;
        self
    }
}

/// What a wrapper knows about its lock type, handed over with each event. Make it once, as an associated constant.
///
/// The name of the data's type is a function, so that it is only asked for when the first lock of the class is registered.
#[derive(Clone, Copy)]
pub struct LockInfo {
    pub(crate) kind: &'static str,
    pub(crate) type_name: fn() -> &'static str,
    pub(crate) outer: WaitType,
    pub(crate) inner: WaitType,
    pub(crate) is_measured: bool,
    pub(crate) is_sendable: fn() -> bool,
}

impl LockInfo {
    /// A lock called `kind` around data of type `T`.
    pub const fn of<T: ?Sized>(kind: &'static str) -> Self {
        Self {
            kind,
            type_name: core::any::type_name::<T>,
            outer: WaitType::Unchecked,
            inner: WaitType::Unchecked,
            is_measured: false,
            is_sendable: || false,
        }
    }

    /// A lock called `kind` that protects no data of its own.
    pub const fn bare(kind: &'static str) -> Self {
        Self { type_name: || "", ..Self::of::<()>(kind) }
    }

    /// The wrapper understands [`Verdict::Measure`](super::Verdict::Measure): it tries the real lock first when it is told to.
    #[must_use]
    pub const fn measured(mut self) -> Self {
        self.is_measured = true;
        self
    }

    /// The guards of the lock can be sent to other threads, which release it there with
    /// [`release_by_any_thread`](super::LockMap::release_by_any_thread).
    ///
    /// That a thread acquired the lock is then no proof that it still holds it. What rests on that is a note, until the thread is seen
    /// to release the lock itself.
    #[must_use]
    pub const fn sendable(self) -> Self {
        self.sendable_if(|| true)
    }

    /// [`sendable`](Self::sendable) if the function says so; it is asked when the first lock of the class is registered.
    #[must_use]
    pub const fn sendable_if(mut self, is_sendable_fn: fn() -> bool) -> Self {
        self.is_sendable = is_sendable_fn;
        self
    }

    /// What the lock waits for, and what may be waited for while it is held.
    #[must_use]
    pub const fn wait_types(mut self, outer: WaitType, inner: WaitType) -> Self {
        self.outer = outer;
        self.inner = inner;
        self
    }
}

impl fmt::Debug for LockInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LockInfo({}<{}>)", self.kind, (self.type_name)())
    }
}

/// What identifies the class of a [`LockMap`](super::LockMap): its [`CreationSite`], or a `&'static` [`LockClassKey`].
///
/// Sealed: there is no third kind.
pub trait ClassKey: Copy + fmt::Debug + Send + Sync + sealed::Identity + 'static {}

impl ClassKey for CreationSite {}
impl ClassKey for &'static LockClassKey {}

pub(crate) mod sealed {
    #[cfg(not(lockdep_disabled))]
    use super::{ClassKey, LockInfo};
    use super::{CreationSite, LockClassKey};
    #[cfg(not(lockdep_disabled))]
    use crate::hook::{LockMap, Verdict};
    #[cfg(not(lockdep_disabled))]
    use crate::runtime::event;

    /// Either identity, by value.
    #[derive(Clone, Copy, Debug)]
    pub enum AnyKey {
        /// By creation site.
        Site(CreationSite),
        /// By name.
        Named(&'static LockClassKey),
    }

    /// What the runtime asks of a key.
    ///
    /// The acquisitions are here, and written out for each kind of key, so that they are compiled in this crate, with its
    /// optimisation level, and not in the watched program.
    pub trait Identity: Sized {
        /// The key as a value of one type.
        fn any(self) -> AnyKey;
        #[cfg(not(lockdep_disabled))]
        #[track_caller]
        fn acquire_exclusive(map: &LockMap<Self>, info: &LockInfo) -> Verdict
        where
            Self: ClassKey;
        #[cfg(not(lockdep_disabled))]
        #[track_caller]
        fn acquire_shared(map: &LockMap<Self>, info: &LockInfo) -> Verdict
        where
            Self: ClassKey;
        #[cfg(not(lockdep_disabled))]
        #[track_caller]
        fn tried_exclusive(map: &LockMap<Self>, info: &LockInfo)
        where
            Self: ClassKey;
        #[cfg(not(lockdep_disabled))]
        #[track_caller]
        fn tried_shared(map: &LockMap<Self>, info: &LockInfo)
        where
            Self: ClassKey;
    }

    macro_rules! acquisitions {
        () => {
            #[cfg(not(lockdep_disabled))]
            #[track_caller]
            fn acquire_exclusive(map: &LockMap<Self>, info: &LockInfo) -> Verdict {
                event::acquire_plain::<Self, event::WantedExclusive>(map, info)
            }

            #[cfg(not(lockdep_disabled))]
            #[track_caller]
            fn acquire_shared(map: &LockMap<Self>, info: &LockInfo) -> Verdict {
                event::acquire_plain::<Self, event::WantedShared>(map, info)
            }

            #[cfg(not(lockdep_disabled))]
            #[track_caller]
            fn tried_exclusive(map: &LockMap<Self>, info: &LockInfo) {
                // A try that succeeded has nothing to wait for, whatever is held.
                let (Verdict::Proceed | Verdict::SelfDeadlock | Verdict::Measure) =
                    event::acquire_plain::<Self, event::TriedExclusive>(map, info);
            }

            #[cfg(not(lockdep_disabled))]
            #[track_caller]
            fn tried_shared(map: &LockMap<Self>, info: &LockInfo) {
                // A try that succeeded has nothing to wait for, whatever is held.
                let (Verdict::Proceed | Verdict::SelfDeadlock | Verdict::Measure) =
                    event::acquire_plain::<Self, event::TriedShared>(map, info);
            }
        };
    }

    impl Identity for CreationSite {
        #[inline]
        fn any(self) -> AnyKey {
            AnyKey::Site(self)
        }

        acquisitions!();
    }

    impl Identity for &'static LockClassKey {
        #[inline]
        fn any(self) -> AnyKey {
            AnyKey::Named(self)
        }

        acquisitions!();
    }
}
