//! Tasks of tokio and the locks that they await.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use lockdep::flow::Task;
use lockdep::tokio::sync::{Mutex, OwnedMutexGuard, RwLock};
use lockdep::tokio::{spawn, spawn_local};
use tokio_1::runtime::Builder;
use tokio_1::task::yield_now;

use super::{Case, Want};

/// Locks of three classes.
#[derive(Clone)]
struct Locks {
    accounts: Arc<Mutex<u32>>,
    journal: Arc<Mutex<String>>,
    other: Arc<Mutex<char>>,
}

impl Locks {
    fn new() -> Self {
        Self {
            accounts: Arc::new(Mutex::new(0)),
            journal: Arc::new(Mutex::new(String::new())),
            other: Arc::new(Mutex::new('a')),
        }
    }
}

/// Runs the future on one thread, as a task.
fn on_one_thread<F: Future>(future: F) -> F::Output {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(Task::new(future))
}

/// Runs the future beside four worker threads, as a task.
fn on_four_threads<F: Future>(future: F) -> F::Output {
    let runtime = Builder::new_multi_thread().worker_threads(4).enable_time().build().expect("a runtime");
    runtime.block_on(Task::new(future))
}

/// Runs the future on one thread, as a task that can start others there.
fn on_local_set<F: Future>(future: F) -> F::Output {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    tokio_1::task::LocalSet::new().block_on(&runtime, Task::new_local(future))
}

/// Takes both, the first one first, and lets other tasks run in between.
async fn both<T, U>(first: &Mutex<T>, second: &Mutex<U>) {
    let _first = first.lock().await;
    yield_now().await;
    let _second = second.lock().await;
    yield_now().await;
}

async fn in_turn() {
    let locks = Locks::new();
    let third = spawn({
        let locks = locks.clone();
        async move {
            let _other = locks.other.lock().await;
            for _ in 0..50 {
                yield_now().await;
            }
        }
    });
    let one = locks.clone();
    spawn(async move { both(&one.accounts, &one.journal).await }).await.expect("no panic");
    let other = locks.clone();
    spawn(async move { both(&other.journal, &other.accounts).await }).await.expect("no panic");
    third.await.expect("no panic");
}

/// Polls both until both are done: a combinator that lockdep has never heard of.
async fn by_turns(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let mut done = [false; 2];
    std::future::poll_fn(move |context| {
        done[0] = done[0] || one.as_mut().poll(context).is_ready();
        done[1] = done[1] || other.as_mut().poll(context).is_ready();
        if done == [true; 2] { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Holds one lock over a wait.
async fn one_of<T>(lock: &Mutex<T>) {
    let _guard = lock.lock().await;
    yield_now().await;
}

async fn joins() {
    let Locks { accounts, journal, .. } = Locks::new();
    for _ in 0..3 {
        tokio_1::join!(one_of(&accounts), one_of(&journal));
        tokio_1::join!(one_of(&journal), one_of(&accounts));
        by_turns(one_of(&accounts), one_of(&journal)).await;
        by_turns(one_of(&journal), one_of(&accounts)).await;
        tokio_1::join!(one_of(&accounts), one_of(&accounts), one_of(&accounts));
        by_turns(one_of(&accounts), one_of(&accounts)).await;
    }
}

/// A task awaits a lock that its own future is ahead for: it is ended from outside.
async fn starves(is_boxed: bool) {
    let lock = Arc::new(Mutex::new(0));
    let first = Arc::clone(&lock);
    let holds = spawn(async move {
        let _guard = first.lock().await;
        for _ in 0..5 {
            yield_now().await;
        }
    });
    yield_now().await;
    let hangs = spawn(async move {
        let op = async { one_of(&lock).await };
        if is_boxed {
            lose_and_lock(Box::pin(op).as_mut(), &lock).await;
        } else {
            lose_and_lock(pin!(op), &lock).await;
        }
    });
    holds.await.expect("no panic");
    for _ in 0..10 {
        yield_now().await;
    }
    assert!(!hangs.is_finished(), "it waits for itself");
    hangs.abort();
}

/// The future loses a select, and the handler awaits the lock.
async fn lose_and_lock(mut op: Pin<&mut impl Future<Output = ()>>, lock: &Mutex<u32>) {
    tokio_1::select! {
        biased;
        () = &mut op => {}
        () = std::future::ready(()) => drop(lock.lock().await),
    }
}

pub(super) const CASES: &[Case] = &[
    Case::new(
        "tasks_in_turn_on_one_thread",
        Want::Error("LD0003"),
        "two tasks take two locks in opposite orders, while a third holds one of its own",
        || on_one_thread(in_turn()),
    )
    .reports(1)
    // Neither order has anything to do with the lock of the third.
    .counts([3, 2, 5, 1]),
    Case::new(
        "tasks_in_turn_on_four_threads",
        Want::Error("LD0003"),
        "the same, with guards that go from thread to thread",
        || on_four_threads(in_turn()),
    )
    .reports(1),
    Case::new("task_awaits_its_own_lock", Want::Error("LD0001"), "it waits for itself", || {
        let ended = on_one_thread(async {
            spawn(async {
                let lock = Mutex::new(0);
                let _guard = lock.lock().await;
                let _again = lock.lock().await;
            })
            .await
        });
        assert!(ended.is_err(), "the report ends the task");
    })
    .reports(1),
    Case::new("task_awaits_its_own_lock_for_a_while", Want::Note("LD0001"), "the wait has a timeout", || {
        on_one_thread(async {
            let lock = Mutex::new(0);
            let _guard = lock.lock().await;
            let again = tokio_1::time::timeout(Duration::from_millis(1), lock.lock()).await;
            assert!(again.is_err(), "the lock is held");
        });
    }),
    Case::new(
        "task_awaits_its_own_lock_beside_others",
        Want::Warning("LD0001"),
        "another future of the task ends the wait",
        || {
            on_one_thread(async {
                let lock = Mutex::new(0);
                let _guard = lock.lock().await;
                tokio_1::select! {
                    biased;
                    _again = lock.lock() => unreachable!("the lock is held"),
                    () = yield_now() => {}
                }
            });
        },
    )
    .reports(1),
    Case::new(
        "task_mixes_locks",
        Want::Error("LD0003"),
        "a lock of threads under an awaited one, and the other way round",
        || {
            let (awaited, blocking) = (Arc::new(Mutex::new(0)), Arc::new(lockdep::sync::Mutex::new('a')));
            on_one_thread(async {
                let (a, b) = (Arc::clone(&awaited), Arc::clone(&blocking));
                let one = async move {
                    let _awaited = a.lock().await;
                    drop(b.lock());
                };
                spawn(one).await.expect("no panic");
                let _blocking = blocking.lock();
                let _awaited = awaited.lock().await;
            });
        },
    )
    .reports(1),
    Case::new(
        "task_reads_twice",
        Want::Error("LD0014"),
        "another task writes, and may queue between the two reads",
        || {
            on_one_thread(async {
                let lock = Arc::new(RwLock::new(0));
                let writes = Arc::clone(&lock);
                spawn(async move { *writes.write().await += 1 }).await.expect("no panic");
                let _first = lock.read().await;
                let _second = lock.read().await;
            });
        },
    )
    .reports(1),
    Case::new("task_writes_what_it_reads", Want::Error("LD0001"), "it waits for itself", || {
        let ended = on_one_thread(async {
            spawn(async {
                let lock = RwLock::new(0);
                let _first = lock.read().await;
                let _second = lock.write().await;
            })
            .await
        });
        assert!(ended.is_err(), "the report ends the task");
    })
    .reports(1),
    Case::new("task_joins_futures", Want::Silent, "each future takes one lock at a time", || {
        on_one_thread(joins());
    })
    .reports(0),
    Case::new(
        "task_selects_and_drops",
        Want::Silent,
        "the loser holds a lock, and is dropped with it",
        || {
            on_one_thread(async {
                let Locks { accounts, journal, .. } = Locks::new();
                tokio_1::select! {
                    biased;
                    () = async { let _guard = accounts.lock().await; std::future::pending::<()>().await } => {}
                    () = yield_now() => {}
                }
                both(&journal, &accounts).await;
            });
        },
    ),
    Case::new(
        "task_selects_in_a_loop",
        Want::Silent,
        "one future goes on over the iterations, with its lock",
        || {
            on_one_thread(async {
                let Locks { accounts, journal, .. } = Locks::new();
                {
                    let mut goes_on = pin!(one_of(&accounts));
                    loop {
                        tokio_1::select! {
                            biased;
                            () = &mut goes_on => break,
                            () = yield_now() => one_of(&journal).await,
                        }
                    }
                }
                one_of(&accounts).await;
            });
        },
    ),
    Case::new(
        "task_gives_guards_away",
        Want::Silent,
        "a guard that owns its lock goes to the next task, which releases it",
        || {
            on_four_threads(async {
                let Locks { accounts, journal, .. } = Locks::new();
                for _ in 0..20 {
                    let guard: OwnedMutexGuard<u32> = Arc::clone(&accounts).lock_owned().await;
                    let task = spawn(async move { drop(guard) });
                    let _journal = journal.lock().await;
                    task.await.expect("no panic");
                }
            });
        },
    ),
    Case::new(
        "task_is_aborted_with_a_lock",
        Want::Silent,
        "its guard is dropped by the runtime; so are those of tasks that a runtime drops",
        || {
            let locks = Locks::new();
            on_four_threads(async {
                for _ in 0..20 {
                    let lock = Arc::clone(&locks.accounts);
                    let holds = spawn(async move {
                        let _guard = lock.lock().await;
                        std::future::pending::<()>().await;
                    });
                    yield_now().await;
                    holds.abort();
                    assert!(holds.await.is_err(), "it was aborted");
                    both(&locks.accounts, &locks.journal).await;
                }
                let lock = Arc::clone(&locks.journal);
                drop(spawn(async move {
                    let _guard = lock.lock().await;
                    std::future::pending::<()>().await;
                }));
                yield_now().await;
            });
            on_one_thread(both(&locks.accounts, &locks.journal));
        },
    ),
    Case::new(
        "tasks_share_threads",
        Want::Silent,
        "sixteen tasks take locks in one order, and give up some waits",
        || {
            let locks = Locks::new();
            on_four_threads(async {
                let tasks: Vec<_> = (0..16)
                    .map(|_| {
                        let locks = locks.clone();
                        spawn(async move {
                            for _ in 0..20 {
                                both(&locks.accounts, &locks.journal).await;
                                let short = Duration::from_micros(50);
                                let _ = tokio_1::time::timeout(short, one_of(&locks.other)).await;
                            }
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await.expect("no panic");
                }
            });
        },
    ),
    Case::new(
        "locks_outside_of_tasks",
        Want::Silent,
        "without a task, what runs on a thread may be any task's: nothing is concluded",
        || {
            let runtime = Builder::new_current_thread().build().expect("a runtime");
            runtime.block_on(async {
                let Locks { accounts, journal, .. } = Locks::new();
                both(&accounts, &journal).await;
                both(&journal, &accounts).await;
            });
        },
    ),
    Case::new(
        "task_releases_what_its_thread_holds",
        Want::Silent,
        "the guard of a lock of threads goes into a task of the same thread",
        || {
            let lock = lockdep::sync::Mutex::new(0);
            let guard = lock.lock().expect("not poisoned");
            on_one_thread(async move {
                yield_now().await;
                drop(guard);
            });
            drop(lock.lock());
        },
    ),
    Case::new(
        "a_future_dropped_in_a_task_that_did_not_poll_it",
        Want::Silent,
        "a boxed future with a guard goes to another task",
        || {
            let locks = Locks::new();
            on_one_thread(async {
                let lock = Arc::clone(&locks.accounts);
                let mut holds: Pin<Box<dyn Future<Output = ()> + Send>> =
                    Box::pin(async move { one_of(&lock).await });
                assert!(
                    std::future::poll_fn(|context| Poll::Ready(holds.as_mut().poll(context).is_pending()))
                        .await
                );
                spawn(async move { drop(holds) }).await.expect("no panic");
                both(&locks.journal, &locks.accounts).await;
            });
        },
    ),
    Case::new(
        "task_holds_across_an_await",
        Want::Warning("LD0201"),
        "its thread runs another task meanwhile",
        || {
            let lock = std::rc::Rc::new(lockdep::sync::Mutex::new(0));
            on_local_set(async move {
                let of_other = std::rc::Rc::clone(&lock);
                let holds = spawn_local(async move {
                    let _guard = of_other.lock();
                    yield_now().await;
                });
                spawn_local(async {}).await.expect("no panic");
                holds.await.expect("no panic");
                drop(lock.lock());
            });
        },
    )
    .reports(1),
    Case::new(
        "task_wants_what_a_suspended_one_holds",
        Want::Error("LD0201"),
        "its thread waits for itself; the report ends the task",
        || {
            let lock = std::rc::Rc::new(lockdep::sync::Mutex::new(0));
            on_local_set(async move {
                let (of_one, of_other) = (std::rc::Rc::clone(&lock), std::rc::Rc::clone(&lock));
                let holds = spawn_local(async move {
                    let _guard = of_one.lock();
                    yield_now().await;
                    yield_now().await;
                });
                let wants = spawn_local(async move { drop(of_other.lock()) });
                assert!(wants.await.is_err(), "the report ends the task");
                holds.await.expect("no panic");
                drop(lock.lock());
            });
        },
    )
    // The warning, and then the error.
    .reports(2),
    Case::new(
        "task_drops_before_it_awaits",
        Want::Silent,
        "guards end before the await, or the thread runs nothing else",
        || {
            let lock = std::rc::Rc::new(lockdep::sync::Mutex::new(0));
            on_local_set(async move {
                for _ in 0..3 {
                    let of_other = std::rc::Rc::clone(&lock);
                    let other = spawn_local(async move {
                        drop(of_other.lock());
                        yield_now().await;
                        drop(of_other.lock());
                    });
                    *lock.lock().expect("not poisoned") += 1;
                    other.await.expect("no panic");
                }
            });
            let lock = lockdep::sync::Mutex::new(0);
            on_one_thread(async {
                let _guard = lock.lock();
                yield_now().await;
            });
        },
    ),
    Case::new(
        "task_starves_its_future",
        Want::Error("LD0202"),
        "a future that lost a select is ahead in the queue",
        || on_one_thread(starves(false)),
    )
    .reports(1),
    Case::new(
        "task_starves_its_boxed_future",
        Want::Warning("LD0202"),
        "the same, but another task could get the future",
        || on_one_thread(starves(true)),
    )
    .reports(1),
    Case::new(
        "task_awaits_what_its_future_holds",
        Want::Error("LD0001"),
        "a future that lost a select holds the lock",
        || {
            let ended = on_one_thread(async {
                spawn(async {
                    let lock = Mutex::new(0);
                    let mut holds = pin!(one_of(&lock));
                    tokio_1::select! {
                        biased;
                        () = &mut holds => unreachable!("it waits"),
                        () = std::future::ready(()) => drop(lock.lock().await),
                    }
                })
                .await
            });
            assert!(ended.is_err(), "the report ends the task");
        },
    )
    .reports(1),
    Case::new(
        "task_takes_a_lock_beside_its_future",
        Want::Error("LD0003"),
        "a future that lost a select holds one lock, its task awaits the other",
        || {
            on_one_thread(async {
                let Locks { accounts, journal, .. } = Locks::new();
                {
                    let mut holds = pin!(one_of(&accounts));
                    tokio_1::select! {
                        biased;
                        () = &mut holds => unreachable!("it waits"),
                        () = std::future::ready(()) => drop(journal.lock().await),
                    }
                }
                spawn(async move { both(&journal, &accounts).await }).await.expect("no panic");
            });
        },
    )
    .reports(1),
];
