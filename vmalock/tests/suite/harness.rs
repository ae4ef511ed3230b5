//! What the staged tests are made of: threads that stop at named points, deadlines, and no
//! sleeps.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::{Duration, Instant};

use crate::build::probe::on_points;
use crate::build::step::Point;
use crate::build::warn::{self, Warning};

/// How long anything may take. A test that runs into it has found a hang.
// Miri is a thousand times slower.
pub(crate) const DEADLINE: Duration = Duration::from_secs(if cfg!(miri) { 5_000 } else { 20 });

/// How many deadlines a test may take while its threads make steps.
const N_DEADLINES: u32 = 15;

static N_STEPS: AtomicU64 = AtomicU64::new(0);

/// A thread of a test has ended one of the operations that it was given.
pub(crate) fn step_ended() {
    // ORDERING: Relaxed: a sign of life.
    N_STEPS.fetch_add(1, Ordering::Relaxed);
}

fn steps() -> u64 {
    // ORDERING: Relaxed, as above.
    N_STEPS.load(Ordering::Relaxed)
}

/// How long the tests wait: `mutants.rs` shortens it, where hangs are expected.
pub(crate) fn deadline() -> Duration {
    match std::env::var("VMALOCK_TEST_DEADLINE_MS").ok().and_then(|text| text.parse().ok()) {
        Some(ms) => Duration::from_millis(ms),
        None => DEADLINE,
    }
}

/// Numbered flags that threads raise and wait for.
#[derive(Clone, Default)]
pub(crate) struct Stages(Arc<(Mutex<u64>, Condvar)>);

impl Stages {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Raises flag `n`.
    pub(crate) fn signal(&self, n: u32) {
        *self.0.0.lock().unwrap() |= 1 << n;
        self.0.1.notify_all();
    }

    /// Waits until flag `n` is raised.
    #[track_caller]
    pub(crate) fn wait_for(&self, n: u32) {
        assert!(self.is_signalled_within(n, deadline()), "stage {n} was not reached in time");
    }

    /// Whether flag `n` is raised.
    pub(crate) fn is_signalled(&self, n: u32) -> bool {
        *self.0.0.lock().unwrap() & (1 << n) != 0
    }

    fn is_signalled_within(&self, n: u32, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        let mut flags = self.0.0.lock().unwrap();
        while *flags & (1 << n) == 0 {
            let Some(left) = end.checked_duration_since(Instant::now()) else { return false };
            flags = self.0.1.wait_timeout(flags, left).unwrap().0;
        }
        true
    }
}

/// Makes the calling thread stop at each of `holds` in turn: at the point it raises the first flag
/// and waits for the second.
pub(crate) fn hold_at(stages: &Stages, holds: &'static [(Point, u32, u32)]) {
    let stages = stages.clone();
    let next = Cell::new(0);
    on_points(Some(Rc::new(move |reached| {
        if let Some(&(point, there, go)) = holds.get(next.get())
            && point == reached
        {
            next.set(next.get() + 1);
            stages.signal(there);
            stages.wait_for(go);
        }
    })));
}

/// Makes the calling thread run `action` when it first reaches `point`.
pub(crate) fn once_at(point: Point, action: impl FnOnce() + 'static) {
    let action = Cell::new(Some(action));
    on_points(Some(Rc::new(move |reached| {
        if reached == point
            && let Some(action) = action.take()
        {
            action();
        }
    })));
}

/// Calls `observe` at every point that the calling thread reaches.
pub(crate) fn observe(observe: impl Fn(Point) + 'static) {
    on_points(Some(Rc::new(observe)));
}

/// A thread of a test.
pub(crate) struct Helper<R> {
    result: mpsc::Receiver<std::thread::Result<(R, Vec<Warning>)>>,
}

/// Runs `body` on a thread of its own; its warnings are kept for [`Helper::join`].
pub(crate) fn spawn<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> Helper<R> {
    let (sender, result) = mpsc::channel();
    std::thread::spawn(move || {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let pair = warn::capture(body);
            on_points(None);
            pair
        }));
        // A test that already failed does not listen any more.
        let _ = sender.send(outcome);
    });
    Helper { result }
}

impl<R> Helper<R> {
    /// Waits for the thread; it must not have warned.
    #[track_caller]
    pub(crate) fn join(self) -> R {
        let (result, warnings) = self.join_with_warnings();
        assert!(warnings.is_empty(), "unexpected warnings: {warnings:?}");
        result
    }

    /// Waits for the thread.
    #[track_caller]
    pub(crate) fn join_with_warnings(self) -> (R, Vec<Warning>) {
        for _ in 0..N_DEADLINES {
            let n_steps = steps();
            match self.result.recv_timeout(deadline()) {
                Ok(Ok(pair)) => return pair,
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                // On a busy machine a thread that yields waits for its turn each time.
                Err(_) if steps() != n_steps => {}
                Err(_) => break,
            }
        }
        panic!("a thread of the test hangs")
    }
}

/// Runs a case: in time, and without a warning that it did not ask for.
#[track_caller]
pub(crate) fn run(case: fn()) {
    spawn(move || {
        case();
        on_points(None);
    })
    .join();
}

/// Runs `body`, which must warn exactly as `expected`.
#[track_caller]
pub(crate) fn expect_warnings<R>(expected: &[warn::WarningKind], body: impl FnOnce() -> R) -> R {
    let (result, warnings) = warn::capture(body);
    let kinds: Vec<_> = warnings.iter().map(|warning| warning.kind).collect();
    assert_eq!(kinds, expected);
    result
}

/// Whether `condition` comes true in time.
#[track_caller]
pub(crate) fn eventually(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + deadline();
    while !condition() {
        assert!(Instant::now() < end, "{what} did not happen in time");
        std::thread::yield_now();
    }
}
