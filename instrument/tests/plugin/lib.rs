//! A shared object with a runtime of its own, as a program loads it late: see the check
//! `late_objects_load`.

use std::cell::RefCell;

use lockdep::sync::Mutex;

static A: Mutex<u8> = Mutex::new(0);
static B: Mutex<u16> = Mutex::new(0);

std::thread_local! {
    /// More than the C library reserves for objects that are loaded late.
    static BUFFER: RefCell<[u8; 4096]> = const { RefCell::new([0; 4096]) };
}

/// Takes two locks in one order, then in the other; returns how often this thread has come here.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_inversion() -> u32 {
    drop((A.lock(), B.lock()));
    let b = B.lock();
    let a = A.lock();
    drop((a, b));
    BUFFER.with_borrow_mut(|buffer| {
        buffer[7] += 1;
        u32::from(std::hint::black_box(&*buffer)[7])
    })
}
