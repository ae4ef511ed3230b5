//! The end of the process: the last record line, and `LOCKDEP_EXITCODE`.

use std::sync::atomic::Ordering;

use lockdep_report::build::Resolver as _;
use lockdep_report::short_name;

use crate::runtime::output::sink;
use crate::runtime::process::ledger::{self, Counter};
use crate::runtime::process::{ending, orphan, state};
use crate::runtime::stat::{Key, Numbers, Stats};
use crate::runtime::system::handler;
use crate::runtime::system::others;
use crate::runtime::system::stack_bounds::Bounds;
use crate::runtime::task::{self, deferred};
use crate::runtime::{self, Runtime};

/// Has the end of the process call us.
pub(crate) fn install() {
    // SAFETY: the handler is a function of the whole program's life. In a library that is unloaded
    // before the end of the process glibc runs it at the unloading.
    unsafe {
        libc::atexit(at_exit);
    }
}

/// Runs after main returned or the program called `exit`; not after `_exit`, `abort` or a signal.
extern "C" fn at_exit() {
    if state::is_off() || orphan::is_silent() {
        return;
    }
    let Some(runtime) = runtime::running() else { return };
    // A handler may have interrupted the allocator or a holder of one of our locks: all that is
    // left is the exit status.
    if !handler::is_inside(Bounds::UNKNOWN) {
        say_all(runtime);
    }
    // ORDERING: Relaxed: other threads may still be making reports; which of them are counted is a
    // race that the program runs already.
    if let Some(status) = runtime.config.exit_code
        && runtime.n_denied.load(Ordering::Relaxed) > 0
    {
        exit_with(status);
    }
}

/// Looks at the deferred events, and writes what the end of the process has to say.
fn say_all(runtime: &Runtime) {
    let is_busy = task::is_busy();
    if !is_busy {
        (runtime.catch_up)();
    }
    ending::wait(is_busy);
    // Other threads had deferred these, and the process ends before they looked.
    runtime::count_all_unseen(deferred::n_waiting() as u64);
    if others::has_others() {
        // What it did not see: the locks of another copy of this crate.
        runtime.validator.count_unseen();
    }
    if let Some(recorder) = &runtime.recorder {
        recorder.close(runtime);
    } else {
        if let Some(stats) = &runtime.stats {
            say_contention(runtime, stats);
        }
        say_missed(runtime);
    }
    say_unwatched();
}

/// How many places [`say_contention`] names.
const N_SAID: usize = 10;

/// Says on the standard error stream who waited longest, for a process that leaves no record.
fn say_contention(runtime: &Runtime, stats: &Stats) {
    let mut fought: Vec<(Key, Numbers)> =
        stats.take().into_iter().filter(|(_, numbers)| numbers.n_contentions > 0).collect();
    fought.sort_by_key(|(key, numbers)| (std::cmp::Reverse(numbers.wait.total_ns), key.site.0));
    sink::notice(&format!(
        "{} places waited for a lock, longest first; with LOCKDEP_DIR set, `cargo lockdep stat` shows all",
        fought.len()
    ));
    for (key, numbers) in fought.iter().take(N_SAID) {
        let class = runtime.validator.class(key.class);
        let name = class.map_or_else(String::new, |class| short_name(&class.key));
        sink::notice(&format!(
            "  {name} at {}: {} of {} acquisitions waited, {} µs in all, {} µs at most",
            runtime.place(key.site),
            numbers.n_contentions,
            numbers.n_acquisitions,
            numbers.wait.total_ns / 1000,
            numbers.wait.max_ns / 1000
        ));
    }
}

/// Says what was not looked at, if anything. With a record the command says it.
fn say_missed(runtime: &Runtime) {
    let counters = runtime.counters();
    if counters.unseen > 0 || counters.dropped > 0 {
        sink::notice(&format!(
            "not everything was validated: {} unseen (events that the validator could not look at), {} dropped (entries that did not fit)",
            counters.unseen, counters.dropped
        ));
    }
}

/// Says how many children were not validated, if there is no file that the command reads.
fn say_unwatched() {
    match ledger::counted_without_file(Counter::UnwatchedChild) {
        0 => {}
        n_children => sink::notice(&format!(
            "{n_children} forked {} and {} not validated, because the process that forked had several threads; \
             a program that such a child executes is validated",
            if n_children == 1 { "child took locks" } else { "children took locks" },
            if n_children == 1 { "was" } else { "were" },
        )),
    }
}

/// Ends the process with another status than it asked for.
///
/// glibc lets an exit handler call `exit` again: the remaining handlers run (coverage is written by
/// one) and the new status counts. POSIX leaves that undefined and musl crashes on it, so elsewhere
/// the C streams are flushed and handlers registered before the first lock are skipped.
fn exit_with(status: i32) -> ! {
    #[cfg(target_env = "gnu")]
    // SAFETY: called from an exit handler, where glibc defines it.
    unsafe {
        libc::exit(status)
    }
    #[cfg(not(target_env = "gnu"))]
    // SAFETY: a null stream flushes all; `_exit` ends the process.
    unsafe {
        libc::fflush(std::ptr::null_mut());
        libc::_exit(status)
    }
}
