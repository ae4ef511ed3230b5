//! The state of a thread: its quick stack, what the engine knows of it, and how often it was used.

use std::ptr;

use lockdep_validator::LockId;

use super::place::{NOTHING, NOWHERE, Place};
use super::sync::{AtomicUsize, Ordering};
use crate::runtime::memory::{self, step};
use crate::seed;

/// The place below the oldest lock, three locks, and what handlers look at beyond.
const N_PLACES: usize = 8;
const N_ROOM: usize = 4;

/// Stands in for the quick stack.
#[derive(Debug)]
pub(crate) struct Quick {
    pub(super) top: *mut Place,
    base: *mut Place,
}

/// The state of the task. What it counts lies elsewhere.
#[derive(Debug)]
pub(crate) struct Task {
    pub(super) quick: Quick,
    /// The addresses of the locks held, as the engine knows them.
    held: Vec<usize>,
    /// The number of the next lock that gets an id.
    number: AtomicUsize,
}

impl Task {
    /// A state with a stack on which nothing is held.
    pub(crate) fn start() -> &'static mut Self {
        let places: [_; N_PLACES] =
            std::array::from_fn(|index| Place::new(NOWHERE, usize::from(index == 0), ptr::null_mut()));
        let base = Box::leak(Box::new(places)).as_mut_ptr();
        let task = Box::leak(Box::new(Self {
            quick: Quick { top: base, base },
            held: Vec::new(),
            number: AtomicUsize::new(0),
        }));
        for index in 0..=N_ROOM {
            // SAFETY: so many places were just made, and no other code has them.
            unsafe { (*base.wrapping_add(index)).task = task };
        }
        task
    }

    /// Takes the number of a new lock.
    ///
    /// # Safety
    ///
    /// The state is there.
    pub(crate) unsafe fn take_number(task: *mut Self) -> Option<u64> {
        step();
        // SAFETY: as the caller says.
        let number = unsafe { &(*task).number };
        let taken = number.fetch_add(1, Ordering::Relaxed);
        if seed::is("number-in-two-steps") {
            number.store(taken, Ordering::Relaxed);
            number.store(taken + 1, Ordering::Relaxed);
        }
        step();
        Some(taken as u64)
    }

    /// Uses the state.
    pub(crate) fn count(&mut self) {
        assert!(!self.quick.top.is_null(), "broken: a state without a stack");
        memory::count();
    }

    /// The engine looks at an acquisition, or a release.
    pub(crate) fn change(&mut self, address: usize, is_acquired: bool) {
        if is_acquired {
            self.held.push(address);
        } else if let Some(index) = self.held.iter().rposition(|held| *held == address) {
            self.held.remove(index);
        }
    }

    /// Whether the engine says that the lock is held.
    pub(crate) fn holds(&self, address: usize) -> bool {
        self.held.contains(&address)
    }

    pub(crate) fn catch_up(&mut self) {
        self.held.clear();
        let mut place = self.quick.base;
        while place != self.quick.top {
            place = place.wrapping_add(1);
            // SAFETY: between the lowest place and the newest.
            self.held.extend(unsafe { (*place).held() }.map(|held| held.address));
        }
    }

    pub(crate) fn keep_up(&mut self) {
        let mut place = self.quick.base;
        for &address in &self.held {
            place = place.wrapping_add(1);
            // SAFETY: no model holds more locks than there are places.
            let place = unsafe { &mut *place };
            place.address = address;
            place.lock = 1 << LockId::INSTANCE_BITS | address as u64;
            place.held.store(address, Ordering::Relaxed);
            if !seed::is("key-kept") {
                place.known = NOTHING;
            }
        }
        self.quick.top = place;
        loop {
            place = place.wrapping_add(1);
            // SAFETY: the last place is never held, and belongs to no task.
            let place = unsafe { &mut *place };
            if place.task.is_null() {
                break;
            }
            place.held.store(0, Ordering::Relaxed);
            if !seed::is("key-kept") {
                place.known = NOTHING;
            }
        }
    }
}
