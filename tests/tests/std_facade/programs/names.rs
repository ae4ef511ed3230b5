//! Prints the real path of each type of `std::sync` and `std::thread`.
use std::any::type_name;
use std::{sync, thread};

macro_rules! print_names {
    ($($name:ident = $type:ty,)*) => { $(println!("{} {}", stringify!($name), type_name::<$type>());)* };
}

fn main() {
    print_names! {
        Mutex = sync::Mutex<u8>,
        MutexGuard = sync::MutexGuard<'static, u8>,
        RwLock = sync::RwLock<u8>,
        RwLockReadGuard = sync::RwLockReadGuard<'static, u8>,
        RwLockWriteGuard = sync::RwLockWriteGuard<'static, u8>,
        Condvar = sync::Condvar,
        Once = sync::Once,
        OnceLock = sync::OnceLock<u8>,
        LazyLock = sync::LazyLock<u8>,
        Builder = thread::Builder,
        JoinHandle = thread::JoinHandle<u8>,
        Scope = thread::Scope<'static, 'static>,
        ScopedJoinHandle = thread::ScopedJoinHandle<'static, u8>,
        Arc = sync::Arc<u8>,
        Weak = sync::Weak<u8>,
        Barrier = sync::Barrier,
        BarrierWaitResult = sync::BarrierWaitResult,
        OnceState = sync::OnceState,
        PoisonError = sync::PoisonError<u8>,
        TryLockError = sync::TryLockError<u8>,
        WaitTimeoutResult = sync::WaitTimeoutResult,
        AtomicBool = sync::atomic::AtomicBool,
        Sender = sync::mpsc::Sender<u8>,
        SyncSender = sync::mpsc::SyncSender<u8>,
        Receiver = sync::mpsc::Receiver<u8>,
        Iter = sync::mpsc::Iter<'static, u8>,
        TryIter = sync::mpsc::TryIter<'static, u8>,
        IntoIter = sync::mpsc::IntoIter<u8>,
        SendError = sync::mpsc::SendError<u8>,
        TrySendError = sync::mpsc::TrySendError<u8>,
        RecvError = sync::mpsc::RecvError,
        Thread = thread::Thread,
        ThreadId = thread::ThreadId,
        LocalKey = thread::LocalKey<u8>,
        String = String,
        File = std::fs::File,
        HashMap = std::collections::HashMap<u8, u8>,
    }
}
