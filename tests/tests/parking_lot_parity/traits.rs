//! Which of the types are `Send`, `Sync`, `UnwindSafe`: told by whether this compiles, on both
//! sides.

use std::cell::Cell;
use std::panic::{RefUnwindSafe, UnwindSafe};

use super::parking_lot::{
    Condvar, FairMutex, MappedMutexGuard, MappedRwLockReadGuard, Mutex, MutexGuard, Once, ReentrantMutex,
    ReentrantMutexGuard, RwLock, RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard,
};

struct Implemented;
struct Always;

/// A type is in both arms if it implements the trait, so that the call below is ambiguous.
macro_rules! not {
    ($check:ident: $bound:path; $($not:ty),* $(,)?) => {
        trait $check<Marker> { fn ask() {} }
        impl<T: ?Sized> $check<Always> for T {}
        impl<T: ?Sized + $bound> $check<Implemented> for T {}
        #[test]
        #[expect(non_snake_case, reason = "named after the trait it asks about")]
        fn $check() {
            $(<$not as $check<_>>::ask();)*
        }
    };
}

fn is_sync<T: ?Sized + Sync>() {}
fn is_send<T: ?Sized + Send>() {}
fn is_unwind_safe<T: ?Sized + UnwindSafe>() {}
fn is_ref_unwind_safe<T: ?Sized + RefUnwindSafe>() {}

#[test]
fn locks_go_where_theirs_go() {
    is_send::<Mutex<Cell<u8>>>();
    is_sync::<Mutex<Cell<u8>>>();
    is_send::<FairMutex<u8>>();
    is_sync::<RwLock<u8>>();
    is_send::<RwLock<Cell<u8>>>();
    is_sync::<ReentrantMutex<Cell<u8>>>();
    is_sync::<Condvar>();
    is_sync::<Once>();
    is_unwind_safe::<Mutex<u8>>();
    is_unwind_safe::<RwLock<u8>>();
    is_ref_unwind_safe::<Once>();
    is_sync::<MutexGuard<'static, u8>>();
    is_sync::<RwLockReadGuard<'static, u8>>();
    is_sync::<RwLockWriteGuard<'static, u8>>();
    is_sync::<RwLockUpgradableReadGuard<'static, u8>>();
    is_sync::<ReentrantMutexGuard<'static, u8>>();
    is_sync::<MappedMutexGuard<'static, u8>>();
    is_sync::<MappedRwLockReadGuard<'static, u8>>();
}

not!(NotSend: Send;
    MutexGuard<'static, u8>, RwLockReadGuard<'static, u8>, RwLockWriteGuard<'static, u8>,
    RwLockUpgradableReadGuard<'static, u8>, ReentrantMutexGuard<'static, u8>, MappedMutexGuard<'static, u8>,
    MappedRwLockReadGuard<'static, u8>, Mutex<*mut u8>, RwLock<*mut u8>);
not!(NotSync: Sync;
    MutexGuard<'static, Cell<u8>>, RwLockReadGuard<'static, Cell<u8>>, RwLockWriteGuard<'static, Cell<u8>>,
    ReentrantMutexGuard<'static, Cell<u8>>, MappedMutexGuard<'static, Cell<u8>>, RwLock<Cell<u8>>, Mutex<*mut u8>);
