//! The deterministic tests of the protocol (section 6c of the specification), the goldens, and the
//! stress tests.
//!
//! They run on the crate's own sources, compiled here a second time with the probes on; see
//! `support/std_build.rs`.

#[path = "support/std_build.rs"]
#[expect(
    unreachable_pub,
    dead_code,
    unused_imports,
    reason = "the crate's sources, of which the tests use a part"
)]
mod build;
#[path = "support/mutant_rows.rs"]
mod mutant_rows;
#[expect(dead_code, reason = "shared with mutants.rs")]
mod suite;

macro_rules! tests {
    ($($module:ident::$function:ident: $($covers:literal)*,)*) => {
        $(
            #[test]
            fn $function() {
                suite::harness::run(suite::$module::$function);
            }
        )*
    };
}
for_each_case!(tests);

/// All of the above again, with the validator on: the protocol, its events and their order must not
/// depend on it.
#[test]
fn with_the_validator_on() {
    let program = std::env::current_exe().expect("a running program has a path");
    let mut command = std::process::Command::new(program);
    command
        .args(["--skip", "with_the_validator_on", "--skip", "tables_are_current"])
        .env("LOCKDEP", "1")
        .env("LOCKDEP_BACKTRACE", "0")
        .env("LOCKDEP_ON_VIOLATION", "report")
        .env("LOCKDEP_OUTPUT", "stderr")
        .env_remove("LOCKDEP_EXITCODE");
    // What the tests break on purpose is reported; that each test still passes is the point.
    let output = command.output().expect("this very program can be started");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("mmap_lock_orders ... ok") && said.contains("matrix ... ok"), "{said}");
}

#[test]
fn tables_are_current() {
    suite::tables::check();
}
