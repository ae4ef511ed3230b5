//! The two generated pages of the documentation: which test judges which function, and which
//! notices which mutant.

use std::fmt::Write as _;
use std::path::Path;

use super::CASES;
use crate::build::probe::MUTANTS;
use crate::mutant_rows::{EQUIVALENT, ROWS};

const HEAD: &str =
    "<!-- Generated: `VMALOCK_BLESS=1 cargo test -p vmalock --test groups tables_are_current` -->\n";

/// The page of functions.
fn functions() -> String {
    let mut names: Vec<&str> = CASES.iter().flat_map(|case| case.functions.iter().copied()).collect();
    names.sort_unstable();
    names.dedup();
    let mut page = format!(
        "{HEAD}\n# vmalock: which test judges which function\n\n\
         `cargo test -p vmalock --test groups` runs {} tests over {} functions; the last four are stress tests.\n\
         A function of the kernel has the kernel's name.\n\n| function | tests |\n|---|---|\n",
        CASES.len(),
        names.len()
    );
    for name in names {
        let cases: Vec<String> = CASES
            .iter()
            .filter(|case| case.functions.contains(&name))
            .map(|case| format!("`{}`", case.name))
            .collect();
        writeln!(page, "| `{name}` | {} |", cases.join(", ")).expect("a string takes everything");
    }
    page
}

/// The page of mutants.
fn mutants() -> String {
    let mut page = format!(
        "{HEAD}\n# vmalock: which test notices which mutant\n\n\
         A mutant is a deliberate defect.\n\
         An `H` brings one back that Linux had; an `M` breaks the protocol systematically.\n\
         `cargo test -p vmalock --test mutants -- --nocapture` seeds each and checks this table.\n\
         A `model:` is a loom model; the others are tests of `groups`.\n\n\
         | seeded | noticed | equivalent |\n|---|---|---|\n| {} | {} | {} |\n\n| mutant | what is broken | noticed by |\n|---|---|---|\n",
        MUTANTS.len(),
        ROWS.len(),
        EQUIVALENT.len()
    );
    for &(_, id, what) in MUTANTS {
        let by = match (ROWS.iter().find(|row| row.0 == id), EQUIVALENT.iter().find(|row| row.0 == id)) {
            (Some((_, tests)), _) => {
                tests.iter().map(|test| format!("`{test}`")).collect::<Vec<_>>().join(", ")
            }
            (None, Some((_, reason))) => format!("equivalent: {reason}"),
            (None, None) => "nothing".to_owned(),
        };
        writeln!(page, "| {id} | {what} | {by} |").expect("a string takes everything");
    }
    page
}

/// Compares the pages in `docs/` with what the tests say now, or writes them under
/// `VMALOCK_BLESS=1`.
pub(crate) fn check() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("vmalock lies in the workspace")
        .join("docs/src");
    for (file, page) in [("vmalock-tests.md", functions()), ("vmalock-mutants.md", mutants())] {
        let path = docs.join(file);
        if std::env::var_os("VMALOCK_BLESS").is_some() {
            std::fs::write(&path, &page).expect("the docs are writable when they are blessed");
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(written == page, "docs/src/{file} is not what the tests say: run with VMALOCK_BLESS=1");
    }
}
