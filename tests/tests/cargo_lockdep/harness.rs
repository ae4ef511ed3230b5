//! Finding the command line, and running it on a fixture.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use lockdep_tests::child::{self, Ended};

/// Covers a first build of the runtime on a slow machine.
const LIMIT: Duration = Duration::from_secs(900);

/// The workspace that these tests belong to.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace")
}

/// A project of `tests/fixtures`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures").join(name)
}

/// The binary, built from this checkout.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let output = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "cargo-lockdep", "--message-format=json"])
            .current_dir(root())
            .output()
            .expect("cargo can be run");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let messages = String::from_utf8_lossy(&output.stdout);
        let executables = messages.lines().filter_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            message["executable"].as_str().map(PathBuf::from)
        });
        executables.last().expect("the package has a binary")
    })
}

/// Where everything that `cargo lockdep` builds for these tests goes.
pub(crate) fn target_directory() -> PathBuf {
    let beside = binary().ancestors().nth(2).expect("target/profile/binary");
    beside.join("cargo-lockdep-tests")
}

/// `cargo lockdep` with these arguments, in the folder of a fixture; nothing of this test's own run reaches it.
pub(crate) fn command(directory: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let is_ours =
            text.starts_with("LOCKDEP") || text.starts_with("NEXTEST") || text.starts_with("CARGO_PKG_");
        if is_ours || ["RUSTFLAGS", "RUSTDOCFLAGS", "RUSTC_WRAPPER"].contains(&&*text) {
            command.env_remove(&name);
        }
    }
    command.args(args).current_dir(directory).env("CARGO_TARGET_DIR", target_directory());
    command
}

/// Runs `cargo lockdep` on a fixture to its end.
pub(crate) fn run(directory: &Path, args: &[&str]) -> Ended {
    finish(&mut command(directory, args))
}

/// Runs a prepared command to its end.
pub(crate) fn finish(command: &mut Command) -> Ended {
    child::run(command, LIMIT).expect("the command line can be started")
}

/// Asserts how it ended, and shows what it printed if it did not.
pub(crate) fn assert_ended(ended: &Ended, how: &str) {
    assert_eq!(ended.describe(), how, "stdout:\n{}\nstderr:\n{}", ended.stdout, ended.stderr);
}
