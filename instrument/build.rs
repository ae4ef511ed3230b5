//! Tells `lockdep::sync` which stable methods the std of this compiler has, so that it offers
//! exactly those.

use std::env;
use std::process::Command;

/// What std gained after the oldest supported compiler: a cfg, and the minor version of the release
/// that has it.
const GAINED: [(&str, u32); 3] =
    [("std_lazy_deref_mut", 89), ("std_rwlock_downgrade", 92), ("std_lazy_get", 94)];

fn main() {
    // A build script that reads no file; `tests` uses it too.
    println!("cargo::rerun-if-env-changed=RUSTC");
    // Not a name of ours: cargo shows it to the programs of this package, where it would be an
    // unknown variable.
    println!("cargo::rustc-env=TASK_WORD_OF_BUILD={}", build());
    // The hang report is made of system calls of Linux; Miri knows few of them.
    println!("cargo::rustc-check-cfg=cfg(hang_report)");
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux")
        && env::var_os("CARGO_CFG_MIRI").is_none()
    {
        println!("cargo::rustc-cfg=hang_report");
    }
    let minor = minor_version();
    for (cfg, since) in GAINED {
        println!("cargo::rustc-check-cfg=cfg({cfg})");
        if minor.is_some_and(|minor| minor >= since) {
            println!("cargo::rustc-cfg={cfg}");
        }
    }
    if minor.is_none() {
        println!(
            "cargo::warning=lockdep: the version of rustc was not understood; methods of std::sync newer than 1.88 are left out"
        );
    }
}

/// What tells two builds of this crate apart that may end up in one program: cargo's own hash,
/// which is in the folder's name. For the name of the one symbol that the compiler does not name
/// for us.
fn build() -> String {
    let out = env::var("OUT_DIR").unwrap_or_default();
    let folders: Vec<&str> = out.rsplit(['/', '\\']).skip(1).take(2).collect();
    folders.concat().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// The `95` of `rustc 1.95.0 (…)`.
fn minor_version() -> Option<u32> {
    let output = Command::new(env::var_os("RUSTC")?).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.split_whitespace().nth(1)?;
    let (major, rest) = version.split_once('.')?;
    // A second major version would have everything the first one had.
    if major != "1" {
        return Some(u32::MAX);
    }
    rest.split('.').next()?.parse().ok()
}
