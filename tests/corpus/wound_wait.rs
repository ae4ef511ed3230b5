//! Acquire contexts: a home-made wait-die mutex used rightly, and each way to break the protocol.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use lockdep::hook::Verdict;
use lockdep::wound_wait::{AcquireContext, Ticket, WwClass, WwMap};

use super::support::on_thread;
use super::{Case, Want};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "ww_transfers",
        Want::Silent,
        "four threads take pairs in every order and back off from each other",
        ww_transfers,
    ),
    Case::new(
        "ww_backs_off",
        Want::Silent,
        "a back-off by the rules, with the older one waiting",
        ww_backs_off,
    ),
    Case::new("ww_single", Want::Silent, "a lock outside of any transaction", ww_single),
    Case::new(
        "ww_against_another_lock",
        Want::Error("LD0003"),
        "a mutex before a buffer, and a buffer before the mutex",
        ww_against_another_lock,
    ),
    Case::new(
        "ww_begun_in_both_orders",
        Want::Silent,
        "no thread waits for a context: only its locks have an order",
        ww_begun_in_both_orders,
    ),
    Case::new("ww_after_done", Want::Error("LD0013"), "the acquire phase was closed", ww_after_done)
        .reports(1),
    Case::new("ww_done_twice", Want::Error("LD0013"), "closed already", ww_done_twice).reports(1),
    Case::new("ww_ends_owning", Want::Error("LD0013"), "a lock of it is still held", ww_ends_owning)
        .reports(1),
    Case::new(
        "ww_backs_off_holding",
        Want::Error("LD0013"),
        "told to back off, it keeps what it has",
        ww_backs_off_holding,
    )
    .reports(1),
    Case::new(
        "ww_backs_off_to_another",
        Want::Error("LD0013"),
        "and goes on with another lock",
        ww_backs_off_to_another,
    )
    .reports(1),
    Case::new(
        "ww_backs_off_twice",
        Want::Error("LD0013"),
        "a second back-off before the first is dealt with",
        ww_backs_off_twice,
    )
    .reports(1),
    Case::new(
        "ww_slow_at_once",
        Want::Error("LD0013"),
        "the slow path, but no transaction backed off",
        ww_slow_at_once,
    )
    .reports(1),
    Case::new("ww_foreign_class", Want::Error("LD0013"), "a lock of another class", ww_foreign_class)
        .reports(1),
    Case::new(
        "ww_stale_owner",
        Want::Error("LD0013"),
        "an ordinary release leaves the old owner's name in the lock",
        ww_stale_owner,
    ),
    Case::new(
        "ww_without_context",
        Want::Error("LD0013"),
        "waits without the context that is open, and cannot be told to back off",
        ww_without_context,
    )
    .reports(1),
    Case::new(
        "ww_context_in_context",
        Want::Error("LD0013"),
        "two transactions of one class on one thread",
        ww_context_in_context,
    )
    .reports(1),
    Case::new(
        "ww_leaked_context",
        Want::Error("LD0009"),
        "a thread ends inside a transaction",
        ww_leaked_context,
    ),
    Case::new("ww_unwound", Want::Silent, "unwinding releases, then ends the transaction", ww_unwound),
];

static BUFFERS: WwClass = WwClass::named("buffer");
static SURFACES: WwClass = WwClass::named("surface");

/// Waits for younger transactions, backs off from older ones.
struct WwMutex {
    map: WwMap,
    holder: Mutex<Option<Ticket>>,
    released: Condvar,
}

#[derive(Debug)]
struct BackOff;

impl WwMutex {
    const fn new(class: &'static WwClass) -> Self {
        Self { map: WwMap::new(class), holder: Mutex::new(None), released: Condvar::new() }
    }

    fn holder(&self) -> MutexGuard<'_, Option<Ticket>> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[track_caller]
    fn lock(&self, context: &AcquireContext) -> Result<(), BackOff> {
        assert_eq!(self.map.acquire(Some(context)), Verdict::Proceed);
        let mut holder = self.holder();
        while let Some(other) = *holder {
            if other.is_older_than(context.ticket()) {
                self.map.backed_off(context);
                return Err(BackOff);
            }
            holder = self.released.wait(holder).unwrap_or_else(PoisonError::into_inner);
        }
        *holder = Some(context.ticket());
        self.map.acquired(context);
        Ok(())
    }

    #[track_caller]
    fn lock_slow(&self, context: &AcquireContext) {
        assert_eq!(self.map.acquire_slow(context), Verdict::Proceed);
        let holder = self.released.wait_while(self.holder(), |holder| holder.is_some());
        *holder.unwrap_or_else(PoisonError::into_inner) = Some(context.ticket());
        self.map.acquired(context);
    }

    #[track_caller]
    fn try_lock(&self, context: Option<&AcquireContext>, ticket: Ticket) -> bool {
        let mut holder = self.holder();
        let is_free = holder.is_none();
        if is_free {
            *holder = Some(ticket);
            self.map.try_acquired(context);
        }
        is_free
    }

    #[track_caller]
    fn unlock(&self) {
        self.map.release();
        *self.holder() = None;
        self.released.notify_all();
    }
}

fn buffers<const N: usize>() -> [WwMutex; N] {
    [const { WwMutex::new(&BUFFERS) }; N]
}

/// Locks both, whatever it takes.
fn lock_both<'a>(context: &AcquireContext, mut first: &'a WwMutex, mut second: &'a WwMutex) {
    if first.lock(context).is_err() {
        first.lock_slow(context);
    }
    while second.lock(context).is_err() {
        first.unlock();
        second.lock_slow(context);
        std::mem::swap(&mut first, &mut second);
    }
}

fn ww_transfers() {
    let shared = Arc::new((buffers::<3>(), [const { Mutex::new(0_i64) }; 3]));
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let shared = Arc::clone(&shared);
            lockdep::thread::spawn(move || {
                let (locks, sums) = &*shared;
                for round in 0..500 {
                    let (from, to) = ((thread + round) % 3, (thread + round + 1 + round % 2) % 3);
                    let context = AcquireContext::begin(&BUFFERS);
                    lock_both(&context, &locks[from], &locks[to]);
                    context.done();
                    for (index, amount) in [(from, -1), (to, 1)] {
                        *sums[index].try_lock().expect("the buffer's lock protects it") += amount;
                    }
                    locks[from].unlock();
                    locks[to].unlock();
                    context.end();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("does not panic");
    }
    let sum: i64 = shared.1.iter().map(|sum| *sum.lock().expect("not poisoned")).sum();
    assert_eq!(sum, 0);
}

fn ww_backs_off() {
    let [a, b] = buffers();
    let older = AcquireContext::begin(&BUFFERS).ticket();
    let context = AcquireContext::begin(&BUFFERS);
    a.lock(&context).expect("free");
    // An older transaction, of any thread, has the other one.
    *b.holder() = Some(older);
    b.lock(&context).expect_err("the older one wins");
    a.unlock();
    *b.holder() = None;
    b.lock_slow(&context);
    a.lock(&context).expect("free");
    assert!(!b.try_lock(Some(&context), context.ticket()), "taken, which is no event");
    context.done();
    a.unlock();
    b.unlock();
}

fn ww_single() {
    let [a, b] = buffers();
    let ticket = AcquireContext::begin(&BUFFERS).ticket();
    for _ in 0..2 {
        assert_eq!(a.map.acquire(None), Verdict::Proceed);
        assert!(b.try_lock(None, ticket));
        lockdep::assert_held_exclusive!(b.map);
        b.unlock();
        a.map.release();
    }
}

fn ww_against_another_lock() {
    let (device, [a, b]) = (lockdep::sync::Mutex::new(0), buffers());
    {
        let _device = device.lock();
        let context = AcquireContext::begin(&BUFFERS);
        lock_both(&context, &a, &b);
        a.unlock();
        b.unlock();
    }
    let context = AcquireContext::begin(&BUFFERS);
    lock_both(&context, &b, &a);
    drop(device.lock());
    a.unlock();
    b.unlock();
}

fn ww_begun_in_both_orders() {
    let (device, [a]) = (lockdep::sync::Mutex::new(0), buffers());
    {
        let _device = device.lock();
        let context = AcquireContext::begin(&BUFFERS);
        a.lock(&context).expect("free");
        a.unlock();
    }
    let context = AcquireContext::begin(&BUFFERS);
    // Nothing of the class is held here.
    drop(device.lock());
    a.lock(&context).expect("free");
    a.unlock();
}

fn ww_after_done() {
    let [a, b] = buffers();
    let context = AcquireContext::begin(&BUFFERS);
    a.lock(&context).expect("free");
    context.done();
    b.lock(&context).expect("free");
    a.unlock();
    b.unlock();
}

fn ww_done_twice() {
    let context = AcquireContext::begin(&BUFFERS);
    context.done();
    context.done();
}

fn ww_ends_owning() {
    let [a] = buffers();
    let context = AcquireContext::begin(&BUFFERS);
    a.lock(&context).expect("free");
    context.end();
    a.unlock();
}

/// A context that holds `a` and was told to back off from `b`.
fn backed_off(a: &WwMutex, b: &WwMutex) -> AcquireContext {
    let older = AcquireContext::begin(&BUFFERS).ticket();
    let context = AcquireContext::begin(&BUFFERS);
    a.lock(&context).expect("free");
    *b.holder() = Some(older);
    b.lock(&context).expect_err("the older one wins");
    *b.holder() = None;
    context
}

fn ww_backs_off_holding() {
    let [a, b] = buffers();
    let context = backed_off(&a, &b);
    b.lock_slow(&context);
    a.unlock();
    b.unlock();
}

fn ww_backs_off_to_another() {
    let [a, b, c] = buffers();
    let context = backed_off(&a, &b);
    a.unlock();
    c.lock(&context).expect("free");
    c.unlock();
}

fn ww_backs_off_twice() {
    let [a, b, c] = buffers();
    let context = backed_off(&a, &b);
    a.unlock();
    *c.holder() = Some(AcquireContext::begin(&SURFACES).ticket());
    // The transaction that has it is older.
    assert_eq!(c.map.acquire(Some(&context)), Verdict::Proceed);
    c.map.backed_off(&context);
}

fn ww_slow_at_once() {
    let [a] = buffers();
    let context = AcquireContext::begin(&BUFFERS);
    a.lock_slow(&context);
    a.unlock();
}

fn ww_foreign_class() {
    let surface = WwMutex::new(&SURFACES);
    let context = AcquireContext::begin(&BUFFERS);
    surface.lock(&context).expect("free");
    surface.unlock();
}

fn ww_stale_owner() {
    let [a] = buffers();
    let context = AcquireContext::begin(&BUFFERS);
    a.lock(&context).expect("free");
    a.map.lock_map().release();
    *a.holder() = None;
    a.lock(&context).expect("free");
    a.unlock();
}

fn ww_without_context() {
    let [a, b] = buffers();
    let context = AcquireContext::begin(&BUFFERS);
    a.lock(&context).expect("free");
    assert_eq!(b.map.acquire(None), Verdict::Proceed);
    b.map.release();
    a.unlock();
}

fn ww_context_in_context() {
    let _surfaces = AcquireContext::begin(&SURFACES);
    let _outer = AcquireContext::begin(&BUFFERS);
    let _inner = AcquireContext::begin(&BUFFERS);
}

fn ww_leaked_context() {
    on_thread(|| std::mem::forget(AcquireContext::begin(&BUFFERS)));
}

struct Unlock<'a>(&'a WwMutex);

impl Drop for Unlock<'_> {
    fn drop(&mut self) {
        self.0.unlock();
    }
}

fn ww_unwound() {
    let [a] = buffers();
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let context = AcquireContext::begin(&BUFFERS);
        a.lock(&context).expect("free");
        let _unlock = Unlock(&a);
        panic!("inside a transaction");
    }));
    assert!(unwound.is_err());
    let context = AcquireContext::begin(&BUFFERS);
    a.lock(&context).expect("free");
    a.unlock();
}
