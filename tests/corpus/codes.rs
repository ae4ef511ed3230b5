//! The examples of the pages in `docs/src/codes`, word for word: each must get the code that its
//! page is about.
#![expect(clippy::unwrap_used, reason = "these are the examples of the book")]

use super::{Case, End, Want};

/// Declares `accounts < journal`.
const ORDER_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/lockdep.order");

pub(super) const CASES: &[Case] = &[
    Case::new("page_ld0001", Want::Error("LD0001"), "the example of its page", page_ld0001)
        .ends(End::Exit(101)),
    Case::new("page_ld0002", Want::Error("LD0002"), "the example of its page", page_ld0002),
    Case::new("page_ld0003", Want::Error("LD0003"), "the example of its page", page_ld0003),
    Case::new("page_ld0004", Want::Error("LD0004"), "the example of its page", page_ld0004),
    Case::new("page_ld0005", Want::Error("LD0005"), "the example of its page", page_ld0005),
    Case::new("page_ld0006", Want::Error("LD0006"), "the example of its page", page_ld0006),
    Case::new("page_ld0007", Want::Error("LD0007"), "the example of its page", page_ld0007),
    Case::new("page_ld0008", Want::Warning("LD0008"), "the example of its page", page_ld0008),
    Case::new("page_ld0009", Want::Error("LD0009"), "the example of its page", page_ld0009),
    Case::new("page_ld0010", Want::Error("LD0010"), "the example of its page", page_ld0010),
    Case::new("page_ld0011", Want::Error("LD0011"), "the example of its page", page_ld0011),
    Case::new("page_ld0012", Want::Error("LD0012"), "the example of its page", page_ld0012).reports(1),
    Case::new("page_ld0013", Want::Error("LD0013"), "the example of its page", page_ld0013).reports(1),
    Case::new("page_ld0014", Want::Warning("LD0014"), "the example of its page", page_ld0014),
    Case::new("page_ld0015", Want::Error("LD0015"), "the example of its page", page_ld0015)
        .with_env(&[("LOCKDEP_ORDER", ORDER_FILE)]),
    Case::new("page_ld0100", Want::Error("LD0100"), "the example of its page", page_ld0100).has_happened(&[]),
    Case::new("page_ld0101", Want::Warning("LD0101"), "the example of its page", page_ld0101).reports(1),
    Case::new("page_ld0201", Want::Warning("LD0201"), "the example of its page", page_ld0201).reports(1),
    Case::new("page_ld0202", Want::Error("LD0202"), "the example of its page", page_ld0202).reports(1),
];

fn page_ld0001() {
    use lockdep::sync::Mutex;

    let queue = Mutex::new(vec![1]);
    if let Some(job) = queue.lock().unwrap().pop() {
        // The guard in the head of the `if let` is still alive here.
        queue.lock().unwrap().push(job + 1); // LD0001
    }
}

fn page_ld0002() {
    use lockdep::sync::Mutex;

    struct Account {
        balance: Mutex<i64>,
    }

    fn transfer(from: &Account, to: &Account, amount: i64) {
        let mut from = from.balance.lock().unwrap();
        let mut to = to.balance.lock().unwrap();
        *from -= amount;
        *to += amount;
    }

    let accounts: Vec<Account> = (0..2).map(|_| Account { balance: Mutex::new(10) }).collect();
    transfer(&accounts[0], &accounts[1], 1);
    transfer(&accounts[1], &accounts[0], 1); // LD0002
}

fn page_ld0003() {
    use lockdep::sync::Mutex;

    let accounts = Mutex::new(0);
    let journal = Mutex::new(String::new());
    {
        let _accounts = accounts.lock().unwrap();
        let _journal = journal.lock().unwrap(); // accounts -> journal
    }
    {
        let _journal = journal.lock().unwrap();
        let _accounts = accounts.lock().unwrap(); // journal -> accounts: LD0003
    }
}

fn page_ld0004() {
    use lockdep::context::Context;
    use lockdep::sync::Mutex;

    static HOOK: Context = Context::named("hook");
    static TABLE: Mutex<u32> = Mutex::new(0);

    {
        let _inside = HOOK.enter();
        drop(TABLE.lock()); // used inside the context
    }
    drop(TABLE.lock()); // held where the context may interrupt: LD0004
}

fn page_ld0005() {
    use lockdep::context::Context;
    use lockdep::sync::Mutex;

    static HOOK: Context = Context::named("hook");
    static INNER: Mutex<u32> = Mutex::new(0);
    static OUTER: Mutex<u32> = Mutex::new(0);

    HOOK.register();
    drop(INNER.lock()); // held where the hook may interrupt
    {
        let _inside = HOOK.enter();
        drop(OUTER.lock()); // used inside the hook
    }
    let _masked = HOOK.mask();
    let _outer = OUTER.lock();
    drop(INNER.lock()); // OUTER over INNER joins the two: LD0005
}

fn page_ld0006() {
    use lockdep::context::WaitType;
    use lockdep::hook::{LockInfo, LockMap};
    use lockdep::{LockClassKey, Mode, Wait};

    static RING: LockClassKey = LockClassKey::named("ring").wait_type(WaitType::Spin);
    static FILE: LockClassKey = LockClassKey::named("file").wait_type(WaitType::Sleep);

    let (ring, file) = (LockMap::with_key(&RING), LockMap::with_key(&FILE));
    let _ = ring.acquire(&LockInfo::bare("Ring"), Mode::Exclusive, Wait::Blocking);
    let _ = file.acquire(&LockInfo::bare("File"), Mode::Exclusive, Wait::Blocking); // LD0006
    file.release();
    ring.release();
}

fn page_ld0007() {
    use lockdep::Mode;
    use lockdep::hook::{LockInfo, LockMap};

    let map = LockMap::new();
    map.try_acquired(&LockInfo::bare("Latch"), Mode::Exclusive);
    map.release();
    map.release(); // LD0007
}

fn page_ld0008() {
    use lockdep::sync::Mutex;

    let lock = Box::new(Mutex::new(0));
    std::mem::forget(lock.lock().unwrap()); // the guard is leaked, so the lock stays held
    drop(lock); // LD0008
}

fn page_ld0009() {
    use lockdep::sync::Mutex;

    static LOCK: Mutex<u32> = Mutex::new(0);

    let thread = lockdep::thread::spawn(|| std::mem::forget(LOCK.lock().unwrap()));
    thread.join().unwrap(); // LD0009: the thread ended with the lock held
}

fn page_ld0010() {
    use lockdep::sync::Mutex;

    fn push(queue: &Mutex<Vec<u32>>) {
        lockdep::assert_held!(queue); // LD0010
    }

    push(&Mutex::new(Vec::new()));
}

fn page_ld0011() {
    use lockdep::hook::{AcquireOptions, LockInfo, LockMap};
    use lockdep::{Mode, Wait};

    let (table, shard) = (LockMap::new(), LockMap::new());
    let under_table = AcquireOptions::new().nest(table.lock_id(&LockInfo::bare("Table")));
    let info = LockInfo::bare("Shard");
    let _ = shard.acquire_with(&info, Mode::Exclusive, Wait::Blocking, &under_table); // LD0011
    shard.release();
}

fn page_ld0012() {
    use lockdep::sync::{Mutex, MutexGuard};

    fn refill<'a>(queue: &'a Mutex<Vec<u32>>, guard: MutexGuard<'a, Vec<u32>>) -> MutexGuard<'a, Vec<u32>> {
        drop(guard); // LD0012
        let more = vec![7, 8]; // takes a while, so the helper unlocks the queue
        let mut guard = queue.lock().unwrap();
        guard.extend(more);
        guard
    }

    let queue = Mutex::new(vec![1]);
    let guard = queue.lock().unwrap();
    let n_before = guard.len();
    let pinned = lockdep::pin(&queue);
    let guard = refill(&queue, guard);
    assert_eq!(guard.len(), n_before + 2); // does not hold once there is a second thread
    drop(pinned);
}

fn page_ld0013() {
    use lockdep::wound_wait::{AcquireContext, WwClass, WwMap};

    static BUFFERS: WwClass = WwClass::named("buffer");

    // What a lock of the class announces: before it waits, when it is acquired, before it is
    // released.
    let (a, b) = (WwMap::new(&BUFFERS), WwMap::new(&BUFFERS));
    let context = AcquireContext::begin(&BUFFERS);
    let _ = a.acquire(Some(&context));
    a.acquired(&context);
    context.done(); // everything that is needed is held
    let _ = b.acquire(Some(&context));
    b.acquired(&context); // LD0013
    b.release();
    a.release();
    context.end();
}

fn page_ld0014() {
    use lockdep::sync::RwLock;

    let rates = RwLock::new(1.0);
    let rate = rates.read().unwrap();
    let again = rates.read().unwrap(); // LD0014
    drop((rate, again));
}

fn page_ld0015() {
    // lockdep.order:  accounts < journal
    use lockdep::hook::{LockInfo, LockMap};
    use lockdep::{LockClassKey, Mode, Wait};

    static ACCOUNTS: LockClassKey = LockClassKey::named("accounts");
    static JOURNAL: LockClassKey = LockClassKey::named("journal");

    let (accounts, journal) = (LockMap::with_key(&ACCOUNTS), LockMap::with_key(&JOURNAL));
    let info = LockInfo::bare("Latch");
    let _ = journal.acquire(&info, Mode::Exclusive, Wait::Blocking);
    let _ = accounts.acquire(&info, Mode::Exclusive, Wait::Blocking); // LD0015
    accounts.release();
    journal.release();
}

fn page_ld0100() {
    use lockdep::sync::Mutex;
    use std::sync::Barrier;

    let (a, b) = (Mutex::new(1), Mutex::new(2));
    let both_hold_one = Barrier::new(2);
    lockdep::thread::scope(|scope| {
        scope.spawn(|| {
            let _a = a.lock().unwrap();
            both_hold_one.wait();
            let _b = b.lock().unwrap(); // LD0100
        });
        scope.spawn(|| {
            let _b = b.lock().unwrap();
            both_hold_one.wait();
            let _a = a.lock().unwrap(); // LD0100
        });
    });
}

fn page_ld0101() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use lockdep::sync::RwLock;
    use lockdep::thread;

    static IS_FASTER: AtomicBool = AtomicBool::new(false);

    let peers = Arc::new(RwLock::new(vec![1]));
    let worker = {
        let peers = Arc::clone(&peers);
        thread::spawn(move || {
            let n_peers = peers.read().unwrap().len();
            IS_FASTER.store(true, Ordering::Release);
            n_peers
        })
    };
    // In this run the worker is faster.
    while !IS_FASTER.load(Ordering::Acquire) {
        thread::yield_now();
    }
    let mut all = peers.write().unwrap();
    worker.join().unwrap(); // LD0101
    all.clear();
}

fn page_ld0201() {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use lockdep::flow::Task;
    use lockdep::sync::Mutex;

    static JOBS: Mutex<Vec<u32>> = Mutex::new(Vec::new());

    async fn add(job: u32) {
        let mut jobs = JOBS.lock().unwrap();
        std::future::pending::<()>().await; // LD0201: the guard is still alive here.
        jobs.push(job);
    }

    // An executor that runs two tasks by turns.
    let mut context = Context::from_waker(Waker::noop());
    let mut one = pin!(Task::new_local(add(1)));
    let mut other = pin!(Task::new_local(async {}));
    let _ = one.as_mut().poll(&mut context);
    let _ = other.as_mut().poll(&mut context);
}

fn page_ld0202() {
    use std::future::{pending, poll_fn};
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use lockdep::flow::Task;
    use lockdep::tokio::sync::Mutex;

    let jobs = Mutex::new(vec![1]);
    let holds = async {
        let _jobs = jobs.lock().await;
        pending::<()>().await;
    };
    let starves = async {
        let mut add = pin!(async { jobs.lock().await.push(2) });
        // Polls `add` once and goes on, as `select!` does when another branch is ready.
        let _ = poll_fn(|context| Poll::Ready(add.as_mut().poll(context))).await;
        jobs.lock().await.clear(); // LD0202: `add` is ahead in the queue.
    };

    // An executor that runs two tasks by turns.
    let mut context = Context::from_waker(Waker::noop());
    let (mut holds, mut starves) = (pin!(Task::new_local(holds)), pin!(Task::new_local(starves)));
    let _ = holds.as_mut().poll(&mut context);
    let _ = starves.as_mut().poll(&mut context);
}
