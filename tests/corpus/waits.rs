//! Waits for the end of threads, with locks held.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lockdep::sync::{Mutex, RwLock};
use lockdep::thread::{self, JoinHandle};

use super::{Case, Want};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "join_under_lock",
        Want::Warning("LD0101"),
        "the thread acquires what its joiner holds",
        || {
            let lock = Arc::new(Mutex::new(0));
            let worker = faster(&lock, |lock| drop(lock.lock()));
            let _guard = lock.lock();
            worker.join().expect("does not panic");
        },
    )
    .reports(1),
    Case::new(
        "join_under_read_lock",
        Want::Warning("LD0101"),
        "a writer waits for the reader that joins it",
        || {
            let lock = Arc::new(RwLock::new(0));
            let worker = faster(&lock, |lock| drop(lock.write()));
            let _guard = lock.read();
            worker.join().expect("does not panic");
        },
    )
    .reports(1),
    Case::new("join_in_callee", Want::Warning("LD0101"), "the lock is held by a caller of the join", || {
        let lock = Arc::new(Mutex::new(0));
        let worker = faster(&lock, |lock| {
            let inner = Mutex::new(1);
            let _inner = inner.lock();
            drop(lock.lock());
        });
        let stop = |worker: JoinHandle<()>| worker.join().expect("does not panic");
        let _guard = lock.lock();
        stop(worker);
    })
    .reports(1),
    Case::new(
        "scope_ends_under_lock",
        Want::Warning("LD0101"),
        "a child acquires what the opener holds",
        || {
            let lock = Mutex::new(0);
            let is_faster = AtomicBool::new(false);
            let mut guard = None;
            thread::scope(|scope| {
                scope.spawn(|| {
                    drop(lock.lock());
                    is_faster.store(true, Ordering::Release);
                });
                wait_for(&is_faster);
                guard = Some(lock.lock());
            });
            drop(guard);
        },
    )
    .reports(1),
    Case::new(
        "join_under_write_lock",
        Want::Error("LD0101"),
        "the thread reads what its joiner writes, and nothing orders the two",
        || {
            let lock = Arc::new(RwLock::new(0));
            let worker = faster_by_chance(&lock, |lock| drop(lock.read()));
            let _guard = lock.write();
            worker.join().expect("does not panic");
        },
    )
    .reports(1),
    Case::new(
        "scope_ends_under_lock_by_chance",
        Want::Error("LD0101"),
        "a child acquires what the opener holds, and nothing orders the two",
        || {
            let lock = Mutex::new(0);
            let mut guard = None;
            thread::scope(|scope| {
                scope.spawn(|| drop(lock.lock()));
                thread::sleep(FASTER);
                guard = Some(lock.lock());
            });
            drop(guard);
        },
    ),
    Case::new(
        "join_after_sleeps",
        Want::Warning("LD0101"),
        "a thread that sleeps again and again may look at a flag",
        || {
            let lock = Arc::new(Mutex::new(0));
            let worker = started(&lock, |lock| drop(lock.lock()));
            for _ in 0..3 {
                thread::sleep(FASTER);
            }
            let _guard = lock.lock();
            worker.join().expect("does not panic");
        },
    )
    .reports(1),
    Case::new(
        "join_after_another_lock",
        Want::Warning("LD0101"),
        "a flag under another lock may order the two",
        || {
            let (lock, is_done) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(false)));
            let done = Arc::clone(&is_done);
            let worker = faster_by_chance(&lock, move |lock| {
                drop(lock.lock());
                *done.lock().expect("not poisoned") = true;
            });
            if *is_done.lock().expect("not poisoned") {
                let _guard = lock.lock();
                worker.join().expect("does not panic");
            }
        },
    )
    .reports(1),
    Case::new(
        "join_after_a_flag_under_the_lock",
        Want::Warning("LD0101"),
        "a flag under the lock itself may order the two",
        || {
            let lock = Arc::new(Mutex::new(0));
            let worker = faster_by_chance(&lock, |lock| *lock.lock().expect("not poisoned") = 1);
            if *lock.lock().expect("not poisoned") == 1 {
                let _guard = lock.lock();
                worker.join().expect("does not panic");
            }
        },
    )
    .reports(1),
    Case::new(
        "join_after_asking",
        Want::Warning("LD0101"),
        "a thread that asks whether the other has finished may look at a flag as well",
        || {
            let lock = Arc::new(Mutex::new(0));
            let worker = faster_by_chance(&lock, |lock| {
                drop(lock.lock());
                thread::sleep(FASTER * 3);
            });
            let _is_finished = worker.is_finished();
            let _guard = lock.lock();
            worker.join().expect("does not panic");
        },
    )
    .reports(1),
    Case::new("join_after_release", Want::Silent, "the guard is dropped before the join", || {
        let lock = Arc::new(Mutex::new(0));
        let worker = faster(&lock, |lock| drop(lock.lock()));
        drop(lock.lock());
        worker.join().expect("does not panic");
    }),
    Case::new("join_of_a_finished_thread", Want::Silent, "the program asked whether it has ended", || {
        let lock = Arc::new(Mutex::new(0));
        let worker = faster(&lock, |lock| drop(lock.lock()));
        while !worker.is_finished() {
            thread::yield_now();
        }
        let _guard = lock.lock();
        worker.join().expect("does not panic");
    }),
    Case::new("join_readers", Want::Silent, "two readers do not exclude each other", || {
        let lock = Arc::new(RwLock::new(0));
        let worker = faster(&lock, |lock| drop(lock.read()));
        let _guard = lock.read();
        worker.join().expect("does not panic");
    }),
    Case::new("join_tries", Want::Silent, "a try does not wait", || {
        let lock = Arc::new(Mutex::new(0));
        let worker = faster(&lock, |lock| drop(lock.try_lock()));
        let _guard = lock.lock();
        worker.join().expect("does not panic");
    }),
    Case::new("join_other_lock", Want::Silent, "another lock of the same class", || {
        let locks = Arc::new([0, 1].map(Mutex::new));
        let worker = faster(&locks, |locks| drop(locks[1].lock()));
        let _guard = locks[0].lock();
        worker.join().expect("does not panic");
    }),
    Case::new("scope_children_of_a_released_lock", Want::Silent, "released before the scope ends", || {
        let lock = Mutex::new(0);
        thread::scope(|scope| {
            drop(lock.lock());
            scope.spawn(|| drop(lock.lock()));
        });
    }),
    Case::new("scoped_join_before_the_lock", Want::Silent, "joined before the lock is taken", || {
        let lock = Mutex::new(0);
        let mut guard = None;
        thread::scope(|scope| {
            scope.spawn(|| drop(lock.lock())).join().expect("does not panic");
            guard = Some(lock.lock());
        });
    }),
];

/// Starts a thread that runs `body` on the lock, and waits until it has done so.
fn faster<T: Send + Sync + 'static>(lock: &Arc<T>, body: impl FnOnce(&T) + Send + 'static) -> JoinHandle<()> {
    let is_faster = Arc::new(AtomicBool::new(false));
    let (lock, done) = (Arc::clone(lock), Arc::clone(&is_faster));
    let worker = thread::spawn(move || {
        body(&lock);
        done.store(true, Ordering::Release);
    });
    wait_for(&is_faster);
    worker
}

/// Long enough for another thread to be faster.
const FASTER: Duration = Duration::from_millis(60);

/// Starts a thread that runs `body` on the lock.
fn started<T: Send + Sync + 'static>(
    lock: &Arc<T>,
    body: impl FnOnce(&T) + Send + 'static,
) -> JoinHandle<()> {
    let lock = Arc::clone(lock);
    thread::spawn(move || body(&lock))
}

/// The same, and lets it be faster in this run: nothing orders the two threads.
fn faster_by_chance<T: Send + Sync + 'static>(
    lock: &Arc<T>,
    body: impl FnOnce(&T) + Send + 'static,
) -> JoinHandle<()> {
    let worker = started(lock, body);
    thread::sleep(FASTER);
    worker
}

fn wait_for(flag: &AtomicBool) {
    while !flag.load(Ordering::Acquire) {
        thread::yield_now();
    }
}
