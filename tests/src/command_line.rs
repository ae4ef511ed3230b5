//! `cargo lockdep` of this checkout, for tests and for the programs that write tables.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The workspace that this package belongs to.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace")
}

/// The binary, built now if it is not up to date.
///
/// # Panics
/// When it does not compile; what cargo said is in the message.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // The whole workspace selects the features, as for `cargo test --workspace`: the libraries
        // are not built once more with others.
        let output = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--workspace", "--bin", "cargo-lockdep", "--message-format=json"])
            .current_dir(root())
            .output()
            .expect("cargo can be run");
        let messages = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{messages}\n{}", String::from_utf8_lossy(&output.stderr));
        let mut executables = messages.lines().filter_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            message["executable"].as_str().map(PathBuf::from)
        });
        executables.next_back().expect("the package has a binary")
    })
}

/// Where everything that `cargo lockdep` builds for this package goes, so that the runtime is built
/// once.
pub fn target_directory() -> PathBuf {
    let beside = binary().ancestors().nth(2).expect("target/profile/binary");
    beside.join("cargo-lockdep-tests")
}

/// `cargo lockdep` with these arguments in `directory`; nothing of the caller's own cargo or
/// lockdep run reaches it.
pub fn command(directory: &Path, args: &[&str]) -> Command {
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
