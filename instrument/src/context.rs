//! Contexts: places of a program that may run in the middle of whatever a thread is doing, or where
//! waiting is limited.
//!
//! A lock that a signal handler takes must not be held anywhere outside it while the signal is not
//! masked: the handler would wait for the thread that it interrupted. Tell the validator when a
//! thread is inside a context and where the context is masked, and it reports such locks (LD0004),
//! and paths that lead to them (LD0005), without the signal ever arriving at the wrong moment.
//!
//! ```
//! use lockdep::context::{self, Context};
//!
//! extern "C" fn on_usr1(_signal: i32) {
//!     let _inside = context::signal(10).enter();
//!     // ... takes a lock ...
//! }
//!
//! // Before the handler is installed:
//! context::signal(10).register();
//!
//! // Where the program blocks the signal with pthread_sigmask:
//! let _masked = context::signal(10).mask();
//!
//! // A context of one's own: what runs in `poll` may only take short locks.
//! static POLL: Context = Context::named("poll").wait_limit(context::WaitType::Config);
//! let _polling = POLL.enter();
//! ```
//!
//! The same holds for values that are dropped on top of what their thread holds. Thread exit needs
//! no context: nothing is held then, and what the destructors of thread-local values lock is
//! validated like anything else. A thread-local value that the program itself may replace or take
//! at any moment is another matter, and so is any callback:
//!
//! ```
//! use lockdep::context::Context;
//! use lockdep::sync::Mutex;
//!
//! static RETURNED: Mutex<Vec<u32>> = Mutex::new(Vec::new());
//! static BUFFER_DROP: Context = Context::named("drop of the thread's buffer");
//!
//! struct Buffer(u32);
//! impl Drop for Buffer {
//!     fn drop(&mut self) {
//!         // From now on LD0004 reports every other place that holds `RETURNED` where a buffer might be dropped.
//!         let _inside = BUFFER_DROP.enter();
//!         RETURNED.lock().unwrap().push(self.0);
//!     }
//! }
//! std::thread_local! { static BUFFER: std::cell::Cell<Option<Buffer>> = const { std::cell::Cell::new(None) }; }
//! BUFFER.set(Some(Buffer(1)));
//! BUFFER.set(Some(Buffer(2))); // drops the first
//! // Where no buffer can be dropped, say so:
//! let _masked = BUFFER_DROP.mask();
//! assert_eq!(*RETURNED.lock().unwrap(), [1]);
//! ```
//!
//! Inside a signal handler and inside an allocator nothing is looked at on the spot: events are
//! kept in memory that is there already, and looked at when the allocator is left, or at the
//! thread's next event after the handler. At most 64 events fit. More are lost, an acquisition
//! always together with its release, and counted as unseen; so are the first acquisitions of
//! classes that the thread has not met elsewhere.

use std::fmt;
use std::marker::PhantomData;

pub use lockdep_validator::WaitType;

#[cfg(not(lockdep_disabled))]
use crate::runtime::{
    self, event,
    identity::site,
    process::{internal_error, state},
    task::{
        self,
        deferred::{self, DeferredEvent},
    },
};
#[cfg(not(lockdep_disabled))]
use lockdep_validator::{ContextAttributes, ContextId};
#[cfg(not(lockdep_disabled))]
use once_cell::race::OnceNonZeroUsize;

/// A context; make it a `static`.
pub struct Context {
    name: &'static str,
    wait_limit: WaitType,
    is_deferred: bool,
    #[cfg(not(lockdep_disabled))]
    id: OnceNonZeroUsize,
}

impl Context {
    /// Returns a context called `name` in reports. Two of one name are one.
    pub const fn named(name: &'static str) -> Self {
        Self {
            name,
            wait_limit: WaitType::Max,
            is_deferred: false,
            #[cfg(not(lockdep_disabled))]
            id: OnceNonZeroUsize::new(),
        }
    }

    /// Limits what may be waited for inside (LD0006).
    #[must_use]
    pub const fn wait_limit(mut self, limit: WaitType) -> Self {
        self.wait_limit = limit;
        self
    }

    /// Events inside are deferred and looked at later: for signal handlers, where nothing may be
    /// allocated.
    #[must_use]
    pub const fn deferred(mut self) -> Self {
        self.is_deferred = true;
        self
    }

    /// Makes the context known. Entering does so too, but not for a deferred context: there is no
    /// memory for it inside.
    ///
    /// Call it before the handler is installed: what was locked before counts as not seen. A
    /// process can have eight contexts; the ninth is dropped and counted.
    pub fn register(&self) {
        #[cfg(not(lockdep_disabled))]
        if state::is_on() {
            // Entering starts the runtime if it has not started.
            if let Some(mut entered) = event::enter() {
                let runtime = entered.task().runtime;
                self.register_in(runtime);
            }
        }
    }

    /// Announces that the running thread is inside the context until the guard is dropped.
    #[must_use = "the context is left when the guard is dropped"]
    pub fn enter(&self) -> Inside {
        #[cfg(not(lockdep_disabled))]
        if state::is_on() {
            return self.enter_on();
        }
        Inside::nowhere()
    }

    /// Announces that the context cannot interrupt the running thread until the guard is dropped.
    /// Guards nest.
    #[must_use = "the context is unmasked when the guard is dropped"]
    pub fn mask(&self) -> Masked {
        #[cfg(not(lockdep_disabled))]
        if state::is_on() {
            self.register();
            let context = self.id().filter(|&id| event::context_mask(id));
            return Masked { context, not_send: PhantomData };
        }
        Masked {
            #[cfg(not(lockdep_disabled))]
            context: None,
            not_send: PhantomData,
        }
    }

    #[cfg(not(lockdep_disabled))]
    fn register_in(&self, runtime: &runtime::Runtime) {
        if self.id.get().is_some() {
            return;
        }
        let attributes = ContextAttributes { wait_limit: self.wait_limit, ..ContextAttributes::default() };
        let id =
            internal_error::guard(|| runtime.validator.register_context(self.name, attributes)).flatten();
        if let Some(id) = id.and_then(|id| std::num::NonZeroUsize::new(id.index() + 1)) {
            // Two threads may come here at once; both got the same id for the name.
            let _ = self.id.set(id);
        }
    }

    #[cfg(not(lockdep_disabled))]
    fn id(&self) -> Option<ContextId> {
        self.id.get().and_then(|id| ContextId::from_index(id.get() - 1))
    }

    #[cfg(not(lockdep_disabled))]
    fn enter_on(&self) -> Inside {
        if self.is_deferred {
            let Some(id) = self.id() else {
                runtime::count_unseen();
                return Inside::nowhere();
            };
            let interrupted = task::enter_deferred();
            deferred::push(DeferredEvent::Enter(id));
            return Inside { way: Way::Deferred(id, interrupted), not_send: PhantomData };
        }
        self.register();
        match self.id().filter(|&id| event::context_enter(id)) {
            Some(id) => Inside { way: Way::Direct(id), not_send: PhantomData },
            None => Inside::nowhere(),
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Context({})", self.name)
    }
}

/// Returns the context of the handler of a signal, by the signal's number. Events inside are
/// deferred.
///
/// A number that is no signal gives a context that all such numbers share.
pub fn signal(signal: i32) -> &'static Context {
    static SIGNALS: [Context; N_SIGNALS] = {
        let mut all = [const { Context::named("signal").deferred() }; N_SIGNALS];
        let mut number = 0;
        while number < N_SIGNALS {
            all[number].name = NAMES[number];
            number += 1;
        }
        all
    };
    let number = usize::try_from(signal).ok().filter(|&number| number < N_SIGNALS);
    &SIGNALS[number.unwrap_or(0)]
}

const N_SIGNALS: usize = 65;

/// Numbers, because names of signals differ between systems and a person can look a number up.
const NAMES: [&str; N_SIGNALS] = [
    "signal",
    "signal 1",
    "signal 2",
    "signal 3",
    "signal 4",
    "signal 5",
    "signal 6",
    "signal 7",
    "signal 8",
    "signal 9",
    "signal 10",
    "signal 11",
    "signal 12",
    "signal 13",
    "signal 14",
    "signal 15",
    "signal 16",
    "signal 17",
    "signal 18",
    "signal 19",
    "signal 20",
    "signal 21",
    "signal 22",
    "signal 23",
    "signal 24",
    "signal 25",
    "signal 26",
    "signal 27",
    "signal 28",
    "signal 29",
    "signal 30",
    "signal 31",
    "signal 32",
    "signal 33",
    "signal 34",
    "signal 35",
    "signal 36",
    "signal 37",
    "signal 38",
    "signal 39",
    "signal 40",
    "signal 41",
    "signal 42",
    "signal 43",
    "signal 44",
    "signal 45",
    "signal 46",
    "signal 47",
    "signal 48",
    "signal 49",
    "signal 50",
    "signal 51",
    "signal 52",
    "signal 53",
    "signal 54",
    "signal 55",
    "signal 56",
    "signal 57",
    "signal 58",
    "signal 59",
    "signal 60",
    "signal 61",
    "signal 62",
    "signal 63",
    "signal 64",
];

/// Announces that the running thread is inside the program's own global allocator until the guard
/// is dropped.
///
/// The allocator's locks are then ordered like any other, but looked at only when the guard is
/// dropped; so make the guard the first thing in `alloc`, `dealloc` and `realloc`, that it is
/// dropped last. Without it, locks nested inside the allocator may hang the validator.
///
/// ```
/// use std::alloc::{GlobalAlloc, Layout, System};
///
/// struct Counting;
///
/// // SAFETY: everything is passed on to the system's allocator.
/// unsafe impl GlobalAlloc for Counting {
///     unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
///         let _inside = lockdep::context::allocator();
///         // SAFETY: as the caller promised.
///         unsafe { System.alloc(layout) }
///     }
///     unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
///         let _inside = lockdep::context::allocator();
///         // SAFETY: as the caller promised.
///         unsafe { System.dealloc(memory, layout) }
///     }
/// }
/// # let _ = Counting;
/// ```
#[must_use = "the allocator is left when the guard is dropped"]
pub fn allocator() -> Inside {
    #[cfg(not(lockdep_disabled))]
    if state::is_on() {
        task::allocator_locks();
        return Inside { way: Way::Allocator(task::enter_deferred()), not_send: PhantomData };
    }
    Inside::nowhere()
}

/// The running thread is inside a context; leaves it when dropped.
#[derive(Debug)]
pub struct Inside {
    #[cfg(not(lockdep_disabled))]
    way: Way,
    not_send: PhantomData<*mut ()>,
}

#[cfg(not(lockdep_disabled))]
#[derive(Debug)]
enum Way {
    Nowhere,
    Direct(ContextId),
    Deferred(ContextId, task::Interrupted),
    Allocator(task::Interrupted),
}

impl Inside {
    fn nowhere() -> Self {
        Self {
            #[cfg(not(lockdep_disabled))]
            way: Way::Nowhere,
            not_send: PhantomData,
        }
    }
}

#[cfg(not(lockdep_disabled))]
impl Drop for Inside {
    #[track_caller]
    fn drop(&mut self) {
        match &self.way {
            Way::Nowhere => {}
            Way::Direct(context) => event::context_exit(*context),
            Way::Deferred(context, interrupted) => {
                let at = site::site(std::panic::Location::caller());
                deferred::push(DeferredEvent::Exit(*context, at));
                event::leave_deferred(interrupted, false);
            }
            Way::Allocator(interrupted) => event::leave_deferred(interrupted, true),
        }
    }
}

/// A context cannot interrupt the running thread; may again when this is dropped.
#[derive(Debug)]
pub struct Masked {
    #[cfg(not(lockdep_disabled))]
    context: Option<ContextId>,
    not_send: PhantomData<*mut ()>,
}

#[cfg(not(lockdep_disabled))]
impl Drop for Masked {
    #[track_caller]
    fn drop(&mut self) {
        if let Some(context) = self.context {
            event::context_unmask(context);
        }
    }
}
