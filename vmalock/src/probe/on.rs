//! The observation points of the protocol, switched on: see `mod.rs` for the build that users
//! get.

#[macro_use]
pub(crate) mod mutant;
pub(crate) mod step;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use self::mutant::Mutant;
use self::step::{Point, Step};

macro_rules! list {
    ($($name:ident $id:literal $what:literal,)*) => {
        /// Every mutant: what it is called and what it breaks.
        pub(crate) const MUTANTS: &[(Mutant, &str, &str)] = &[$((Mutant::$name, $id, $what),)*];
    };
}
for_each_mutant!(list);

const NONE: u32 = u32::MAX;

static SEEDED: AtomicU32 = AtomicU32::new(NONE);

/// What a thread does when it reaches a point.
type Hook = Rc<dyn Fn(Point)>;

std::thread_local! {
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
    static LOG: RefCell<Option<Vec<Step>>> = const { RefCell::new(None) };
}

/// Seeds the mutant called `id`, process-wide; says whether there is one.
pub(crate) fn seed(id: &str) -> bool {
    let found = MUTANTS.iter().find(|(_, name, _)| *name == id);
    // ORDERING: Relaxed; seeded before the threads of the test are made.
    SEEDED.store(found.map_or(NONE, |(mutant, ..)| *mutant as u32), Ordering::Relaxed);
    found.is_some()
}

pub(crate) fn seeded(mutant: Mutant) -> bool {
    // ORDERING: Relaxed; see `seed`.
    SEEDED.load(Ordering::Relaxed) == mutant as u32
}

/// Calls `hook` at every point that this thread reaches from now on; `None` stops that.
pub(crate) fn on_points(hook: Option<Hook>) {
    // Dropped outside the borrow: what the old hook owns may reach points when it goes.
    let old = HOOK.with_borrow_mut(|slot| std::mem::replace(slot, hook));
    drop(old);
}

pub(crate) fn reached(point: Point) {
    // The hook is cloned out: it may reach points itself, or replace itself.
    let hook = HOOK.try_with(|slot| slot.borrow().clone()).ok().flatten();
    if let Some(hook) = hook {
        hook(point);
    }
}

/// Runs `body` and returns the steps that this thread made in it, in order.
pub(crate) fn recorded<R>(body: impl FnOnce() -> R) -> (R, Vec<Step>) {
    LOG.with_borrow_mut(|log| *log = Some(Vec::new()));
    let result = body();
    (result, LOG.with_borrow_mut(Option::take).unwrap_or_default())
}

pub(crate) fn record(step: Step) {
    let _ = LOG.try_with(|log| {
        if let Ok(mut log) = log.try_borrow_mut()
            && let Some(log) = log.as_mut()
        {
            log.push(step);
        }
    });
}
