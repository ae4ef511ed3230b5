//! Shared objects with a runtime in them, loaded when the program runs.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Barrier};

use super::checks::folder;
use super::run;

/// More than fit into the thread-local memory that glibc reserves, whatever they are made of.
const N_COPIES: usize = 13;

/// Builds the shared object; returns where it is.
fn build() -> PathBuf {
    let program = std::env::current_exe().expect("a running program has a path");
    // target/PROFILE/deps/process-HASH
    let profile = program.ancestors().nth(2).expect("cargo's layout");
    let target = profile.parent().expect("cargo's layout");
    // Together with the command line, cargo selects the features that it selects for `cargo test
    // --workspace`, which has built both already.
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--offline", "--workspace", "--bin", "cargo-lockdep"])
        .args(["--example", "plugin", "--target-dir"])
        .arg(target)
        .args(profile.ends_with("release").then_some("--release"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(built.is_ok_and(|status| status.success()), "the plugin does not build");
    profile.join("examples").join("libplugin.so")
}

/// Loads an object; returns it and its function, which may be called until it is unloaded.
fn open(path: &Path) -> (*mut libc::c_void, extern "C" fn() -> u32) {
    let path = CString::new(path.as_os_str().as_bytes()).expect("no zero byte in a path");
    // SAFETY: the name ends in a zero byte; the object's own start-up code is that of Rust.
    let object = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    if object.is_null() {
        // SAFETY: an error has just occurred, so this is its text.
        panic!("{}", unsafe { CStr::from_ptr(libc::dlerror()) }.to_string_lossy());
    }
    // SAFETY: the object is loaded, and the name ends in a zero byte.
    let function = unsafe { libc::dlsym(object, c"plugin_inversion".as_ptr()) };
    assert!(!function.is_null());
    // SAFETY: the function has this signature.
    (object, unsafe { std::mem::transmute::<*mut libc::c_void, extern "C" fn() -> u32>(function) })
}

/// Loads the object that `PLUGINS` names twice, and unloads it while a thread that used it lives.
pub(crate) fn unload() {
    let path = std::env::var_os("PLUGINS").expect("set by the check");
    for _ in 0..2 {
        let (object, function) = open(Path::new(&path));
        let stages = Arc::new(Barrier::new(2));
        let there = Arc::clone(&stages);
        let thread = std::thread::spawn(move || {
            function();
            there.wait();
            there.wait();
        });
        stages.wait();
        // SAFETY: no thread runs code of the object.
        assert_eq!(unsafe { libc::dlclose(object) }, 0);
        stages.wait();
        thread.join().expect("it only locks");
    }
    println!("unloaded");
}

/// Loads the objects that `PLUGINS` names, and runs each on two threads.
pub(crate) fn load() {
    let paths = std::env::var_os("PLUGINS").expect("set by the check");
    let functions: Vec<extern "C" fn() -> u32> =
        std::env::split_paths(&paths).map(|path| open(&path).1).collect();
    let calls = |functions: &[extern "C" fn() -> u32]| functions.iter().map(|call| call()).sum::<u32>();
    let here = calls(&functions) + calls(&functions);
    let copy = functions.clone();
    let there = std::thread::spawn(move || calls(&copy)).join().expect("it only locks");
    println!("loaded {}: {here} {there}", functions.len());
}

pub(crate) fn a_thread_outlives_an_unloaded_object() {
    let object = build();
    let path = object.to_str().expect("UTF-8");
    for switch in ["0", "1"] {
        let ended = run("unloaded_object", &[("LOCKDEP", switch), ("PLUGINS", path)]);
        assert_eq!(
            (ended.code, ended.signal, ended.stdout.as_str()),
            (Some(0), None, "unloaded\n"),
            "{}",
            ended.stderr
        );
    }
}

pub(crate) fn late_objects_load() {
    let object = build();
    let folder = folder("plugins");
    let copies: Vec<PathBuf> = (0..N_COPIES).map(|i| folder.join(format!("libplugin{i}.so"))).collect();
    for copy in &copies {
        std::fs::copy(&object, copy).expect("writable");
    }
    let paths = std::env::join_paths(&copies).expect("no colon in them");
    let paths = paths.to_str().expect("UTF-8");
    let expected = format!("loaded {N_COPIES}: {} {N_COPIES}\n", 3 * N_COPIES);
    let off = run("late_objects", &[("LOCKDEP", "0"), ("PLUGINS", paths)]);
    assert_eq!((off.stdout.as_str(), off.stderr.as_str()), (expected.as_str(), ""));
    let on = run("late_objects", &[("PLUGINS", paths)]);
    assert_eq!((on.stdout.as_str(), on.n_reports("LD0003")), (expected.as_str(), N_COPIES), "{}", on.stderr);
    // The first copy finds no other; each of the others does, and every one has something unseen at
    // its end.
    let n_said = on.stderr.matches("this process contains another copy of lockdep").count();
    assert_eq!(n_said, N_COPIES - 1, "{}", on.stderr);
    assert_eq!(on.stderr.matches("not everything was validated").count(), N_COPIES, "{}", on.stderr);
    std::fs::remove_dir_all(folder).expect("ours");
}
