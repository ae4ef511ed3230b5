//! Which traits hold for which lock of which data, asked of the compiler.

use std::cell::Cell;
use std::fmt::{Debug, Display};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;

use super::sync::mpsc::{self, Receiver, Sender, SyncSender};
use super::sync::{
    Barrier, Condvar, LazyLock, Mutex, MutexGuard, Once, OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
use super::thread::{Builder, JoinHandle, Scope, ScopedJoinHandle, Thread};

/// Data for which no trait holds but those that hold for everything.
pub(crate) struct Bare;

/// A line for each `type: trait`, with the answer. An inherent constant whose bound fails leaves
/// the trait's in sight.
macro_rules! ask {
    ($out:ident, [$($type:ty),* $(,)?], $traits:tt) => { $(ask!(@one $out, $type, $traits);)* };
    (@one $out:ident, $type:ty, [$($bound:path),* $(,)?]) => {{
        trait Otherwise {
            const HOLDS: bool = false;
        }
        impl<T: ?Sized> Otherwise for T {}
        $({
            struct Probe<T: ?Sized>(PhantomData<T>);
            impl<T: ?Sized + $bound> Probe<T> {
                const HOLDS: bool = true;
            }
            $out.push((format!("{}: {}", stringify!($type), stringify!($bound)), <Probe<$type>>::HOLDS));
        })*
    }};
}

/// Every question and its answer.
pub(crate) fn answers() -> Vec<(String, bool)> {
    let mut all = Vec::new();
    of_locks(&mut all);
    of_guards(&mut all);
    of_cells(&mut all);
    of_channels(&mut all);
    of_threads(&mut all);
    all
}

#[expect(dead_code, reason = "an inherent constant is used only where its bound holds")]
fn of_locks(all: &mut Vec<(String, bool)>) {
    ask!(
        all,
        [
            Mutex<u8>, Mutex<Cell<u8>>, Mutex<Rc<u8>>, Mutex<&'static mut u8>, Mutex<*const u8>, Mutex<Bare>, Mutex<[u8]>,
            Mutex<dyn Debug>, Mutex<dyn Send>, RwLock<u8>, RwLock<Cell<u8>>, RwLock<Rc<u8>>, RwLock<&'static mut u8>,
            RwLock<*const u8>, RwLock<Bare>, RwLock<[u8]>, RwLock<dyn Send + Sync>, Condvar, Once, Barrier,
        ],
        [Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, Debug, Display, Default, From<u8>, Clone, PartialEq]
    );
}

#[expect(dead_code, reason = "an inherent constant is used only where its bound holds")]
fn of_guards(all: &mut Vec<(String, bool)>) {
    ask!(
        all,
        [
            MutexGuard<'static, u8>, MutexGuard<'static, Cell<u8>>, MutexGuard<'static, Rc<u8>>,
            MutexGuard<'static, Bare>, MutexGuard<'static, dyn Sync>, RwLockReadGuard<'static, u8>,
            RwLockReadGuard<'static, Cell<u8>>, RwLockReadGuard<'static, Rc<u8>>, RwLockReadGuard<'static, Bare>,
            RwLockWriteGuard<'static, u8>, RwLockWriteGuard<'static, Cell<u8>>, RwLockWriteGuard<'static, Rc<u8>>,
            RwLockWriteGuard<'static, Bare>,
        ],
        [Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, Debug, Display, Deref, DerefMut, Clone]
    );
}

#[expect(dead_code, reason = "an inherent constant is used only where its bound holds")]
fn of_cells(all: &mut Vec<(String, bool)>) {
    ask!(
        all,
        [
            OnceLock<u8>, OnceLock<Cell<u8>>, OnceLock<Rc<u8>>, OnceLock<&'static mut u8>, OnceLock<Bare>, OnceLock<f32>,
            LazyLock<u8>, LazyLock<Cell<u8>>, LazyLock<Rc<u8>>, LazyLock<&'static mut u8>, LazyLock<Bare>,
            LazyLock<u8, Rc<u8>>, LazyLock<u8, Cell<u8>>, LazyLock<u8, &'static mut u8>, LazyLock<u8, Box<dyn FnOnce() -> u8>>,
        ],
        [
            Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, Debug, Display, Default, From<u8>, Clone, PartialEq, Eq, Deref,
            DerefMut,
        ]
    );
}

#[expect(dead_code, reason = "an inherent constant is used only where its bound holds")]
fn of_channels(all: &mut Vec<(String, bool)>) {
    ask!(
        all,
        [
            Sender<u8>, Sender<Cell<u8>>, Sender<Rc<u8>>, Sender<&'static mut u8>, Sender<Bare>, SyncSender<u8>,
            SyncSender<Cell<u8>>, SyncSender<Rc<u8>>, SyncSender<Bare>, Receiver<u8>, Receiver<Cell<u8>>,
            Receiver<Rc<u8>>, Receiver<&'static mut u8>, Receiver<Bare>, mpsc::Iter<'static, u8>,
            mpsc::Iter<'static, Rc<u8>>, mpsc::Iter<'static, Bare>, mpsc::TryIter<'static, u8>,
            mpsc::TryIter<'static, Bare>, mpsc::IntoIter<u8>, mpsc::IntoIter<Rc<u8>>, mpsc::IntoIter<Bare>,
        ],
        [Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, Debug, Clone, Default, Iterator, IntoIterator]
    );
}

#[expect(dead_code, reason = "an inherent constant is used only where its bound holds")]
fn of_threads(all: &mut Vec<(String, bool)>) {
    ask!(
        all,
        [
            Builder, JoinHandle<u8>, JoinHandle<Rc<u8>>, JoinHandle<Cell<u8>>, Scope<'static, 'static>,
            ScopedJoinHandle<'static, u8>, ScopedJoinHandle<'static, Rc<u8>>, ScopedJoinHandle<'static, Cell<u8>>,
            Thread,
        ],
        [Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, Debug, Default, Clone]
    );
}
