//! `thread::spawn`, `scope`, `Builder` and their handles.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::thread;
use crate::panic_text;

#[test]
fn a_thread_gives_its_result_or_its_panic() {
    let handle = thread::spawn(|| 6 * 7);
    assert_eq!(handle.join().unwrap(), 42);
    let payload = thread::spawn(|| std::panic::panic_any(5u8)).join().unwrap_err();
    assert_eq!(payload.downcast_ref::<u8>(), Some(&5));
}

#[test]
fn a_builder_names_and_sizes() {
    let builder = thread::Builder::new().name("named".to_owned()).stack_size(256 * 1024);
    let twin = std::thread::Builder::new().name("named".to_owned()).stack_size(256 * 1024);
    assert_eq!(format!("{builder:?}"), format!("{twin:?}"));
    let handle = builder.spawn(|| thread::current().name().map(str::to_owned)).unwrap();
    assert_eq!(handle.thread().name(), Some("named"));
    assert_eq!(handle.join().unwrap().as_deref(), Some("named"));
    // Asks for more stack than there is memory: an error, not a panic.
    assert!(thread::Builder::new().stack_size(usize::MAX / 2).spawn(|| ()).is_err());
    let mut here = 1;
    // SAFETY: joined before `here` ends.
    let handle = unsafe { thread::Builder::new().spawn_unchecked(|| here += 1) }.unwrap();
    handle.join().unwrap();
    assert_eq!(here, 2);
}

#[test]
fn a_handle_tells_when_it_is_over() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let handle = thread::spawn(move || wait.recv().is_err());
    assert!(!handle.is_finished());
    assert_eq!(format!("{handle:?}"), "JoinHandle { .. }");
    drop(go);
    assert!(handle.join().unwrap());
}

#[cfg(unix)]
#[test]
fn a_handle_is_a_pthread() {
    use std::os::unix::thread::JoinHandleExt;

    let (go, wait) = std::sync::mpsc::channel::<()>();
    let handle = thread::spawn(move || wait.recv().is_err());
    let number = handle.as_pthread_t();
    assert_ne!(number, 0);
    drop(go);
    let raw = handle.into_pthread_t();
    assert_eq!(raw, number);
    // SAFETY: the thread has neither been joined nor detached.
    assert_eq!(unsafe { libc::pthread_join(raw, std::ptr::null_mut()) }, 0);
}

#[test]
fn a_scope_waits_for_its_threads() {
    let total = AtomicUsize::new(0);
    let mut list = vec![1, 2, 3];
    let result = thread::scope(|scope| {
        let handle = scope.spawn(|| list.iter().sum::<usize>());
        scope.spawn(|| {
            // Threads of a scope may start more of them.
            scope.spawn(|| total.fetch_add(1, Ordering::Relaxed));
            total.fetch_add(1, Ordering::Relaxed);
        });
        let named = thread::Builder::new().name("scoped".to_owned()).spawn_scoped(scope, || 1).unwrap();
        assert_eq!(named.thread().name(), Some("scoped"));
        assert_eq!(format!("{named:?}"), "ScopedJoinHandle { .. }");
        assert!(format!("{scope:?}").starts_with("Scope { num_running_threads: "));
        let _over = named.is_finished();
        named.join().unwrap() + handle.join().unwrap()
    });
    list.push(4);
    assert_eq!((result, total.into_inner(), list.len()), (7, 2, 4));
}

#[test]
fn a_scope_passes_panics_on() {
    assert_eq!(
        panic_text(|| thread::scope(|scope| {
            scope.spawn(|| panic!("unjoined"));
        })),
        "a scoped thread panicked"
    );
    assert_eq!(panic_text(|| thread::scope(|_| panic!("own"))), "own");
    let joined = thread::scope(|scope| scope.spawn(|| panic!("joined")).join().is_err());
    assert!(joined);
}

#[test]
fn everything_else_is_here() {
    assert!(!thread::panicking());
    thread::yield_now();
    thread::current().unpark();
    thread::park();
    assert!(thread::available_parallelism().is_ok());
    thread_local!(static LOCAL: u8 = const { 3 });
    let local: &thread::LocalKey<u8> = &LOCAL;
    assert_eq!(local.with(|value| *value), 3);
}
