//! Several locks at once, in no order.

use std::fmt;
use std::sync::{Arc, LockResult, PoisonError};

/// A lock that [`lock_many`] can take together with others.
///
/// A `&Mutex` of [`sync`](crate::sync), [`lock_api`](crate::lock_api) or
/// [`parking_lot`](crate::parking_lot), or an `RwLock` of them inside [`reading`] or [`writing`];
/// behind an `Arc` or not. Sealed: a home-made lock has acquire contexts instead
/// ([`wound_wait`](crate::wound_wait)).
pub trait Lockable: Copy + sealed::Sealed {
    /// What having it gives.
    type Guard;

    /// Announces that the caller may have to wait for the lock, under what it holds now.
    #[doc(hidden)]
    fn announce(self);

    /// Waits for the lock.
    #[doc(hidden)]
    fn wait(self) -> LockResult<Self::Guard>;

    /// Takes the lock if it is free.
    #[doc(hidden)]
    fn attempt(self) -> Option<LockResult<Self::Guard>>;

    /// What distinguishes it from every other.
    #[doc(hidden)]
    fn address(self) -> usize;
}

/// Several locks for [`lock_many`]: an array of one kind, or up to eight of any kind in a tuple.
pub trait LockList: sealed::List {
    /// Their guards, in the same order and the same form.
    type Guards;

    #[doc(hidden)]
    fn lock(self) -> LockResult<Self::Guards>;
}

pub(crate) mod sealed {
    pub trait Sealed {}
    pub trait List {}
}

/// A reader-writer lock that [`lock_many`] takes for reading; from [`reading`].
pub struct Reading<'a, L: ?Sized>(pub(crate) &'a L);

/// A reader-writer lock that [`lock_many`] takes for writing; from [`writing`].
pub struct Writing<'a, L: ?Sized>(pub(crate) &'a L);

/// Has [`lock_many`] take a reader-writer lock for reading.
#[inline]
pub const fn reading<L: ?Sized>(lock: &L) -> Reading<'_, L> {
    Reading(lock)
}

/// Has [`lock_many`] take a reader-writer lock for writing.
#[inline]
pub const fn writing<L: ?Sized>(lock: &L) -> Writing<'_, L> {
    Writing(lock)
}

/// The operations of a lock behind an `Arc`.
macro_rules! shared {
    ($inner:expr, $this:ident) => {
        #[track_caller]
        fn announce(self) {
            let $this = self;
            $inner.announce();
        }

        #[track_caller]
        fn wait(self) -> LockResult<Self::Guard> {
            let $this = self;
            $inner.wait()
        }

        #[track_caller]
        fn attempt(self) -> Option<LockResult<Self::Guard>> {
            let $this = self;
            $inner.attempt()
        }

        fn address(self) -> usize {
            let $this = self;
            $inner.address()
        }
    };
}

macro_rules! wrapper {
    ($name:ident) => {
        impl<L: ?Sized> Clone for $name<'_, L> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<L: ?Sized> Copy for $name<'_, L> {}

        impl<L: ?Sized> fmt::Debug for $name<'_, L> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }

        impl<'a, L: ?Sized> sealed::Sealed for $name<'a, Arc<L>> where $name<'a, L>: Lockable {}

        impl<'a, L: ?Sized> Lockable for $name<'a, Arc<L>>
        where
            $name<'a, L>: Lockable,
        {
            type Guard = <$name<'a, L> as Lockable>::Guard;

            shared!($name(&**this.0), this);
        }
    };
}

wrapper!(Reading);
wrapper!(Writing);

impl<'a, L: ?Sized> sealed::Sealed for &'a Arc<L> where &'a L: Lockable {}

impl<'a, L: ?Sized> Lockable for &'a Arc<L>
where
    &'a L: Lockable,
{
    type Guard = <&'a L as Lockable>::Guard;

    shared!((&**this), this);
}

/// Locks several locks at once, without an order between them.
///
/// Two callers may name the same locks in any order and cannot wait for each other: a caller waits
/// only while it holds none of them, and takes the others by trying. When one is taken, it gives
/// back what it has (back-off, as in the kernel's wound/wait locks and C++'s `std::lock`). The
/// validator learns no order between the locks. What the thread holds **besides** them does come
/// before each of them, because each may be the one that is waited for.
///
/// An array holds locks of one type, a tuple locks of any; [`reading`] and [`writing`] say how a
/// reader-writer lock is wanted. [`lock_all`] takes a slice.
///
/// # Errors
///
/// With the guards inside, if a holder of one of the locks panicked. Locks that know no poison,
/// such as those of `parking_lot`, never give one.
///
/// # Panics
///
/// If one lock is named twice, or is held by this thread already and `LOCKDEP_ON_DEADLOCK` is
/// `panic`.
///
/// ```
/// use lockdep::{lock_many, sync::Mutex};
///
/// let accounts = [Mutex::new(100), Mutex::new(0)];
/// let transfer = |from: usize, to: usize, amount: i32| {
///     let [mut from, mut to] = lock_many([&accounts[from], &accounts[to]]).unwrap();
///     *from -= amount;
///     *to += amount;
/// };
/// transfer(0, 1, 30);
/// transfer(1, 0, 10);
/// assert_eq!(*accounts[0].lock().unwrap(), 80);
/// ```
///
/// Of several types, and in several modes:
///
/// ```
/// use lockdep::parking_lot;
/// use lockdep::sync::{Mutex, RwLock};
/// use lockdep::{lock_many, reading, writing};
///
/// let (rates, ledger) = (RwLock::new(1.5), Mutex::new(vec![10.0]));
/// let total = parking_lot::RwLock::new(0.0);
/// let (rates, ledger, mut total) = lock_many((reading(&rates), &ledger, writing(&total))).unwrap();
/// *total += ledger.iter().sum::<f64>() * *rates;
/// assert_eq!(*total, 15.0);
/// ```
#[track_caller]
pub fn lock_many<L: LockList>(locks: L) -> LockResult<L::Guards> {
    locks.lock()
}

/// Does what [`lock_many`] does, for any number of locks of one type; the guards come in the order
/// of the locks.
///
/// # Errors
///
/// As [`lock_many`].
///
/// # Panics
///
/// As [`lock_many`].
///
/// ```
/// use lockdep::{lock_all, sync::Mutex};
///
/// let shards: Vec<Mutex<u32>> = (0..4).map(Mutex::new).collect();
/// let guards = lock_all(&shards.iter().collect::<Vec<_>>()).unwrap();
/// assert_eq!(guards.iter().map(|guard| **guard).sum::<u32>(), 6);
/// ```
#[track_caller]
pub fn lock_all<L: Lockable>(locks: &[L]) -> LockResult<Vec<L::Guard>> {
    refuse_twice(&locks.iter().map(|lock| lock.address()).collect::<Vec<_>>());
    for lock in locks {
        lock.announce();
    }
    let taken = until_taken(|first| attempt(locks, first));
    let is_poisoned = taken.iter().any(Result::is_err);
    let guards = taken.into_iter().map(|guard| guard.unwrap_or_else(PoisonError::into_inner)).collect();
    if is_poisoned { Err(PoisonError::new(guards)) } else { Ok(guards) }
}

/// Tries until every lock is taken. `attempt` waits for the lock at the index it is given and tries
/// the others; when one is taken, it gives everything back and returns its index.
fn until_taken<T>(mut attempt: impl FnMut(usize) -> Result<T, usize>) -> T {
    let mut first = 0;
    loop {
        match attempt(first) {
            Ok(taken) => return taken,
            // Waiting for the one that was taken is what gets the caller on; everything else has
            // been given back.
            Err(contended) => first = contended,
        }
    }
}

/// Waits for the lock at `first` and tries the others; if one is taken, gives everything back and
/// returns its index.
#[track_caller]
fn attempt<L: Lockable>(locks: &[L], first: usize) -> Result<Vec<LockResult<L::Guard>>, usize> {
    let Some(waited_for) = locks.get(first) else { return Ok(Vec::new()) };
    let mut waited_for = Some(waited_for.wait());
    let mut taken = Vec::with_capacity(locks.len());
    for (index, lock) in locks.iter().enumerate() {
        let guard = if index == first { waited_for.take() } else { lock.attempt() };
        taken.push(guard.ok_or(index)?);
    }
    Ok(taken)
}

/// # Panics
///
/// If one lock is named twice: the second try would fail forever.
#[track_caller]
fn refuse_twice(addresses: &[usize]) {
    let mut places: Vec<(usize, usize)> =
        addresses.iter().enumerate().map(|(index, address)| (*address, index)).collect();
    places.sort_unstable();
    if let Some(twice) = places.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        panic!("lockdep: lock {} of the list is lock {} again; name each lock once", twice[1].1, twice[0].1);
    }
}

impl<L: Lockable, const N: usize> sealed::List for [L; N] {}

impl<L: Lockable, const N: usize> LockList for [L; N] {
    type Guards = [L::Guard; N];

    #[track_caller]
    fn lock(self) -> LockResult<Self::Guards> {
        // A `Vec` of N guards always becomes an array of N; what does not fit could only be a `Vec`
        // of another length.
        let array = |guards: Vec<L::Guard>| match guards.try_into() {
            Ok(guards) => guards,
            Err(_) => unreachable!("one guard for each lock"),
        };
        match lock_all(&self) {
            Ok(guards) => Ok(array(guards)),
            Err(poisoned) => Err(PoisonError::new(array(poisoned.into_inner()))),
        }
    }
}

macro_rules! tuple {
    ($($lock:ident $index:tt),+) => {
        impl<$($lock: Lockable),+> sealed::List for ($($lock,)+) {}

        impl<$($lock: Lockable),+> LockList for ($($lock,)+) {
            type Guards = ($($lock::Guard,)+);

            #[track_caller]
            fn lock(self) -> LockResult<Self::Guards> {
                refuse_twice(&[$(self.$index.address()),+]);
                $(self.$index.announce();)+
                let taken = until_taken(|first| {
                    // The one that is waited for comes first: nothing else of the list is held
                    // then.
                    let mut waited_for = ($((first == $index).then(|| self.$index.wait()),)+);
                    Ok(($(waited_for.$index.take().or_else(|| self.$index.attempt()).ok_or::<usize>($index)?,)+))
                });
                let is_poisoned = $(taken.$index.is_err())||+;
                let guards = ($(taken.$index.unwrap_or_else(PoisonError::into_inner),)+);
                if is_poisoned { Err(PoisonError::new(guards)) } else { Ok(guards) }
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::{Mutex, RwLock};

    #[test]
    fn opposite_orders_do_not_wait_for_each_other() {
        let (a, b) = (Mutex::new(0), Mutex::new(0));
        std::thread::scope(|scope| {
            for pair in [[&a, &b], [&b, &a]] {
                scope.spawn(move || {
                    for _ in 0..10_000 {
                        let [mut first, mut second] = lock_many(pair).expect("no thread panics");
                        *first += 1;
                        *second += 1;
                    }
                });
            }
        });
        assert_eq!((a.into_inner().expect("fine"), b.into_inner().expect("fine")), (20_000, 20_000));
    }

    #[test]
    fn what_is_taken_is_given_back() {
        let mutexes = [Mutex::new(0), Mutex::new(1)];
        let held = mutexes[1].lock().expect("fine");
        assert_eq!(attempt(&mutexes.each_ref(), 0).map(|taken| taken.len()), Err(1));
        assert!(mutexes[0].try_lock().is_ok(), "given back");
        drop(held);
        assert_eq!(attempt(&mutexes.each_ref(), 1).map(|taken| taken.len()), Ok(2));
    }

    #[test]
    fn a_poisoned_mutex_poisons_the_result_and_keeps_the_guards() {
        let mutexes = [Mutex::new(0), Mutex::new(1)];
        let poisoner = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    let _guard = mutexes[1].lock();
                    panic!("on purpose");
                })
                .join()
        });
        assert!(poisoner.is_err());
        let poisoned = lock_many(mutexes.each_ref()).expect_err("poisoned");
        assert_eq!(poisoned.into_inner().map(|guard| *guard), [0, 1]);
    }

    #[test]
    #[should_panic(expected = "lock 2 of the list is lock 0 again")]
    fn a_mutex_named_twice_is_refused() {
        let (a, b) = (Mutex::new(0), Mutex::new(0));
        drop(lock_all(&[&a, &b, &a]));
    }

    #[test]
    fn nothing_is_a_list_too() {
        assert!(lock_all::<&Mutex<u8>>(&[]).expect("fine").is_empty());
    }

    #[test]
    fn a_tuple_holds_locks_of_any_type_and_mode() {
        let (word, number) = (Mutex::new("a"), Arc::new(Mutex::new(1)));
        let (read, written) = (RwLock::new(2.5), Arc::new(RwLock::new(vec![3])));
        for _ in 0..2 {
            let (word, mut number, read, mut written) =
                lock_many((&word, &number, reading(&read), writing(&written))).expect("fine");
            assert_eq!((*word, *read), ("a", 2.5));
            *number += 1;
            written.push(*number);
        }
        assert_eq!(*written.read().expect("fine"), [3, 2, 3]);
    }

    #[test]
    fn a_tuple_backs_off_like_an_array() {
        let (a, b) = (Mutex::new(0_u64), RwLock::new(0_u32));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..10_000 {
                    let (mut a, mut b) = lock_many((&a, writing(&b))).expect("no thread panics");
                    *a += 1;
                    *b += 1;
                }
            });
            scope.spawn(|| {
                for _ in 0..10_000 {
                    let (b, a) = lock_many((reading(&b), &a)).expect("no thread panics");
                    assert_eq!(*a, u64::from(*b));
                }
            });
        });
        assert_eq!(a.into_inner().expect("fine"), 10_000);
    }

    #[test]
    fn a_poisoned_lock_poisons_the_tuple() {
        let (fine, poisoned) = (RwLock::new(1), Mutex::new(2));
        let poisoner = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _guard = poisoned.lock();
            panic!("on purpose");
        }));
        assert!(poisoner.is_err());
        let both = lock_many((reading(&fine), &poisoned)).expect_err("poisoned").into_inner();
        assert_eq!((*both.0, *both.1), (1, 2));
    }

    #[test]
    #[should_panic(expected = "lock 1 of the list is lock 0 again")]
    fn a_lock_named_twice_in_a_tuple_is_refused() {
        let lock = RwLock::new(0);
        drop(lock_many((reading(&lock), writing(&lock))));
    }
}
