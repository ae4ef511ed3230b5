//! Every format of input for a minute in all; longer by hand with the program `fuzz`.

use std::process::Command;
use std::time::Duration;

use lockdep_tests::child;

#[test]
fn no_input_does_harm() {
    let mut fuzz = Command::new(env!("CARGO_BIN_EXE_fuzz"));
    let ended = child::run(fuzz.args(["--seconds", "60"]), Duration::from_secs(600)).expect("started");
    assert_eq!(ended.describe(), "exit 0", "{}{}", ended.stdout, ended.stderr);
    assert_eq!(
        ended.stdout.lines().filter(|line| line.contains(" inputs of seed ")).count(),
        6,
        "{}",
        ended.stdout
    );
}
