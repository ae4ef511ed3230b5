//! Replays the records that come with `vmalock-replay`, with the validator off and on: every part
//! ends as after a replay alone, and nothing is reported.

#[path = "../examples/vmalock-replay/main.rs"]
#[expect(dead_code, reason = "its main is run as a child, which is this test")]
mod replay;

#[test]
fn records_end_the_same_on_any_number_of_threads() {
    let options = replay::Options {
        threads: vec![1, 3],
        n_faults: 2,
        n_rounds: 1,
        validator: "as it is".to_owned(),
        files: Vec::new(),
    };
    assert_eq!(replay::run(&options), Ok(true));
}

#[test]
fn with_the_validator_on() {
    let program = std::env::current_exe().expect("a running program has a path");
    let output = std::process::Command::new(program)
        .args(["--exact", "records_end_the_same_on_any_number_of_threads", "--nocapture"])
        .env("LOCKDEP", "1")
        .env_remove("LOCKDEP_EXITCODE")
        .env_remove("LOCKDEP_OUTPUT")
        .output()
        .expect("this very program can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("[LD"), "{said}");
}
