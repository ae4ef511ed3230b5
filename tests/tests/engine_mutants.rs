//! Breaks each rule of the engine in turn: something must notice each.
//!
//! `cargo test -p lockdep-tests --test engine_mutants -- --nocapture` prints the table: the rule,
//! how many cases of the kernel's suite, of the rest of its families and of ours come out wrong,
//! and whether the oracles part with the engine.
#![expect(clippy::print_stdout, reason = "the table is what people run this test for")]

use std::process::{Command, Stdio};

use lockdep_tests::mutants;

#[test]
fn every_broken_rule_is_noticed() {
    // A build of its own: the switches exist under a cfg only, so that the engine that ships has
    // none.
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["run", "--quiet", "--config", "profile.dev.debug=false"])
        .args(["--package", "lockdep-tests", "--bin", "engine_mutants", "--target-dir"])
        .arg(mutants::target_directory())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("RUSTFLAGS", "--cfg engine_mutants")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo starts");
    let table = String::from_utf8_lossy(&output.stdout);
    println!("{table}");
    let last = table.lines().last().unwrap_or_default();
    assert!(output.status.success() && last.starts_with("engine mutants: "), "{table}");
}
