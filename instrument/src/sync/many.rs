//! Several mutexes at once, in no order.

use std::sync::{LockResult, PoisonError};

use super::{Mutex, MutexGuard};

/// Locks `N` mutexes at once, without an order between them.
///
/// Two callers may name the same mutexes in any order and cannot wait for each other: a caller waits only while it holds none of
/// them, takes the others by trying, and gives back what it has when one is taken (back-off, as in the kernel's wound/wait
/// locks and C++'s `std::lock`). The validator learns no order between the mutexes. What the thread holds **besides** them does
/// come before each of them, because each may be the one that is waited for.
///
/// # Errors
///
/// With the guards inside, if a holder of one of the mutexes panicked.
///
/// # Panics
///
/// If one mutex is named twice, or is held by this thread already and `LOCKDEP_ON_DEADLOCK` is `panic`.
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
#[track_caller]
pub fn lock_many<'a, T: ?Sized, const N: usize>(
    mutexes: [&'a Mutex<T>; N],
) -> LockResult<[MutexGuard<'a, T>; N]> {
    // A `Vec` of N guards always becomes an array of N; what does not fit could only be a `Vec` of another length.
    let array = |guards: Vec<MutexGuard<'a, T>>| match guards.try_into() {
        Ok(guards) => guards,
        Err(_) => unreachable!("one guard for each mutex"),
    };
    match lock_all(&mutexes) {
        Ok(guards) => Ok(array(guards)),
        Err(poisoned) => Err(PoisonError::new(array(poisoned.into_inner()))),
    }
}

/// [`lock_many`] for any number of mutexes; the guards come in the order of the mutexes.
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
pub fn lock_all<'a, T: ?Sized>(mutexes: &[&'a Mutex<T>]) -> LockResult<Vec<MutexGuard<'a, T>>> {
    refuse_twice(mutexes);
    for mutex in mutexes {
        mutex.announce();
    }
    let mut first = 0;
    let taken = loop {
        match attempt(mutexes, first) {
            Ok(taken) => break taken,
            // Waiting for the one that was taken is what gets the caller on; everything else has been given back.
            Err(contended) => first = contended,
        }
    };
    let is_poisoned = taken.iter().any(Result::is_err);
    let guards = taken.into_iter().map(|guard| guard.unwrap_or_else(PoisonError::into_inner)).collect();
    if is_poisoned { Err(PoisonError::new(guards)) } else { Ok(guards) }
}

/// Waits for the mutex at `first` and tries the others; if one is taken, gives everything back and returns its index.
#[track_caller]
fn attempt<'a, T: ?Sized>(
    mutexes: &[&'a Mutex<T>],
    first: usize,
) -> Result<Vec<LockResult<MutexGuard<'a, T>>>, usize> {
    let Some(waited_for) = mutexes.get(first) else { return Ok(Vec::new()) };
    let mut waited_for = Some(waited_for.lock_announced());
    let mut taken = Vec::with_capacity(mutexes.len());
    for (index, mutex) in mutexes.iter().enumerate() {
        let guard = if index == first { waited_for.take() } else { mutex.try_lock_announced() };
        taken.push(guard.ok_or(index)?);
    }
    Ok(taken)
}

/// # Panics
///
/// If one mutex is named twice: the second try would fail for ever.
#[track_caller]
fn refuse_twice<T: ?Sized>(mutexes: &[&Mutex<T>]) {
    let mut places: Vec<(usize, usize)> = mutexes
        .iter()
        .enumerate()
        .map(|(index, mutex)| (std::ptr::from_ref(*mutex).cast::<()>().addr(), index))
        .collect();
    places.sort_unstable();
    if let Some(twice) = places.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        panic!(
            "lockdep: mutex {} of the list is mutex {} again; name each mutex once",
            twice[1].1, twice[0].1
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opposite_orders_do_not_wait_for_each_other() {
        let (a, b) = (Mutex::new(0), Mutex::new(0));
        std::thread::scope(|scope| {
            for pair in [[&a, &b], [&b, &a]] {
                scope.spawn(move || {
                    for _ in 0..10_000 {
                        let [mut first, mut second] = lock_many(pair).expect("nobody panics");
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
    #[should_panic(expected = "mutex 2 of the list is mutex 0 again")]
    fn a_mutex_named_twice_is_refused() {
        let (a, b) = (Mutex::new(0), Mutex::new(0));
        drop(lock_all(&[&a, &b, &a]));
    }

    #[test]
    fn nothing_is_a_list_too() {
        assert!(lock_all::<u8>(&[]).expect("fine").is_empty());
    }
}
