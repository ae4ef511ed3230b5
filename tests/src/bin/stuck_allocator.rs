//! A program that hangs inside its allocator, and with it every thread that allocates from then on.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering};

use lockdep::sync::Mutex;

struct Stuck;

static IS_STUCK: AtomicBool = AtomicBool::new(false);

// SAFETY: passes everything on, or does not return.
unsafe impl GlobalAlloc for Stuck {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // ORDERING: Relaxed: a flag that is set once.
        while IS_STUCK.load(Ordering::Relaxed) {
            // SAFETY: waits for a signal.
            unsafe { libc::pause() };
        }
        // SAFETY: as the caller says.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller says.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Stuck = Stuck;

fn main() {
    drop(Mutex::new(1).lock().expect("not poisoned"));
    // ORDERING: Relaxed, as above.
    IS_STUCK.store(true, Ordering::Relaxed);
    drop(Box::new(1));
}
