//! `--cfg lockdep_disabled` compiles the validator out: the locks are built that way here, in a
//! target directory that the same test of `lockdep` shares, with a program that uses them.

use std::path::Path;
use std::process::Command;

/// Works, and reports nothing, because no validator is there to report.
const PROGRAM: &str = r#"
use vmalock::{Access, AddressSpace, PAGE_SIZE, flags, lock_vma_under_rcu, raw, warn};

fn main() {
    let space = AddressSpace::new();
    space.map(4 * PAGE_SIZE, 4 * PAGE_SIZE, flags::READ | flags::WRITE).unwrap();
    space.protect(5 * PAGE_SIZE, PAGE_SIZE, flags::READ).unwrap();
    assert_eq!(space.maps().unwrap().len(), 3);
    assert_eq!(space.fault(5 * PAGE_SIZE, Access::Read).unwrap().pgoff, 5);
    assert_eq!(space.fork().unwrap().map_count(), 3);
    let vma = lock_vma_under_rcu(space.mm(), 4 * PAGE_SIZE).unwrap();
    assert!(raw::vma_assert_locked(vma.as_raw()));
    drop(vma);
    // The warnings are still there.
    let (_, warnings) = warn::capture(|| space.mm().raw_mm_seqnum());
    assert_eq!(warnings.len(), 1);
    println!("nothing");
}
"#;

#[test]
fn the_locks_work_without_the_validator() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("vmalock-disabled");
    std::fs::create_dir_all(root.join("src")).expect("the target directory can be written");
    let manifest = format!(
        "[package]\nname = \"vmalock-disabled\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n\
         vmalock = {{ path = {:?} }}\n\n[workspace]\n",
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
