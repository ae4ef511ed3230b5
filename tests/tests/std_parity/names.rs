//! Every stable method by name: the compiler checks that it is there, `surface.rs` that none is
//! forgotten.

use std::time::Duration;

use super::sync::mpsc::{self, Receiver, Sender, SyncSender};
use super::sync::{
    Barrier, Condvar, LazyLock, Mutex, MutexGuard, Once, OnceLock, OnceState, RwLock, RwLockReadGuard,
    RwLockWriteGuard,
};
use super::thread::{self, Builder, JoinHandle, Scope, ScopedJoinHandle, Thread};

type Lazy = LazyLock<u8, fn() -> u8>;
type Never = fn(&mut u8) -> bool;

/// The methods of one type. An entry is a name alone if a path can name the method, or a name and a
/// call.
macro_rules! methods {
    ($($owner:literal: $type:ty { $($method:ident $(= $call:expr)?),* $(,)? })*) => {
        vec![$(($owner, { let _ = std::mem::size_of::<$type>; vec![$({ methods!(@use $type, $method $(, $call)?); stringify!($method) }),*] })),*]
    };
    (@use $type:ty, $method:ident) => { let _ = <$type>::$method; };
    (@use $type:ty, $method:ident, $call:expr) => { let _ = $call; };
}

/// The methods by type, as std names both.
pub(crate) fn methods() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut all = of_locks();
    all.extend(of_once());
    all.extend(of_channels());
    all.extend(of_threads());
    all
}

fn of_locks() -> Vec<(&'static str, Vec<&'static str>)> {
    #[cfg_attr(not(std_rwlock_downgrade), expect(unused_mut, reason = "std has nothing newer"))]
    let mut all = methods! {
        "sync/struct.Mutex": Mutex<u8> { new, lock, try_lock, is_poisoned, clear_poison, into_inner, get_mut }
        "sync/struct.MutexGuard": MutexGuard<'static, u8> {}
        "sync/struct.RwLock": RwLock<u8> {
            new, read, try_read, write, try_write, is_poisoned, clear_poison, into_inner, get_mut,
        }
        "sync/struct.RwLockReadGuard": RwLockReadGuard<'static, u8> {}
        "sync/struct.Condvar": Condvar {
            new,
            wait = |condvar: Condvar, guard: MutexGuard<'static, u8>| condvar.wait(guard).is_ok(),
            wait_while = |condvar: Condvar, guard: MutexGuard<'static, u8>, f: Never| condvar.wait_while(guard, f).is_ok(),
            wait_timeout = |condvar: Condvar, guard: MutexGuard<'static, u8>| {
                condvar.wait_timeout(guard, Duration::ZERO).is_ok()
            },
            wait_timeout_ms = |condvar: Condvar, guard: MutexGuard<'static, u8>| {
                #[expect(deprecated, reason = "std still has it")]
                condvar.wait_timeout_ms(guard, 1).is_ok()
            },
            wait_timeout_while = |condvar: Condvar, guard: MutexGuard<'static, u8>, f: Never| {
                condvar.wait_timeout_while(guard, Duration::ZERO, f).is_ok()
            },
            notify_one,
            notify_all,
        }
    };
    #[cfg(not(std_rwlock_downgrade))]
    all.extend(methods! { "sync/struct.RwLockWriteGuard": RwLockWriteGuard<'static, u8> {} });
    #[cfg(std_rwlock_downgrade)]
    all.extend(methods! { "sync/struct.RwLockWriteGuard": RwLockWriteGuard<'static, u8> { downgrade } });
    all
}

fn of_once() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut all = methods! {
        "sync/struct.Once": Once {
            new,
            call_once = |once: Once| once.call_once(|| ()),
            call_once_force = |once: Once| once.call_once_force(|_| ()),
            is_completed,
            wait,
            wait_force,
        }
        "sync/struct.OnceState": OnceState { is_poisoned }
        "sync/struct.OnceLock": OnceLock<u8> {
            new,
            get,
            get_mut,
            set,
            get_or_init = |cell: OnceLock<u8>| *cell.get_or_init(|| 1),
            into_inner,
            take,
            wait,
        }
        "sync/struct.Barrier": Barrier { new, wait }
    };
    #[cfg(not(std_lazy_get))]
    all.extend(methods! { "sync/struct.LazyLock": Lazy { new, force } });
    #[cfg(std_lazy_get)]
    all.extend(methods! { "sync/struct.LazyLock": Lazy { new, force, force_mut, get, get_mut } });
    all
}

fn of_channels() -> Vec<(&'static str, Vec<&'static str>)> {
    methods! {
        "sync/mpsc/struct.Sender": Sender<u8> { send }
        "sync/mpsc/struct.SyncSender": SyncSender<u8> { send, try_send }
        "sync/mpsc/struct.Receiver": Receiver<u8> { recv, try_recv, recv_timeout, iter, try_iter }
        "sync/mpsc/struct.Iter": mpsc::Iter<'static, u8> {}
        "sync/mpsc/struct.TryIter": mpsc::TryIter<'static, u8> {}
        "sync/mpsc/struct.IntoIter": mpsc::IntoIter<u8> {}
    }
}

fn of_threads() -> Vec<(&'static str, Vec<&'static str>)> {
    methods! {
        "thread/struct.Builder": Builder {
            new,
            name,
            stack_size,
            spawn = |builder: Builder| builder.spawn(|| ()).is_ok(),
            spawn_scoped = |builder: Builder| thread::scope(|scope| builder.spawn_scoped(scope, || ()).is_ok()),
            spawn_unchecked = |builder: Builder| {
                // SAFETY: borrows nothing.
                unsafe { builder.spawn_unchecked(|| ()) }.is_ok()
            },
        }
        "thread/struct.JoinHandle": JoinHandle<u8> { thread, join, is_finished }
        "thread/struct.Scope": Scope<'static, 'static> {
            spawn = |scope: &'static Scope<'static, 'static>| scope.spawn(|| ()).is_finished(),
        }
        "thread/struct.ScopedJoinHandle": ScopedJoinHandle<'static, u8> { thread, join, is_finished }
        "thread/struct.Thread": Thread { id, name, unpark }
    }
}
