//! A weakness that a run of a model has.

use std::process::{Command, Output};
use std::sync::OnceLock;

const VARIABLE: &str = "HAND_OVERS_WEAKNESS";

/// Whether this process runs its model with the weakness.
pub(crate) fn is(weakness: &str) -> bool {
    static SEED: OnceLock<String> = OnceLock::new();
    SEED.get_or_init(|| std::env::var(VARIABLE).unwrap_or_default()) == weakness
}

/// Runs a model in a process of its own.
pub(crate) fn run_seeded(model: &str, weakness: &str) -> Output {
    let program = std::env::current_exe().expect("a running program has a path");
    Command::new(program)
        .args(["--exact", model, "--nocapture", "--test-threads", "1"])
        .env(VARIABLE, weakness)
        .env("RUST_BACKTRACE", "0")
        .output()
        .expect("the program can be started")
}

/// Explores `body`, with at most three preemptions in one execution.
pub(crate) fn explore(body: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 50_000;
    builder.preemption_bound = Some(3);
    builder.check(body);
}
