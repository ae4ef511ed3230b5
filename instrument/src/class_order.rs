//! An order for the locks of one class: by address, by a key, or as a function says (the kernel's
//! `lock_set_cmp_fn`).
//!
//! Locks that are made at one place are of one class, and nesting two of them is judged by what was
//! seen: an error needs both orders. Where the program has an order, say so, and the first
//! acquisition against it is reported (LD0002), in a run in which the opposite order never
//! happened:
//!
//! ```
//! use lockdep::class_order::Ordered;
//! use lockdep::sync::Mutex;
//!
//! struct Account { id: u64, balance: Mutex<i64> }
//!
//! fn account(id: u64) -> Account {
//!     Account { id, balance: Mutex::new(100).ordered_by_key(id) }
//! }
//!
//! fn transfer(from: &Account, to: &Account, amount: i64) {
//!     // Without this line: LD0002 at the first transfer from a larger number to a smaller one.
//!     let (first, second) = if from.id < to.id { (from, to) } else { (to, from) };
//!     let (mut first, mut second) = (first.balance.lock().unwrap(), second.balance.lock().unwrap());
//!     let sign = if from.id < to.id { 1 } else { -1 };
//!     *first -= sign * amount;
//!     *second += sign * amount;
//! }
//!
//! let (a, b) = (account(7), account(3));
//! transfer(&a, &b, 30);
//! assert_eq!((*a.balance.lock().unwrap(), *b.balance.lock().unwrap()), (70, 130));
//! ```
//!
//! The order belongs to the **class**, a key to the **lock**. A class keeps the first order that it
//! is given; another one is named on standard error and ignored. A class with a name can carry its
//! order in its key ([`LockClassKey::order_by`](crate::LockClassKey::order_by)), so that a
//! home-made lock needs nothing else:
//!
//! ```
//! use lockdep::class_order::ClassOrder;
//! use lockdep::hook::LockMap;
//! use lockdep::LockClassKey;
//!
//! static SHARD: LockClassKey = LockClassKey::named("shard").order_by(ClassOrder::ByAddress);
//! struct Shard { map: LockMap<&'static LockClassKey> /* , … */ }
//! # let _ = Shard { map: LockMap::with_key(&SHARD) };
//! ```
//!
//! A try is in order wherever it stands, because it does not wait; what it acquired counts as held
//! for what is waited for after it.

#[doc(inline)]
pub use lockdep_validator::{ClassOrder, OrderFn, OrderedLock};

use crate::hook::Tracked;
#[cfg(not(lockdep_disabled))]
use crate::runtime::{event, process::state};

/// Orders the class of a lock, and gives the lock its key; for every lock that the validator knows.
///
/// For a bare [`LockMap`](crate::hook::LockMap) use its [`as_ref`](crate::hook::LockMap::as_ref), which says
/// what kind of lock it sits in: `map.as_ref(&INFO).set_order_key(7)`.
///
/// Free of effects while validation is off.
pub trait Ordered: Tracked {
    /// Gives the class of this lock an order, once for all its locks.
    ///
    /// ```
    /// use std::cmp::Ordering;
    /// use lockdep::class_order::{ClassOrder, Ordered};
    /// use lockdep::sync::Mutex;
    ///
    /// let shards: Vec<_> = (0..4).map(Mutex::new).collect();
    /// shards[0].order_by(ClassOrder::ByAddress);
    /// # let tree = [Mutex::new("root"), Mutex::new("leaf")];
    /// // Or anything else that a key or an address tells: deeper nodes of a tree after those above them, in no order otherwise.
    /// tree[0].order_by(ClassOrder::By(|held, wanted| {
    ///     Some(held.key?.cmp(&wanted.key?)).filter(|ordering| *ordering != Ordering::Equal)
    /// }));
    /// ```
    fn order_by(&self, order: ClassOrder) {
        #[cfg(not(lockdep_disabled))]
        if state::is_on() {
            event::order_class(self.lockdep_ref(), order);
        }
        #[cfg(lockdep_disabled)]
        let _ = order;
    }

    /// Gives this lock a key, or another one; what it means the order of the class says.
    ///
    /// Cheap before the first acquisition. A later change makes every thread look again at what it
    /// has validated so far.
    ///
    /// ```
    /// use lockdep::class_order::{ClassOrder, Ordered};
    /// use lockdep::parking_lot::RwLock;
    ///
    /// let node = RwLock::new(String::new());
    /// node.order_by(ClassOrder::ByKey);
    /// node.set_order_key(3); // its depth
    /// ```
    fn set_order_key(&self, key: u64) {
        #[cfg(not(lockdep_disabled))]
        if state::is_on() {
            event::set_order_key(self.lockdep_ref(), key);
        }
        #[cfg(lockdep_disabled)]
        let _ = key;
    }

    /// The lock, its class ordered by address: for where it is made.
    ///
    /// The address that counts is the one at which the lock is held, so it may still be moved.
    ///
    /// ```
    /// use lockdep::class_order::Ordered;
    /// use lockdep::sync::Mutex;
    ///
    /// let shards: Vec<_> = (0..4).map(|n| Mutex::new(n).ordered_by_address()).collect();
    /// let _low = shards[0].lock();
    /// let _high = shards[1].lock(); // the other way round is LD0002
    /// ```
    #[must_use]
    fn ordered_by_address(self) -> Self
    where
        Self: Sized,
    {
        self.order_by(ClassOrder::ByAddress);
        self
    }

    /// The lock with this key, its class ordered by key: for where it is made.
    ///
    /// ```
    /// use lockdep::class_order::Ordered;
    /// use lockdep::sync::Mutex;
    ///
    /// let inodes: Vec<_> = (0..4).map(|number| Mutex::new(()).ordered_by_key(number)).collect();
    /// let _first = inodes[1].lock();
    /// let _second = inodes[2].lock(); // the other way round is LD0002
    /// ```
    #[must_use]
    fn ordered_by_key(self, key: u64) -> Self
    where
        Self: Sized,
    {
        self.set_order_key(key);
        self.order_by(ClassOrder::ByKey);
        self
    }
}

impl<L: Tracked + ?Sized> Ordered for L {}
