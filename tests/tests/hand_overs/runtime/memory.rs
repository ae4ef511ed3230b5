//! Memory of one thread in which a signal handler may come between any two steps, and what stands
//! there for the runtime's own.
//!
//! Another loom thread sends the signals; each step looks for one, so that loom tries every place.
//! A compiler may delay what is written to plain memory, and use what it has read before, up to
//! the next compiler fence: the state of the task always behaves so.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize as LoomUsize, Ordering as LoomOrdering};

use crate::seed;

/// What delivers signals to the running model.
struct Delivery {
    n_sent: Arc<LoomUsize>,
    handler: fn(usize),
}

thread_local! {
    // Not dropped when a model panicked: loom is gone by then.
    static DELIVERY: RefCell<ManuallyDrop<Option<Delivery>>> =
        const { RefCell::new(ManuallyDrop::new(None)) };
    static N_DELIVERED: Cell<usize> = const { Cell::new(0) };
    /// What the interrupted code and each handler have in registers.
    static VIEWS: RefCell<Vec<Registers>> = const { RefCell::new(Vec::new()) };
    /// The memory of the state.
    static MEMORY: Cell<u64> = const { Cell::new(0) };
}

/// What code keeps of the state between two compiler fences.
struct Registers {
    value: u64,
    is_changed: bool,
}

impl Registers {
    fn new() -> Self {
        Self { value: MEMORY.get(), is_changed: false }
    }

    fn write_back(&mut self) {
        if self.is_changed {
            MEMORY.set(self.value);
        }
        *self = Self::new();
    }
}

/// Starts anew: signals are counted in `n_sent`, and `handler` runs for each.
pub(crate) fn begin(n_sent: Arc<LoomUsize>, handler: fn(usize)) {
    MEMORY.set(0);
    N_DELIVERED.set(0);
    VIEWS.with_borrow_mut(|views| *views = vec![Registers::new()]);
    DELIVERY.set(ManuallyDrop::new(Some(Delivery { n_sent, handler })));
}

/// Ends it; returns what the state holds.
pub(crate) fn end() -> u64 {
    drop(ManuallyDrop::into_inner(DELIVERY.replace(ManuallyDrop::new(None))));
    leave();
    MEMORY.get()
}

fn leave() {
    let mut last = VIEWS.with_borrow_mut(Vec::pop).expect("entered");
    if last.is_changed {
        last.write_back();
    }
}

/// Whether the running code is in a handler.
pub(crate) fn is_in_handler() -> bool {
    VIEWS.with_borrow(|views| views.len() > 1)
}

/// A place where a handler may come.
pub(crate) fn step() {
    let sent = DELIVERY.with_borrow(|delivery| {
        delivery.as_ref().map(|delivery| (Arc::clone(&delivery.n_sent), delivery.handler))
    });
    let Some((n_sent, handler)) = sent else { return };
    // A read-modify-write sees the newest value: an older one is another place of the same signal.
    while n_sent.fetch_add(0, LoomOrdering::AcqRel) > N_DELIVERED.get() {
        let number = N_DELIVERED.get();
        N_DELIVERED.set(number + 1);
        VIEWS.with_borrow_mut(|views| views.push(Registers::new()));
        handler(number);
        leave();
    }
}

/// Uses the memory of the state: it counts the uses.
pub(crate) fn count() {
    let value = VIEWS.with_borrow(|views| views.last().expect("entered").value);
    step();
    VIEWS.with_borrow_mut(|views| {
        let registers = views.last_mut().expect("entered");
        *registers = Registers { value: value + 1, is_changed: true };
    });
    step();
}

/// What `sync.rs` of the room has.
pub(crate) mod sync {
    use std::cell::UnsafeCell;
    use std::sync::atomic;

    use loom::cell;
    use loom::sync::atomic::AtomicBool as LoomBool;

    use super::{Registers, VIEWS, seed, step};

    pub(crate) use std::sync::atomic::Ordering;
    pub(crate) use std::thread_local;

    /// A pointer of this thread.
    #[derive(Debug)]
    pub(crate) struct AtomicPtr<T>(atomic::AtomicPtr<T>);

    impl<T> AtomicPtr<T> {
        pub(crate) const fn new(value: *mut T) -> Self {
            Self(atomic::AtomicPtr::new(value))
        }

        pub(crate) fn load(&self, order: Ordering) -> *mut T {
            step();
            self.0.load(order)
        }

        pub(crate) fn store(&self, value: *mut T, order: Ordering) {
            step();
            self.0.store(value, order);
        }

        pub(crate) fn swap(&self, value: *mut T, order: Ordering) -> *mut T {
            step();
            if seed::is("swap-in-two-steps") {
                let found = self.0.load(order);
                step();
                self.0.store(value, order);
                return found;
            }
            self.0.swap(value, order)
        }
    }

    /// A number of this thread.
    #[derive(Debug)]
    pub(crate) struct AtomicUsize(atomic::AtomicUsize);

    impl AtomicUsize {
        pub(crate) const fn new(value: usize) -> Self {
            Self(atomic::AtomicUsize::new(value))
        }

        pub(crate) fn load(&self, order: Ordering) -> usize {
            step();
            self.0.load(order)
        }

        pub(crate) fn store(&self, value: usize, order: Ordering) {
            step();
            self.0.store(value, order);
        }

        pub(crate) fn fetch_add(&self, value: usize, order: Ordering) -> usize {
            self.0.fetch_add(value, order)
        }

        pub(crate) fn fetch_sub(&self, value: usize, order: Ordering) -> usize {
            self.0.fetch_sub(value, order)
        }
    }

    /// Loom's, in the model of the pool; a plain one in a static.
    #[derive(Debug)]
    pub(crate) enum AtomicBool {
        Plain(atomic::AtomicBool),
        Modelled(LoomBool),
    }

    impl AtomicBool {
        pub(crate) const fn new(value: bool) -> Self {
            Self::Plain(atomic::AtomicBool::new(value))
        }

        pub(crate) fn modelled(value: bool) -> Self {
            Self::Modelled(LoomBool::new(value))
        }

        pub(crate) fn store(&self, value: bool, order: Ordering) {
            match self {
                Self::Plain(plain) => plain.store(value, order),
                Self::Modelled(modelled) => {
                    let is_weak = seed::is("give-back-relaxed");
                    modelled.store(value, if is_weak { Ordering::Relaxed } else { order });
                }
            }
        }

        pub(crate) fn compare_exchange(
            &self,
            old: bool,
            new: bool,
            order: Ordering,
            failed: Ordering,
        ) -> Result<bool, bool> {
            let Self::Modelled(modelled) = self else {
                let Self::Plain(plain) = self else { unreachable!("there are two") };
                return plain.compare_exchange(old, new, order, failed);
            };
            if seed::is("take-in-two-steps") {
                let found = modelled.load(Ordering::Acquire);
                return if found == old {
                    modelled.store(new, Ordering::Release);
                    Ok(found)
                } else {
                    Err(found)
                };
            }
            let order = if seed::is("take-relaxed") { Ordering::Relaxed } else { order };
            modelled.compare_exchange(old, new, order, failed)
        }
    }

    /// Loom's, in the model of the pool; a plain one in a static.
    #[derive(Debug)]
    pub(crate) enum Shared<T> {
        Plain(UnsafeCell<T>),
        Modelled(cell::UnsafeCell<T>),
    }

    // SAFETY: as the original.
    unsafe impl<T: Send> Sync for Shared<T> {}

    impl<T> Shared<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self::Plain(UnsafeCell::new(value))
        }

        pub(crate) fn modelled(value: T) -> Self {
            Self::Modelled(cell::UnsafeCell::new(value))
        }

        pub(crate) fn get(&self) -> *mut T {
            match self {
                Self::Plain(plain) => plain.get(),
                Self::Modelled(_) => unreachable!("loom wants to see each use"),
            }
        }

        pub(crate) fn with_mut<R>(&self, use_it: impl FnOnce(*mut T) -> R) -> R {
            match self {
                Self::Plain(plain) => use_it(plain.get()),
                Self::Modelled(modelled) => modelled.with_mut(use_it),
            }
        }
    }

    /// What the code has in registers goes to memory, and is read again.
    pub(crate) fn compiler_fence(_: Ordering) {
        step();
        if !seed::is("no-compiler-fence") {
            VIEWS.with_borrow_mut(|views| views.last_mut().map(Registers::write_back));
        }
        step();
    }
}
