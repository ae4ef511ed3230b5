//! What a lock costs in memory: sixteen bytes, rounded up to the alignment of a pointer.

use std::mem::{align_of, size_of};

/// A lock of ours and its std twin, by type.
macro_rules! sizes {
    ($($name:ident<$data:ty>),* $(,)?) => {
        vec![$((
            stringify!($name<$data>),
            (size_of::<std::sync::$name<$data>>(), align_of::<std::sync::$name<$data>>()),
            (size_of::<lockdep::sync::$name<$data>>(), align_of::<lockdep::sync::$name<$data>>()),
        )),*]
    };
}

#[test]
fn a_lock_grows_by_sixteen_bytes() {
    let mut all = sizes![
        Mutex<()>,
        Mutex<u8>,
        Mutex<u32>,
        Mutex<u64>,
        Mutex<[u8; 100]>,
        RwLock<()>,
        RwLock<u64>,
        RwLock<[u64; 9]>,
        OnceLock<u8>,
        OnceLock<u64>,
        OnceLock<String>,
    ];
    if cfg!(std_lazy_get) {
        all.extend(sizes![LazyLock<u8>, LazyLock<String>]);
    }
    for (name, (theirs, _), (ours, align)) in all {
        // Data of small alignment rounds the sum up; nothing else may be added.
        let pointer = size_of::<usize>();
        assert_eq!(align, pointer, "{name}");
        assert_eq!(ours, theirs.next_multiple_of(pointer) + 16, "{name}");
    }
    assert_eq!(size_of::<lockdep::sync::Condvar>(), size_of::<std::sync::Condvar>().next_multiple_of(8) + 16);
    assert_eq!(size_of::<lockdep::sync::Once>(), size_of::<std::sync::Once>().next_multiple_of(8) + 16);
}

#[test]
fn what_threads_wait_on_grows_by_what_the_page_says() {
    use lockdep::sync::mpsc as ours;
    use std::sync::mpsc as theirs;

    let pointer = size_of::<usize>();
    assert_eq!(
        size_of::<lockdep::sync::Barrier>(),
        size_of::<std::sync::Barrier>().next_multiple_of(pointer) + 24
    );
    assert_eq!(size_of::<ours::Sender<u8>>(), size_of::<theirs::Sender<u8>>() + pointer);
    assert_eq!(size_of::<ours::SyncSender<u8>>(), size_of::<theirs::SyncSender<u8>>() + pointer);
    assert_eq!(size_of::<ours::Receiver<u8>>(), size_of::<theirs::Receiver<u8>>() + pointer);
}

#[test]
fn a_guard_grows_by_one_pointer() {
    type Ours = lockdep::sync::MutexGuard<'static, u64>;
    type Theirs = std::sync::MutexGuard<'static, u64>;
    assert_eq!(size_of::<Ours>(), size_of::<Theirs>() + size_of::<usize>());
    assert_eq!(size_of::<Option<Ours>>(), size_of::<Ours>());
}
