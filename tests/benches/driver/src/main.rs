//! Builds every peer, then asks them in turn, scenario by scenario, repetition by repetition, and
//! prints one table.
//!
//! The machine may be shared and noisy, but it is equally so for all. Repetitions are shorter than
//! a turn of the scheduler, and the best one is shown; where threads contend, the median, and the
//! median of the ratios to the peer `std` measured moments before.

mod cases;
mod peer;
mod replay;
mod rows;

use std::process::ExitCode;

use peer::Peer;

const USAGE: &str = "usage: bench-driver [--dev] [--quick] [--repetitions N] [--peers NAME,NAME…] [--only ROW,ROW…] [--facade] [--replay EVENTS] [--cases]";

struct Options {
    dev: bool,
    repetitions: usize,
    peers: Option<Vec<String>>,
    only: Option<Vec<String>>,
    facade: bool,
    quick: bool,
    replay: Option<u64>,
    cases: bool,
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        dev: false,
        repetitions: 41,
        peers: None,
        only: None,
        facade: false,
        quick: false,
        replay: None,
        cases: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut list = |what: &str| -> Result<Vec<String>, String> {
            let value = arguments.next().ok_or_else(|| format!("{what} wants a value"))?;
            Ok(value.split(',').map(str::to_owned).collect())
        };
        match argument.as_str() {
            "--dev" => options.dev = true,
            "--quick" => {
                options.quick = true;
                options.repetitions = 5;
            }
            "--facade" => options.facade = true,
            "--cases" => options.cases = true,
            "--peers" => options.peers = Some(list("--peers")?),
            "--only" => options.only = Some(list("--only")?),
            "--replay" => {
                let value = list("--replay")?.concat();
                options.replay = Some(value.parse().map_err(|_| format!("not a number of events: {value}"))?);
            }
            "--repetitions" => {
                let value = list("--repetitions")?.concat();
                options.repetitions =
                    value.parse().map_err(|_| format!("not a number of repetitions: {value}"))?;
            }
            _ => return Err(format!("unknown argument {argument}\n{USAGE}")),
        }
    }
    if options.repetitions == 0 {
        return Err("--repetitions must be at least 1".to_owned());
    }
    Ok(options)
}

fn main() -> ExitCode {
    match options().and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("bench-driver: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    if let Some(n_events) = options.replay {
        return replay::run(n_events);
    }
    if options.cases {
        return cases::run();
    }
    let wanted =
        |name: &str| options.peers.as_ref().is_none_or(|peers| peers.iter().any(|peer| peer == name));
    let mut peers = Vec::new();
    for kind in peer::kinds(options.facade) {
        if kind.name == "std" || wanted(kind.name) {
            peers.push(Peer::start(kind, options.dev)?);
        }
    }
    let names: Vec<&str> = peers.iter().map(|peer| peer.name).collect();
    let timed: Vec<&str> = peers.iter().filter(|peer| peer.is_timed()).map(|peer| peer.name).collect();
    let profile = if options.dev { "dev" } else { "release" };
    println!(
        "Profile {profile}; nanoseconds per lock+unlock pair, the best of {} interleaved repetitions, in brackets its ratio",
        options.repetitions
    );
    println!("to the best of `std`. `two_threads_same` and `shared_read_2`: medians.\n");
    println!("| scenario | {} |", timed.join(" | "));
    println!("|---|{}", "---|".repeat(timed.len()));
    for row in rows::ROWS {
        if options.only.as_ref().is_some_and(|only| !only.iter().any(|name| name == row.name)) {
            continue;
        }
        println!(
            "| {} | {} |",
            row.name,
            rows::timed(&mut peers, row, options.repetitions, options.dev)?.join(" | ")
        );
    }
    if options.only.is_none() && !options.dev {
        println!(
            "\nFirst-time edges, each graph in a process of its own: median / p99 / mean nanoseconds, resident bytes per new edge."
        );
        println!("`chain_deep` runs 30 calls further down; `classes` registers classes instead.\n");
        println!("| graph | {} |", names.join(" | "));
        println!("|---|{}", "---|".repeat(names.len()));
        for (shape, n) in rows::edges(options.quick) {
            println!(
                "| {shape} {n} | {} |",
                rows::asked_afresh(&peers, &format!("edges_{shape}"), n, " / ").join(" | ")
            );
        }
        println!(
            "\nBytes: size of `Mutex<u64>` / `RwLock<u64>`; resident per lock after creating, locking, nesting 100 000.\n"
        );
        println!("| what | {} |", names.join(" | "));
        println!("|---|{}", "---|".repeat(names.len()));
        println!("| size | {} |", rows::asked(&mut peers, "size", 1, " / ").join(" | "));
        let n_locks = if options.quick { 10_000 } else { 100_000 };
        println!("| memory | {} |", rows::asked_afresh(&peers, "memory", n_locks, " / ").join(" | "));
        println!("| start-up ms | {} |", rows::startup(&peers, options.repetitions).join(" | "));
    }
    Ok(())
}
