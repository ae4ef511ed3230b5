//! The quick rows of the hostile table; `cargo run -p lockdep-tests --bin hostile` runs them all.

use std::process::Command;

#[test]
fn no_row_is_broken() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_hostile")).arg("--quick").output().expect("it can be started");
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{table}\n{}", String::from_utf8_lossy(&output.stderr));
}
