//! One peer: a package, built and kept running.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A configuration that is measured.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Its column.
    pub name: &'static str,
    /// Its folder under `tests/benches`.
    folder: &'static str,
    /// Whether `LOCKDEP=1`.
    on: bool,
    /// Whether it is built by `cargo lockdep build`.
    facade: bool,
    /// Whether stacks are captured where an order is seen for the first time.
    stacks: bool,
    /// Scenarios it cannot run in reasonable time, by prefix.
    skips: &'static [&'static str],
}

/// What stacks have no part in.
const TIMED: &[&str] = &[
    "single",
    "nested",
    "two_threads",
    "rwlock",
    "shared",
    "new",
    "outer",
    "hand",
    "sorted",
    "tree",
    "size",
    "memory",
];

/// All configurations, in the order of the columns.
pub fn kinds(facade: bool) -> Vec<Kind> {
    let plain = |name, folder, on, skips| Kind { name, folder, on, facade: false, stacks: true, skips };
    let mut kinds = vec![
        plain("std", "std", false, &[]),
        plain("lockdep off", "lockdep", false, &["edges_"]),
        plain("lockdep on", "lockdep", true, &[]),
        Kind { stacks: false, ..plain("lockdep on, no stacks", "lockdep", true, TIMED) },
        plain("parking_lot", "parking_lot", false, &[]),
        plain("parking_lot deadlock_detection", "parking_lot_deadlock_detection", false, &[]),
        plain(
            "tracing-mutex",
            "tracing_mutex",
            false,
            &[
                "edges_reverse_chain 10000",
                "edges_reverse_chain 100000",
                "edges_chain 100000",
                "edges_dag 100000",
                "hand_over_hand",
            ],
        ),
        plain(
            "deloxide order graph",
            "deloxide",
            false,
            &[
                "edges_reverse_chain 100000",
                "edges_chain 100000",
                "edges_dag 10000",
                "edges_dag 100000",
                "hand_over_hand",
                "edges_star 100000",
            ],
        ),
        plain("no_deadlocks", "no_deadlocks", false, &["edges_", "hand_over_hand", "tree_walk", "memory"]),
    ];
    if facade {
        for (name, on) in [("façade on", true), ("façade off", false)] {
            kinds.insert(4, Kind { facade: true, ..plain(name, "std", on, &["edges_"]) });
        }
    }
    kinds
}

/// A running peer.
pub struct Peer {
    /// Its column.
    pub name: &'static str,
    binary: PathBuf,
    kind: Kind,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Builds the package and starts its program.
    pub fn start(kind: Kind, dev: bool) -> Result<Self, String> {
        let binary = build(kind, dev)?;
        Self::run(kind, binary)
    }

    fn run(kind: Kind, binary: PathBuf) -> Result<Self, String> {
        let mut command = Command::new(&binary);
        configure(&mut command, kind);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{} does not start: {error}", binary.display()))?;
        let input = child.stdin.take().ok_or("the peer has no standard input")?;
        let output = BufReader::new(child.stdout.take().ok_or("the peer has no standard output")?);
        Ok(Self { name: kind.name, binary, kind, child, input, output })
    }

    /// Asks for one measurement; `None` if the peer cannot do it.
    pub fn ask(&mut self, scenario: &str, count: u64) -> Option<String> {
        let question = format!("{scenario} {count}");
        if self.kind.skips.iter().any(|skip| question.starts_with(skip)) {
            return None;
        }
        writeln!(self.input, "{question}").ok()?;
        self.input.flush().ok()?;
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim();
            // Anything else is a banner of the peer's library.
            if line == "unknown" {
                return None;
            }
            if line.starts_with(|first: char| first.is_ascii_digit()) {
                return Some(line.to_owned());
            }
        }
    }

    /// Whether it has a column among the timed scenarios; what differs in stacks only has none.
    pub fn is_timed(&self) -> bool {
        self.kind.stacks
    }

    /// Asks for one measurement in a process of its own, which knows nothing from before.
    pub fn ask_afresh(&self, scenario: &str, count: u64) -> Option<String> {
        let mut fresh = Self::run(self.kind, self.binary.clone()).ok()?;
        fresh.ask(scenario, count)
    }

    /// A command that runs the program with these arguments.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        configure(&mut command, self.kind);
        command.args(arguments);
        command
    }

    /// A command that starts the program, takes one lock and ends.
    pub fn startup(&self) -> Command {
        let mut command = self.command(&["startup"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configure(command: &mut Command, kind: Kind) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LOCKDEP") {
            command.env_remove(name);
        }
    }
    if kind.on {
        command.env("LOCKDEP", "1").env("LOCKDEP_BACKTRACE", if kind.stacks { "1" } else { "0" });
    }
    command.env_remove("RUST_BACKTRACE");
}

fn build(kind: Kind, dev: bool) -> Result<PathBuf, String> {
    let benches = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the driver lies in tests/benches")?;
    let folder = benches.join(kind.folder);
    let target = benches.join("target");
    let profile = if dev { "debug" } else { "release" };
    let mut command = if kind.facade { Command::new(cargo_lockdep(benches)?) } else { Command::new("cargo") };
    command.current_dir(&folder).env_remove("CARGO_TARGET_DIR");
    if kind.facade {
        command.args(["lockdep", "build", "--quiet"]);
    } else {
        command.args(["build", "--quiet"]).arg("--target-dir").arg(&target);
    }
    if !dev {
        command.arg("--release");
    }
    let status = command.status().map_err(|error| format!("cargo does not start: {error}"))?;
    if !status.success() {
        return Err(format!("{} does not build", folder.display()));
    }
    let file = format!("bench-{}", kind.folder);
    if !kind.facade {
        return Ok(target.join(profile).join(file));
    }
    find(&folder.join("target").join("lockdep"), &file, profile)
        .ok_or_else(|| format!("cargo lockdep build left no {file} below {}", folder.display()))
}

/// The command line of this checkout, built now.
pub fn cargo_lockdep(benches: &Path) -> Result<PathBuf, String> {
    let root = benches.ancestors().nth(2).ok_or("the benches lie in tests/benches")?;
    let target = benches.join("target").join("cargo-lockdep");
    let status = Command::new("cargo")
        .args(["build", "--quiet", "--release", "--package", "cargo-lockdep", "--target-dir"])
        .arg(&target)
        .current_dir(root)
        .env_remove("CARGO_TARGET_DIR")
        .status()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    if !status.success() {
        return Err("cargo-lockdep does not build".to_owned());
    }
    Ok(target.join("release").join("cargo-lockdep"))
}

/// The newest file called `name` below a folder called `profile`.
fn find(below: &Path, name: &str, profile: &str) -> Option<PathBuf> {
    let mut best = None;
    let mut pending = vec![below.to_path_buf()];
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(folder).ok()?.flatten() {
            let path = entry.path();
            if path.is_dir() {
                pending.push(path);
            } else if path.file_name().is_some_and(|file| file == name)
                && path.parent().and_then(Path::file_name).is_some_and(|parent| parent == profile)
            {
                let modified = entry.metadata().ok()?.modified().ok()?;
                if best.as_ref().is_none_or(|(time, _)| *time < modified) {
                    best = Some((modified, path));
                }
            }
        }
    }
    best.map(|(_, path)| path)
}
