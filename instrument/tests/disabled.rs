//! `--cfg lockdep_disabled` compiles every hook to nothing: the crate is built that way here, in a
//! target directory that the same test of `vmalock` shares, with a program that measures it.

use std::path::Path;
use std::process::Command;

/// Fails to compile unless the map has no size, and to link to nothing unless the interface is the
/// same.
const PROGRAM: &str = r#"
use lockdep::hook::{LockInfo, LockMap, Verdict};
use lockdep::LockClassKey;
use lockdep::wound_wait::{AcquireContext, WwClass, WwMap};
use lockdep::class_order::{ClassOrder, Ordered as _};
use lockdep::{Mode, Wait};

static KEY: LockClassKey = LockClassKey::named("k").kind("rwsem").order_by(ClassOrder::ByAddress);
static MAP: LockMap<&'static LockClassKey> = LockMap::with_key(&KEY);
const INFO: LockInfo = LockInfo::bare("lock");
const _: () = assert!(size_of::<LockMap>() == 0 && size_of::<LockMap<&'static LockClassKey>>() == 0);
const _: () = assert!(size_of::<lockdep::sync::Mutex<u64>>() == size_of::<std::sync::Mutex<u64>>());

fn main() {
    assert_eq!(MAP.acquire(&INFO, Mode::Exclusive, Wait::Blocking), Verdict::Proceed);
    // Would be reported, and would panic, if anything were looked at.
    assert_eq!(MAP.acquire(&INFO, Mode::Exclusive, Wait::Blocking), Verdict::Proceed);
    lockdep::assert_not_held!(MAP);
    lockdep::assert_none_held!();
    MAP.release();
    let ordered = LockMap::new().ordered_by_key(7);
    ordered.as_ref(&INFO).order_by(ClassOrder::ByAddress);
    let cookie = lockdep::hook::pin_lock(&MAP);
    lockdep::hook::unpin_lock(&MAP, &cookie);
    drop(lockdep::pin(&MAP));
    static CLASS: WwClass = WwClass::named("buffer");
    const _: () = assert!(size_of::<WwMap>() == 0);
    let (buffer, begun) = (WwMap::new(&CLASS), AcquireContext::begin(&CLASS));
    assert!(begun.ticket().is_older_than(AcquireContext::begin(&CLASS).ticket()), "the locks decide by it");
    assert_eq!(buffer.acquire(Some(&begun)), Verdict::Proceed);
    buffer.acquired(&begun);
    begun.done();
    buffer.backed_off(&begun);
    assert_eq!(buffer.acquire_slow(&begun), Verdict::Proceed);
    buffer.try_acquired(None);
    buffer.release();
    begun.end();
    let _inside = lockdep::context::signal(10).enter();
    let lock = lockdep::sync::Mutex::new(1);
    assert_eq!(lockdep::thread::scope(|scope| scope.spawn(|| *lock.lock().unwrap()).join().unwrap()), 1);
    assert!(!lockdep::enabled());
    println!("nothing");
}
"#;

#[test]
fn every_hook_compiles_to_nothing() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("disabled");
    std::fs::create_dir_all(root.join("src")).expect("the target directory can be written");
    let manifest = format!(
        "[package]\nname = \"disabled\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n\
         lockdep = {{ path = {:?}, default-features = false }}\n\n[workspace]\n",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::write(root.join("Cargo.toml"), manifest).expect("writable");
    std::fs::write(root.join("src/main.rs"), PROGRAM).expect("writable");
    // The versions that this checkout builds with, so that the registry need not be asked.
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    if lock.is_file() {
        std::fs::copy(lock, root.join("Cargo.lock")).expect("copyable");
    }
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--config", "profile.dev.debug=false", "--target-dir"])
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("disabled-target"))
        .current_dir(&root)
        .env("RUSTFLAGS", "--cfg lockdep_disabled")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("LOCKDEP", "1")
        .env("LOCKDEP_ON_VIOLATION", "abort")
        .output()
        .expect("cargo runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "nothing\n", "{stderr}");
}
