//! Which packages the working tree changes.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The folder of each package; the longest that fits a file is the file's package.
const PACKAGES: &[(&str, &str)] = &[
    ("validator/", "lockdep-validator"),
    ("validator/report/", "lockdep-report"),
    ("instrument/", "lockdep"),
    ("instrument/cargo-lockdep/", "cargo-lockdep"),
    ("vmalock/", "vmalock"),
    ("tests/", "lockdep-tests"),
    ("tests/x/", "lockdep-x"),
];

/// The packages of the files that differ from the commit that the branch shares with `main`.
pub(crate) fn packages(root: &Path) -> Result<BTreeSet<&'static str>, String> {
    let base = lines(root, &["merge-base", "HEAD", "main"]).ok().and_then(|lines| lines.into_iter().next());
    let base = base.unwrap_or_else(|| "HEAD".to_owned());
    let mut files = lines(root, &["diff", "--name-only", &base])?;
    files.extend(lines(root, &["ls-files", "--others", "--exclude-standard"])?);
    Ok(files.iter().filter_map(|file| package(root, file)).collect())
}

/// The package of a file, by its path from the root.
pub(crate) fn package(root: &Path, file: &str) -> Option<&'static str> {
    PACKAGES
        .iter()
        .filter(|(folder, _)| file.starts_with(folder) && root.join(folder).join("Cargo.toml").is_file())
        .max_by_key(|(folder, _)| folder.len())
        .map(|(_, package)| *package)
}

fn lines(root: &Path, arguments: &[&str]) -> Result<Vec<String>, String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(root)
        .output()
        .map_err(|error| format!("`git` does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "`git {}` failed: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::package;

    #[test]
    fn a_file_belongs_to_the_innermost_package() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace");
        assert_eq!(package(root, "validator/src/lib.rs"), Some("lockdep-validator"));
        assert_eq!(package(root, "instrument/src/lib.rs"), Some("lockdep"));
        assert_eq!(package(root, "instrument/cargo-lockdep/src/main.rs"), Some("cargo-lockdep"));
        assert_eq!(package(root, "tests/x/src/main.rs"), Some("lockdep-x"));
        assert_eq!(package(root, "README.md"), None);
    }
}
