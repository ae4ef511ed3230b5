//! The pool of spare rings: `pool.rs`, over loom.

use std::sync::Arc;

use loom::thread;

use crate::runtime::memory::sync::{AtomicBool, Shared};
use crate::seed::explore;

mod ring {
    /// Stands in for the ring: what one thread put into it must not be there for the next.
    #[derive(Debug, Default)]
    pub(crate) struct Ring(pub(crate) usize);

    impl Ring {
        pub(crate) fn clear(&mut self) {
            self.0 = 0;
        }
    }
}

#[path = "../../../instrument/src/runtime/task/deferred/pool.rs"]
mod pool;

fn use_one(spares: &[pool::Spare]) -> bool {
    let Some(spare) = pool::take(spares) else { return false };
    spare.ring.with_mut(|ring| {
        // SAFETY: loom checks that no other thread is here.
        let ring = unsafe { &mut *ring };
        assert_eq!(ring.0, 0, "broken: the ring of another thread is not empty");
        ring.0 = 1;
    });
    pool::give_back(spare);
    true
}

#[test]
fn a_ring_is_empty_for_the_next_thread() {
    explore(|| {
        let spare =
            || pool::Spare { is_taken: AtomicBool::modelled(false), ring: Shared::modelled(ring::Ring(0)) };
        let spares = Arc::new([spare(), spare()]);
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let spares = Arc::clone(&spares);
                thread::spawn(move || (0..2).map(|_| use_one(&*spares)).filter(|is_used| *is_used).count())
            })
            .collect();
        let n_used: usize = threads.into_iter().map(|thread| thread.join().expect("no panic")).sum();
        // Two rings for two threads.
        assert_eq!(n_used, 4, "broken: a thread found no ring");
        assert!(use_one(&*spares) && use_one(&*spares), "broken: a ring was not given back");
    });
}
