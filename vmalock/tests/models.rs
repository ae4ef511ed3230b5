//! Model-checks the protocol with loom: `cargo test -p vmalock --test models [-- NAME]`.
#![expect(clippy::print_stdout, reason = "a program of its own, see Cargo.toml")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

#[path = "support/child.rs"]
mod child;
#[path = "support/loom_build.rs"]
#[expect(
    unreachable_pub,
    dead_code,
    unused_imports,
    reason = "the crate's sources, of which the models use a part"
)]
mod loom_build;
#[path = "support/models.rs"]
mod models;

/// How long one model may take.
const LIMIT: Duration = Duration::from_secs(300);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if models::is_child(&args) {
        return ExitCode::SUCCESS;
    }
    // A filter names models; one that fits none was meant for another test.
    let names = models::MODELS.iter().map(|model| model.name).collect::<Vec<_>>().join(" ");
    if args.iter().any(|arg| arg == "--list") {
        let _ = child::is_wanted("models", &args);
        return ExitCode::SUCCESS;
    }
    if !child::is_wanted(&format!("models {names}"), &args) {
        return ExitCode::SUCCESS;
    }
    let filters: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-') && *arg != "models").collect();
    let (mut n_checked, mut n_failed) = (0, 0);
    for model in models::MODELS {
        if !filters.is_empty() && !filters.iter().any(|name| model.name.contains(name.as_str())) {
            continue;
        }
        let start = Instant::now();
        let verdict = models::check_in_child(model.name, None, LIMIT);
        let verdict = match &verdict {
            Ok(()) => "ok",
            Err(message) => {
                n_failed += 1;
                message
            }
        };
        n_checked += 1;
        let elapsed = start.elapsed().as_secs_f32();
        println!("model {:<23} {:<17} {elapsed:>5.1} s  {verdict}", model.name, model.invariants);
    }
    println!("models: {n_checked} checked, {n_failed} failed");
    if n_failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
