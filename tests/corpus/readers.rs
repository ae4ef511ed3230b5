//! Reader/writer locks.

use std::sync::{Arc, Barrier};

use lockdep::sync::{Mutex, RwLock};

use super::support::on_thread;
use super::{Case, End, Want};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "read_then_write",
        Want::Error("LD0001"),
        "the writer waits for its own reader",
        read_then_write,
    )
    .ends(End::Exit(101)),
    Case::new(
        "write_then_read",
        Want::Error("LD0001"),
        "the reader waits for its own writer",
        write_then_read,
    )
    .ends(End::Exit(101)),
    Case::new("read_read", Want::Warning("LD0014"), "hangs when a writer queues in between", read_read),
    Case::new("read_read_writer_seen", Want::Error("LD0014"), "such a writer exists", read_read_writer_seen),
    Case::new(
        "read_read_under_a_gate",
        Want::Note("LD0014"),
        "a mutex is held around both reads, and by the writer",
        read_read_under_a_gate,
    ),
    Case::new(
        "read_read_under_a_lost_gate",
        Want::Error("LD0014"),
        "another writer comes without it",
        read_read_under_a_lost_gate,
    ),
    Case::new(
        "read_read_queued_writer",
        Want::Error("LD0014"),
        "and here it queues",
        read_read_queued_writer,
    )
    .really_hangs(),
    Case::new("rr_abba", Want::Warning("LD0003"), "fair readers only, no writer was ever seen", rr_abba),
    Case::new(
        "rr_abba_queued_writers",
        Want::Report("LD0003"),
        "writers queue on both: four threads hang",
        rr_abba_real,
    )
    .really_hangs(),
    Case::new("rw_rw_crossed", Want::Error("LD0003"), "R(A) W(B) against R(B) W(A)", rw_rw_crossed),
    Case::new("ww_abba", Want::Error("LD0003"), "writers are as exclusive as mutexes", ww_abba),
    Case::new("wr_wr_crossed", Want::Error("LD0003"), "W(A) R(B) against W(B) R(A)", wr_wr_crossed),
    Case::new(
        "mutex_read_write_mutex",
        Want::Error("LD0003"),
        "A R(B) against W(B) A",
        mutex_read_write_mutex,
    ),
    Case::new(
        "read_mutex_mutex_write",
        Want::Error("LD0003"),
        "R(A) M against M W(A)",
        read_mutex_mutex_write,
    ),
    Case::new(
        "read_mutex_mutex_read",
        Want::Warning("LD0003"),
        "R(A) M against M R(A) hangs only when a writer of A queues, and none was seen",
        read_mutex_mutex_read,
    ),
    Case::new(
        "rr_rw",
        Want::Warning("LD0003"),
        "R(A) R(B) against R(B) W(A) needs a writer queued on B, and none was seen",
        rr_rw,
    ),
];

fn read_then_write() {
    let lock = RwLock::new(0);
    let _read = lock.read();
    let _write = lock.write();
}

fn write_then_read() {
    let lock = RwLock::new(0);
    let _write = lock.write();
    let _read = lock.read();
}

fn read_read() {
    let lock = RwLock::new(0);
    let _outer = lock.read();
    let _inner = lock.read();
}

fn read_read_writer_seen() {
    let lock = RwLock::new(0);
    drop(lock.write());
    let _outer = lock.read();
    let _inner = lock.read();
}

/// Returns once a writer is queued on `lock`, which a reader holds: std's `try_read` fails from
/// then on.
fn wait_for_queued_writer(lock: &Arc<RwLock<u8>>) {
    let lock = Arc::clone(lock);
    on_thread(move || {
        while lock.try_read().is_ok() {
            std::thread::yield_now();
        }
    });
}

/// Reads twice, and writes, with a mutex around either; gives the inner lock.
fn behind_a_gate() -> RwLock<u32> {
    let (gate, lock) = (Mutex::new(()), RwLock::new(0));
    {
        let _gate = gate.lock();
        *lock.write().unwrap() += 1;
    }
    let guard = gate.lock();
    let read = lock.read().unwrap();
    assert_eq!(*read, *lock.read().unwrap());
    drop((read, guard));
    lock
}

fn read_read_under_a_gate() {
    behind_a_gate();
}

fn read_read_under_a_lost_gate() {
    *behind_a_gate().write().unwrap() += 1;
}

fn read_read_queued_writer() {
    let lock = Arc::new(RwLock::new(0));
    let _outer = lock.read();
    let writer = Arc::clone(&lock);
    lockdep::thread::spawn(move || drop(writer.write()));
    wait_for_queued_writer(&lock);
    let _inner = lock.read();
}

fn rr_abba() {
    let a = RwLock::new('a');
    let b = RwLock::new(1_u8);
    {
        let _a = a.read();
        let _b = b.read();
    }
    let _b = b.read();
    let _a = a.read();
}

fn rr_abba_real() {
    let a = Arc::new(RwLock::new(0_u8));
    let b = Arc::new(RwLock::new(0_u8));
    let start = Arc::new(Barrier::new(3));
    let cross = |first: &Arc<RwLock<u8>>, second: &Arc<RwLock<u8>>| {
        let (first, second, start) = (Arc::clone(first), Arc::clone(second), Arc::clone(&start));
        lockdep::thread::spawn(move || {
            let _first = first.read();
            start.wait();
            start.wait();
            let _second = second.read();
        })
    };
    let threads = [cross(&a, &b), cross(&b, &a)];
    start.wait();
    for lock in [&a, &b] {
        let writer = Arc::clone(lock);
        lockdep::thread::spawn(move || drop(writer.write()));
        wait_for_queued_writer(lock);
    }
    start.wait();
    for thread in threads {
        thread.join().expect("unreachable: the threads block each other");
    }
}

fn rw_rw_crossed() {
    let a = RwLock::new('a');
    let b = RwLock::new(1_u8);
    {
        let _a = a.read();
        let _b = b.write();
    }
    let _b = b.read();
    let _a = a.write();
}

fn ww_abba() {
    let a = RwLock::new('a');
    let b = RwLock::new(1_u8);
    {
        let _a = a.write();
        let _b = b.write();
    }
    let _b = b.write();
    let _a = a.write();
}

fn wr_wr_crossed() {
    let a = RwLock::new('a');
    let b = RwLock::new(1_u8);
    {
        let _a = a.write();
        let _b = b.read();
    }
    let _b = b.write();
    let _a = a.read();
}

fn mutex_read_write_mutex() {
    let a = Mutex::new('a');
    let b = RwLock::new(1_u8);
    {
        let _a = a.lock();
        let _b = b.read();
    }
    let _b = b.write();
    let _a = a.lock();
}

fn read_mutex_mutex_write() {
    let a = RwLock::new(1_u8);
    let m = Mutex::new('m');
    {
        let _a = a.read();
        let _m = m.lock();
    }
    let _m = m.lock();
    let _a = a.write();
}

fn read_mutex_mutex_read() {
    let a = RwLock::new(1_u8);
    let m = Mutex::new('m');
    {
        let _a = a.read();
        let _m = m.lock();
    }
    let _m = m.lock();
    let _a = a.read();
}

fn rr_rw() {
    let a = RwLock::new('a');
    let b = RwLock::new(1_u8);
    {
        let _a = a.read();
        let _b = b.read();
    }
    let _b = b.read();
    let _a = a.write();
}
