//! The named class of locks, as its author declares it.
//!
//! Locks without a name have a [`CreationSite`](super::CreationSite) instead.

use std::panic::Location;

use lockdep_validator::{ClassOrder, LockType, Validation, WaitType};

/// A class with a name: one `static` for all locks that play the same part, as in the kernel.
///
/// A name declares the locks of the class **interchangeable**: a cycle through named classes only
/// is an error at once, whichever objects were seen. Without a key a lock's class is its creation
/// site.
///
/// ```
/// use lockdep::hook::LockMap;
/// use lockdep::LockClassKey;
///
/// static INODE_LOCK: LockClassKey = LockClassKey::named("inode").kind("rwsem");
/// let map = LockMap::with_key(&INODE_LOCK);
/// # let _ = map;
/// ```
#[derive(Debug)]
#[cfg_attr(lockdep_disabled, expect(dead_code, reason = "no lock has a class in this build"))]
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
    /// Returns a class called `name`, wherever it is used.
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

    /// Sets what kind of lock it is, for reports (`rwsem`, `vm_lock`); otherwise the kind the
    /// wrapper gives.
    #[must_use]
    pub const fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    /// Sets what the lock waits for (both `wait_type_outer` and `wait_type_inner` of the kernel).
    #[must_use]
    pub const fn wait_type(self, wait_type: WaitType) -> Self {
        self.wait_types(wait_type, wait_type)
    }

    /// Sets where the lock may be taken, and separately what may be taken under it.
    #[must_use]
    pub const fn wait_types(mut self, outer: WaitType, inner: WaitType) -> Self {
        self.outer = outer;
        self.inner = inner;
        self
    }

    /// Sets a special treatment: per-CPU, wait override.
    #[must_use]
    pub const fn lock_type(mut self, lock_type: LockType) -> Self {
        self.lock_type = lock_type;
        self
    }

    /// Sets how much of the validation the class takes part in (the kernel's no-validate and
    /// no-track keys).
    #[must_use]
    pub const fn validation(mut self, validation: Validation) -> Self {
        self.validation = validation;
        self
    }

    /// Gives the locks of the class an order among themselves; see
    /// [`class_order`](crate::class_order).
    ///
    /// ```
    /// use lockdep::class_order::ClassOrder;
    /// use lockdep::LockClassKey;
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
