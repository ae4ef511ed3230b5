//! The order that the author of a class gives to its locks (the kernel's `lock_set_cmp_fn`).

use std::cmp::Ordering;
use std::fmt;

use crate::base::id::LockId;

/// One of two locks of a class, as the order of the class sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct OrderedLock {
    /// Which lock it is.
    pub id: LockId,
    /// Where it is while it is held or waited for; zero if unknown.
    pub address: usize,
    /// The key that it was given, if any.
    pub key: Option<u64>,
}

impl OrderedLock {
    pub(crate) const fn new(id: LockId, address: usize, key: Option<u64>) -> Self {
        Self { id, address, key }
    }
}

/// Compares a held lock (first) with a wanted one of the same class; `None` if it cannot tell.
pub type OrderFn = fn(&OrderedLock, &OrderedLock) -> Option<Ordering>;

/// How the locks of one class are ordered among themselves: a task that holds one may wait for
/// another only if that comes after it.
///
/// The order of a class is judged at once, when a lock is wanted under one that does not come
/// before it; the opposite order need never be seen.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum ClassOrder {
    /// The lock at the lower address comes first.
    ByAddress,
    /// The lock with the smaller key comes first. Two with one key are in no order. Of a lock that
    /// has none nothing is known, and the orders that are seen decide, as in a class without an
    /// order.
    ByKey,
    /// As the function says: [`Less`](Ordering::Less) allows to wait for the second under the
    /// first, `None` leaves it to the orders that are seen.
    ///
    /// It is called with no lock of the engine held, and must neither panic nor take a watched
    /// lock.
    By(OrderFn),
}

impl ClassOrder {
    /// How the first comes to the second; `None` if the order cannot tell.
    pub(crate) fn compare(self, held: &OrderedLock, wanted: &OrderedLock) -> Option<Ordering> {
        match self {
            Self::ByAddress => {
                let known = held.address != 0 && wanted.address != 0;
                known.then(|| held.address.cmp(&wanted.address))
            }
            Self::ByKey => Some(held.key?.cmp(&wanted.key?)),
            Self::By(order_fn) => order_fn(held, wanted),
        }
    }

    /// Returns whether it is the same order. A function is known by its address, which two
    /// functions of one body may share.
    pub fn is_same(self, other: Self) -> bool {
        match (self, other) {
            (Self::By(one), Self::By(other)) => std::ptr::fn_addr_eq(one, other),
            (one, other) => std::mem::discriminant(&one) == std::mem::discriminant(&other),
        }
    }

    /// Returns the order in words: it is "by address".
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ByAddress => "by address",
            Self::ByKey => "by key",
            Self::By(_) => "by a function",
        }
    }
}

impl PartialEq for ClassOrder {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(*other)
    }
}

impl Eq for ClassOrder {}

impl fmt::Debug for ClassOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClassOrder({})", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::ClassId;

    fn lock(address: usize, key: Option<u64>) -> OrderedLock {
        let class = ClassId::from_index(0).expect("small");
        OrderedLock::new(LockId::new(class, 1), address, key)
    }

    #[test]
    fn what_is_not_known_is_in_no_order() {
        let by = |order: ClassOrder, held, wanted| order.compare(&held, &wanted);
        assert_eq!(by(ClassOrder::ByAddress, lock(8, None), lock(16, None)), Some(Ordering::Less));
        assert_eq!(by(ClassOrder::ByAddress, lock(8, None), lock(0, None)), None);
        assert_eq!(by(ClassOrder::ByKey, lock(16, Some(1)), lock(8, Some(1))), Some(Ordering::Equal));
        assert_eq!(by(ClassOrder::ByKey, lock(16, Some(1)), lock(8, None)), None);
    }

    #[test]
    fn orders_are_distinguished() {
        let same_fn: OrderFn = |_, _| None;
        assert!(
            ClassOrder::ByKey.is_same(ClassOrder::ByKey) && !ClassOrder::ByKey.is_same(ClassOrder::ByAddress)
        );
        assert!(ClassOrder::By(same_fn).is_same(ClassOrder::By(same_fn)));
        assert!(!ClassOrder::By(same_fn).is_same(ClassOrder::ByKey));
    }
}
