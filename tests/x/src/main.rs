//! `cargo x JOB`: one command for each job of the people who work on lockdep.
//!
//! Each job is a short list of commands, which `x` prints before it runs them. `JOBS` is the list;
//! CONTRIBUTING shows it.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

mod changed;
mod picture;

/// A job: its name, what it does, and how to run it.
struct Job {
    name: &'static str,
    what: &'static str,
    run: fn(&Context) -> Result<(), String>,
}

const JOBS: &[Job] = &[
    Job {
        name: "quick",
        what: "checks what you changed: format, tidy, and the unit tests of its packages",
        run: quick,
    },
    Job { name: "test", what: "runs all tests, as README says", run: test },
    Job { name: "gate", what: "runs what CI runs", run: gate },
    Job { name: "bless", what: "accepts today's snapshots, tables and instruction counts", run: bless },
    Job { name: "bench", what: "runs the benches beside every peer and prints one table", run: bench },
    Job { name: "count", what: "counts the instructions of the main paths", run: count },
    Job { name: "field", what: "drives published crates; needs the registry and takes an hour", run: field },
    Job {
        name: "miri",
        what: "runs the deterministic tests of vmalock under Miri; needs a nightly toolchain",
        run: miri,
    },
    Job {
        name: "hostile",
        what: "runs every hostile program and prints which promise it kept",
        run: hostile,
    },
    Job { name: "fuzz", what: "feeds mutated files to every reader of foreign input", run: fuzz },
    Job {
        name: "picture",
        what: "draws a file with the coloured output of a run as docs/src/run.svg",
        run: draw_picture,
    },
];

/// Where the jobs run, and what the user added on the command line.
struct Context {
    root: PathBuf,
    arguments: Vec<String>,
}

impl Context {
    /// Runs one program in the root of the workspace; the arguments of the user are not added.
    fn run(&self, program: &str, arguments: &[&str]) -> Result<(), String> {
        self.run_with(program, arguments, &[])
    }

    fn run_with(&self, program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Result<(), String> {
        let words: Vec<String> = variables
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .chain([program.to_owned()])
            .chain(arguments.iter().map(|word| (*word).to_owned()))
            .collect();
        let shown = words.join(" ");
        say(&format!("+ {shown}"));
        let status = Command::new(program)
            .args(arguments)
            .envs(variables.iter().copied())
            .current_dir(&self.root)
            .status()
            .map_err(|error| format!("`{program}` does not start: {error}"))?;
        if status.success() { Ok(()) } else { Err(format!("`{shown}` failed ({status})")) }
    }

    fn cargo(&self, arguments: &[&str]) -> Result<(), String> {
        self.run("cargo", arguments)
    }

    /// `before`, followed by what the user added.
    fn with_arguments<'a>(&'a self, before: &[&'a str]) -> Vec<&'a str> {
        before.iter().copied().chain(self.arguments.iter().map(String::as_str)).collect()
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        usage();
        return ExitCode::from(2);
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        usage();
        return ExitCode::SUCCESS;
    }
    let Some(job) = JOBS.iter().find(|job| job.name == name) else {
        say(&format!("x: `{}` is not a job", name.escape_debug()));
        usage();
        return ExitCode::from(2);
    };
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("tests/x lies in the workspace");
    match (job.run)(&Context { root: root.to_path_buf(), arguments: arguments.collect() }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("x {name}: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn usage() {
    say("usage: cargo x JOB [ARGUMENT…]");
    JOBS.iter().for_each(|job| say(&format!("    {:<8} {}", job.name, job.what)));
}

#[expect(
    clippy::print_stderr,
    reason = "this is a command-line program, and standard error is where it speaks"
)]
fn say(line: &str) {
    eprintln!("{line}");
}

/// The profile of `quick` leaves everything unoptimised, so that one changed sentence costs
/// seconds.
fn quick(context: &Context) -> Result<(), String> {
    let packages = changed::packages(&context.root)?;
    context.cargo(&["fmt", "--all", "--check"])?;
    context.cargo(&[
        "test",
        "--quiet",
        "--profile",
        "quick",
        "--package",
        "lockdep-tests",
        "--test",
        "tidy",
    ])?;
    for package in packages {
        context.cargo(&context.with_arguments(&[
            "test",
            "--quiet",
            "--profile",
            "quick",
            "--package",
            package,
            unit_tests(package),
        ]))?;
    }
    Ok(())
}

fn test(context: &Context) -> Result<(), String> {
    context.cargo(&context.with_arguments(&["test", "--workspace"]))
}

fn gate(context: &Context) -> Result<(), String> {
    context.run("bash", &[".ci/run"])
}

/// The packages whose unit tests compare snapshots.
const WITH_SNAPSHOTS: &[&str] = &["lockdep-report", "cargo-lockdep"];

/// The option of `cargo test` that selects the unit tests of a package.
fn unit_tests(package: &str) -> &'static str {
    if matches!(package, "lockdep-x" | "cargo-lockdep") { "--bins" } else { "--lib" }
}

fn bless(context: &Context) -> Result<(), String> {
    for package in WITH_SNAPSHOTS {
        let snapshots = ["test", "--quiet", "--package", package, unit_tests(package)];
        context.run_with("cargo", &snapshots, &[("INSTA_UPDATE", "always")])?;
    }
    let tables = ["test", "--quiet", "--package", "vmalock", "--test", "groups", "--", "tables_are_current"];
    context.run_with("cargo", &tables, &[("VMALOCK_BLESS", "1")])?;
    context.run("bash", &["tests/benches/instructions.sh", "bless"])?;
    say("read the difference before you commit it: git diff");
    Ok(())
}

fn bench(context: &Context) -> Result<(), String> {
    context.run("bash", &context.with_arguments(&["tests/benches/run.sh"]))
}

fn count(context: &Context) -> Result<(), String> {
    context.run("bash", &["tests/benches/instructions.sh", "check"])
}

fn field(context: &Context) -> Result<(), String> {
    let run = |binary: &'static str| ["run", "--quiet", "--package", "lockdep-tests", "--bin", binary, "--"];
    match context.arguments.first().map(String::as_str) {
        Some("known-bugs") => context.cargo(&run("known_bugs")),
        Some("hangs") => context.cargo(&run("known_hangs")),
        Some("crates") => context.cargo(&run("crates_table")),
        Some("matrix") => context.cargo(&run("stand_in_matrix")),
        Some("overlays") => context.cargo(&run("overlay_matrix")),
        Some("packed") => context.run("bash", &["tests/field/packed/run.sh"]),
        Some("consumers") => context.run("bash", &["tests/field/consumers/run.sh"]),
        Some("tutorial") => context.run("bash", &["tests/field/tutorial/run.sh"]),
        Some("systems") => context.run("bash", &["tests/field/systems/run.sh"]),
        Some(other) => Err(format!(
            "`{}` is not one of known-bugs, hangs, crates, matrix, overlays, packed, consumers, tutorial, systems",
            other.escape_debug()
        )),
        None => {
            context.cargo(&run("known_bugs"))?;
            context.cargo(&run("known_hangs"))?;
            context.cargo(&run("crates_table"))?;
            context.cargo(&run("stand_in_matrix"))?;
            context.run("bash", &["tests/field/packed/run.sh"])?;
            context.run("bash", &["tests/field/consumers/run.sh"])?;
            context.run("bash", &["tests/field/tutorial/run.sh"])?;
            context.run("bash", &["tests/field/systems/run.sh"])
        }
    }
}

fn miri(context: &Context) -> Result<(), String> {
    context.run_with(
        "cargo",
        &[
            "+nightly",
            "miri",
            "test",
            "--package",
            "vmalock",
            "--lib",
            "--test",
            "groups",
            "--",
            "--skip",
            "with_the_validator_on",
            "--skip",
            "tables_are_current",
        ],
        &[("MIRIFLAGS", "-Zmiri-tree-borrows -Zmiri-ignore-leaks")],
    )
}

fn hostile(context: &Context) -> Result<(), String> {
    let run = ["run", "--quiet", "--package", "lockdep-tests", "--bin", "hostile", "--"];
    context.cargo(&context.with_arguments(&run))
}

fn fuzz(context: &Context) -> Result<(), String> {
    let run = ["run", "--quiet", "--package", "lockdep-tests", "--bin", "fuzz", "--"];
    context.cargo(&context.with_arguments(&run))
}

fn draw_picture(context: &Context) -> Result<(), String> {
    let [from] = &context.arguments[..] else { return Err("name the file that holds the output".to_owned()) };
    let text = std::fs::read_to_string(from).map_err(|error| format!("{from}: {error}"))?;
    let to = context.root.join("docs/src/run.svg");
    std::fs::write(&to, picture::draw(&text)).map_err(|error| format!("{}: {error}", to.display()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::{WITH_SNAPSHOTS, changed};

    fn snapshots(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).expect("readable").flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && name != "target" && name != ".git" {
                snapshots(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "snap") {
                found.push(path.display().to_string());
            }
        }
    }

    #[test]
    fn bless_accepts_every_snapshot() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace");
        let mut found = Vec::new();
        snapshots(root, &mut found);
        let packages: BTreeSet<_> = found
            .iter()
            .filter_map(|file| Path::new(file).strip_prefix(root).ok()?.to_str())
            .filter_map(|file| changed::package(root, file))
            .collect();
        assert_eq!(packages, WITH_SNAPSHOTS.iter().copied().collect());
    }
}
