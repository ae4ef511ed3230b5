//! Which frames of a stack a reader wants to see.

use super::path::{is_runtime, is_standard_library};
use super::place::Frame;

/// Function prefixes of the validator and of what calls into it: the innermost frames, of no use to
/// a reader.
///
/// The runtime catches its own panics, hence the frames of `catch_unwind` among them.
const INNER: [&str; 15] = [
    "lockdep::",
    "vmalock::dep::",
    "lockdep_validator::",
    "backtrace::",
    "lock_api::",
    "parking_lot::",
    "parking_lot_core::",
    "std::sync::",
    "std::sys::",
    "core::ops::",
    "core::panic::",
    "std::panic::",
    "std::panicking::",
    "std::thread::local::",
    "__rust_try",
];

/// Functions outside of the program that debug information may give no file: what starts a program,
/// a thread or a test.
const OUTER: [&str; 7] =
    ["lockdep::thread::", "test::", "main", "_start", "clone", "start_thread", "thread_start"];

/// Drops the validator's and the lock's own frames on the inside, and the standard library's in
/// between. On the outside, drops those that start the program, a thread or a test. A stack that
/// would be empty afterwards is kept.
///
/// ```
/// use lockdep_report::{frames::prune, place::Frame};
/// let frame = |function: &str| Frame { function: function.into(), ..Frame::default() };
/// let stack = ["lockdep::sync::mutex::Mutex<T>::lock", "bank::transfer", "bank::main", "std::rt::lang_start"];
/// let kept = prune(stack.map(frame).into());
/// assert_eq!(kept, ["bank::transfer", "bank::main"].map(frame));
/// ```
pub fn prune(frames: Vec<Frame>) -> Vec<Frame> {
    // A thread that sleeps is in the C library, below the lock's own frames.
    let is_inner = |frame: &Frame| starts_with_any(&frame.function, &INNER);
    let start = frames.iter().position(|frame| !is_inner(frame) && !is_library(frame));
    let Some(start) = start.or_else(|| frames.iter().position(|frame| !is_inner(frame))) else {
        return frames;
    };
    // Runtime and library code also stands between functions of the program, in callbacks: only its
    // outermost run ends a stack.
    let is_program = |frame: &Frame| !is_between(frame) && !is_outer(frame);
    let end = frames.iter().rposition(is_program).map_or(frames.len(), |last| last + 1).max(start + 1);
    let mut kept: Vec<Frame> = frames.into_iter().take(end).skip(start).collect();
    // libtest runs a test through a closure of the test's own name.
    let is_test_wrapper = |frames: &[Frame]| {
        let [.., test, wrapper] = frames else { return false };
        wrapper.function.strip_suffix("::{{closure}}") == Some(&test.function)
    };
    if is_test_wrapper(&kept) {
        kept.pop();
    }
    if !kept.iter().all(is_between) {
        kept.retain(|frame| !is_between(frame));
    }
    kept
}

/// Whether a frame says nothing in the middle of a stack: it belongs to a library below the
/// program, or to one of our locks that calls back, as `Once::call_once` does.
fn is_between(frame: &Frame) -> bool {
    is_library(frame) || starts_with_any(&frame.function, &["lockdep::", "lock_api::"])
}

/// Whether a frame belongs to what starts a program, a thread or a test.
fn is_outer(frame: &Frame) -> bool {
    let is_c = frame.file.is_empty() && !frame.function.contains("::");
    OUTER.iter().any(|outer| match outer.strip_suffix("::") {
        Some(_) => starts_with_any(&frame.function, &[outer]),
        None => is_c && frame.function.trim_start_matches('_') == outer.trim_start_matches('_'),
    })
}

/// Whether a frame belongs to the standard library or to the C library below it: iterators, drop
/// glue, thread starts.
fn is_library(frame: &Frame) -> bool {
    is_standard_library(&frame.file)
        || is_runtime(&frame.file)
        || is_c_library(&frame.file)
        || (frame.file.is_empty()
            && starts_with_any(&frame.function, &["core::", "alloc::", "std::", "0x", "__"]))
}

/// Whether a file belongs to the C library. The C files of a program are the program's.
fn is_c_library(file: &str) -> bool {
    const FOLDERS: [&str; 16] = [
        "csu/", "debug/", "elf/", "inet/", "io/", "libio/", "malloc/", "misc/", "nptl/", "posix/", "setjmp/",
        "signal/", "socket/", "stdlib/", "string/", "time/",
    ];
    let file = file.trim_start_matches("./").trim_start_matches("../");
    let is_c = file.ends_with(".c") || file.ends_with(".S");
    // Its headers hold code as well.
    file.contains("sysdeps/")
        || file.ends_with(".S")
        || file.contains("/glibc-")
        || is_c && FOLDERS.iter().any(|folder| file.starts_with(folder))
}

/// Whether `function`, written `a::b` or `<a::b as c>::d`, begins with one of `prefixes`.
fn starts_with_any(function: &str, prefixes: &[&str]) -> bool {
    let function = function.trim_start_matches(['<', '&']);
    prefixes.iter().any(|prefix| function.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(functions: &[&str]) -> Vec<Frame> {
        functions.iter().map(|&f| Frame { function: f.into(), ..Frame::default() }).collect()
    }

    #[test]
    fn a_stack_of_nothing_else_is_kept() {
        let only_ours = stack(&["lockdep::hook::acquire", "std::sync::Once::call"]);
        assert_eq!(prune(only_ours.clone()), only_ours);
        assert_eq!(prune(Vec::new()), []);
    }

    #[test]
    fn the_runtimes_own_catch_is_not_the_end_of_the_users_stack() {
        let pruned = prune(stack(&[
            "lockdep::stack::capture",
            "<core::panic::unwind_safe::AssertUnwindSafe<F> as core::ops::function::FnOnce<()>>::call_once",
            "std::panicking::catch_unwind",
            "__rust_try",
            "lockdep::event::acquire",
            "app::nest",
            "app::main",
            "std::rt::lang_start",
        ]));
        assert_eq!(pruned, stack(&["app::nest", "app::main"]));
    }

    #[test]
    fn what_sleeps_inside_a_lock_is_dropped() {
        let pruned = prune(stack(&[
            "__futex_wait",
            "parking_lot_core::parking_lot::park",
            "<parking_lot::raw_mutex::RawMutex as lock_api::mutex::RawMutex>::lock",
            "app::nest",
            "app::main",
        ]));
        assert_eq!(pruned, stack(&["app::nest", "app::main"]));
    }

    #[test]
    fn a_c_file_of_the_program_stays_and_the_c_library_goes() {
        let at = |function: &str, file: &str| Frame {
            function: function.into(),
            file: file.into(),
            ..Frame::default()
        };
        let own = [at("gauge_wait_for", "c/gauge.c"), at("app::main", "src/main.rs")];
        let mut all = vec![
            at("__futex_abstimed_wait_common", ""),
            at("___pthread_cond_wait", "./nptl/pthread_cond_wait.c"),
            at("syscall", "../sysdeps/unix/sysv/linux/x86_64/syscall.S"),
        ];
        all.extend(own.clone());
        all.push(at("__libc_start_main", "./csu/libc-start.c"));
        assert_eq!(prune(all), own);
    }

    #[test]
    fn library_frames_between_those_of_the_program_are_dropped() {
        let at = |function: &str, file: &str| Frame {
            function: function.into(),
            file: file.into(),
            ..Frame::default()
        };
        let own = [at("<app::A as core::ops::drop::Drop>::drop", "src/a.rs"), at("app::main", "src/main.rs")];
        let mut all = own.to_vec();
        all.insert(1, at("core::ptr::drop_in_place<app::A>", "core/src/ptr/mod.rs"));
        all.push(at("start_thread", "nptl/pthread_create.c"));
        assert_eq!(prune(all), own);
        let mut through_once = own.to_vec();
        through_once
            .insert(1, at("lockdep::sync::once::Once::call_once", "dep-1.0.0/lockdep/src/sync/once.rs"));
        assert_eq!(prune(through_once), own);
        let only = vec![at("core::ptr::drop_in_place<app::A>", "core/src/ptr/mod.rs")];
        assert_eq!(prune(only.clone()), only, "a stack of nothing else is kept");
    }

    #[test]
    fn library_code_in_the_middle_does_not_end_the_stack() {
        for between in [
            "std::thread::local::LocalKey<T>::with",
            "std::panic::catch_unwind",
            "core::ops::function::FnOnce::call_once",
            "std::thread::scoped::scope",
        ] {
            let pruned = prune(stack(&[
                "std::sync::poison::mutex::Mutex<T>::lock",
                "app::look",
                between,
                "app::hold",
                "app::main",
                "core::ops::function::FnOnce::call_once",
                "std::sys::backtrace::__rust_begin_short_backtrace",
                "std::rt::lang_start",
                "main",
                "main",
                "__libc_start_call_main",
                "_start",
            ]));
            assert_eq!(pruned, stack(&["app::look", "app::hold", "app::main"]), "{between}");
        }
    }

    #[test]
    fn impl_paths_count_as_ours() {
        let pruned = prune(stack(&[
            "<lockdep::sync::Lazy<T> as core::ops::Deref>::deref",
            "app::f",
            "std::thread::spawn",
        ]));
        assert_eq!(pruned, stack(&["app::f"]));
    }
}
