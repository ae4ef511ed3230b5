//! The pages that show what was found.

use std::fmt::Write as _;

use super::{CrateFacts, CrateRun, Entry, MAX_PROGRAM, N_ROUNDS};

/// A line of the table; with what it cost only if that `is_timed`.
pub(super) fn row(entry: &Entry, known: &CrateFacts, is_timed: bool) -> String {
    let Some(seen) = &known.run else { return format!("| {} {} | not run |", entry.name, entry.version) };
    let times = match known.times {
        _ if !is_timed => String::new(),
        Some(Some([plain, off, on])) => format!(
            " {:.2} s | {:.2} | {:.2} | {:.2} s | {:.2} | {:.2} |",
            plain.wall,
            off.wall / plain.wall,
            on.wall / plain.wall,
            plain.cpu,
            off.cpu / plain.cpu,
            on.cpu / plain.cpu
        ),
        Some(None) => " waits | | | | | |".to_owned(),
        None => " | | | | | |".to_owned(),
    };
    let reports = match seen.reports.len() {
        0 => "none".to_owned(),
        _ => seen.reports.iter().cloned().collect::<Vec<_>>().join(", "),
    };
    let kinds: Vec<String> = seen.kinds.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
    format!(
        "| {} {} | `{}` | {} | {} | {} | {} | {reports} |{times}",
        entry.name,
        entry.version,
        entry.args.join(" "),
        passed(seen),
        kinds.join(", "),
        seen.kinds.values().sum::<usize>(),
        seen.n_dependencies,
    )
}

/// How many tests pass with and without us; and how many fail, with us and without.
fn passed(seen: &CrateRun) -> String {
    let failing = match (seen.watched.n_failed, seen.plain.n_failed) {
        (0, 0) => String::new(),
        (watched, plain) if watched == plain => format!(" ({plain} fail both ways)"),
        (watched, plain) => format!(" ({watched} fail, {plain} without us)"),
    };
    format!("{} of {}{failing}", seen.watched.n_passed, seen.plain.n_passed)
}

/// What the levels in the table mean for a run.
const LEVELS: &str =
    "\nAn error fails a run. A warning does not, unless `LOCKDEP_DENY=warnings` asks for it.\n";

/// At most this share more wall time than the same build with validation off.
const TARGET: f64 = 1.10;

/// Which crates miss the target, in words.
fn misses(crates: &[Entry], all: &[CrateFacts]) -> String {
    let ratios = crates.iter().zip(all).filter_map(|(entry, known)| {
        let [_, off, on] = known.times??;
        Some((&entry.name, on.wall / off.wall))
    });
    let ratios: Vec<_> = ratios.collect();
    if ratios.is_empty() {
        return "No times were taken for this page, because that needs an idle machine.".to_owned();
    }
    let missing: Vec<String> = ratios
        .iter()
        .filter(|(_, ratio)| *ratio > TARGET)
        .map(|(name, ratio)| format!("{name} ({ratio:.2})"))
        .collect();
    match (ratios.len(), missing.is_empty()) {
        (n, true) => format!("All of the {n} suites that were timed meet it."),
        (n, false) => format!("Of the {n} suites that were timed, these miss it: {}.", missing.join(", ")),
    }
}

/// The page of the crates that are timed.
pub(super) fn timed(crates: &[Entry], all: &[CrateFacts]) -> String {
    let mut page = format!(
        "# Published crates under validation\n\n\
         This page shows the tests of unmodified published crates, as they come from the registry.\n\
         Each suite runs three times: plain, with the façade but validation off, and with validation on.\n\n\
         | column | meaning |\n|---|---|\n\
         | tests | tests that pass under validation, of those that pass without |\n\
         | plain | wall time of the test programs: the fastest of up to {N_ROUNDS} runs, without programs that take \
         longer than {MAX_PROGRAM} s, because those wait most of the time |\n\
         | off, on | ratios to *plain*, measured in turn with it |\n\
         | cpu | the same for the time of all processors |\n\n\
         A suite that sleeps hides its costs from the clock.\n\
         Its wall time also depends on which of its tests share a thread.\n\n\
         `cargo run -p lockdep-tests --bin crates_table` writes this page.\n\
         The list of crates is `tests/field/crates/crates.toml`.\n\n\
         | crate | cargo test | tests | locks seen | classes | dependencies | reports | plain | off | on | cpu | off | on |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|\n"
    );
    for (entry, known) in crates.iter().zip(all) {
        writeln!(page, "{}", row(entry, known, true)).expect("a string takes it");
    }
    page.push_str(LEVELS);
    write!(
        page,
        "\nThe target is at most {TARGET} times the time of the same build with validation off.\n{}\n",
        misses(crates, all)
    )
    .expect("a string takes it");
    rest(&mut page, crates, all);
    page
}

/// The page of the crates whose tests are only compared.
pub(super) fn more(crates: &[Entry], all: &[CrateFacts]) -> String {
    let n_tests: u32 =
        all.iter().filter_map(|known| known.run.as_ref()).map(|seen| seen.watched.n_passed).sum();
    let mut page = format!(
        "# More crates under validation\n\n\
         This page asks two questions about {} further crates with {n_tests} tests.\n\
         Do the tests pass as they pass without us, and is each report true?\n\n\
         The column *tests* gives the tests that pass under validation, of those that pass without.\n\
         Some fail both ways, because they need a network, a bus or a clock that the test machine lacks.\n\
         [The other page](crates.md) shows what validation costs.\n\n\
         `cargo run -p lockdep-tests --bin crates_table -- --more` writes this page.\n\
         The list of crates is `tests/field/crates/more.toml`.\n\n\
         | crate | cargo test | tests | locks seen | classes | dependencies | reports |\n\
         |---|---|---|---|---|---|---|\n",
        crates.len()
    );
    for (entry, known) in crates.iter().zip(all) {
        writeln!(page, "{}", row(entry, known, false)).expect("a string takes it");
    }
    page.push_str(LEVELS);
    rest(&mut page, crates, all);
    page
}

/// What was not seen, and what the reports come to.
fn rest(page: &mut String, crates: &[Entry], all: &[CrateFacts]) {
    page.push_str(
        "\n## What was not seen\n\n\
         No stand-in reaches the following locks in these crate graphs.\n\
         The summary of a run names them in the same words.\n\n",
    );
    for (entry, known) in crates.iter().zip(all) {
        let unseen = known.run.as_ref().map_or("", |seen| &*seen.unseen);
        if !unseen.is_empty() {
            writeln!(page, "* {}: {unseen}", entry.name).expect("a string takes it");
        }
    }
    page.push_str("\n## The reports, judged\n");
    for entry in crates.iter().filter(|entry| !entry.judgement.is_empty()) {
        write!(page, "\n**{} {}.**\n{}\n", entry.name, entry.version, entry.judgement.trim())
            .expect("a string takes it");
    }
}
