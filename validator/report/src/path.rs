//! Paths of source files as people and other machines read them.
//!
//! The compiler, the debug information and the user's editor spell one file in several ways.
//! Everything that leaves a process carries one spelling, so that records of different machines
//! join and a report does not show a user's home directory.

/// Returns a source path as reports show it, the same on every machine where that is possible.
///
/// * a crate of a registry: `tokio-1.47.0/src/sync/mutex.rs`
/// * a crate from git: `name-5f3a2b1/src/lib.rs` (checkout and revision)
/// * the standard library: `std/src/sync/mutex.rs`
/// * a file below `source_root`: relative to it
/// * a relative path: as it is (cargo passes paths relative to the workspace)
/// * anything else absolute: as it is, because only the whole path finds it
///
/// `.` and `..` inside a path are folded.
///
/// ```
/// use lockdep_report::path::shown;
///
/// let root = Some("/srv/app");
/// assert_eq!(shown("/srv/app/src/main.rs", root), "src/main.rs");
/// assert_eq!(shown("tests/bin/../common/mod.rs", root), "tests/common/mod.rs");
/// assert_eq!(shown("/c/registry/src/index.crates.io-19/moka-0.12.1/src/lib.rs", root), "moka-0.12.1/src/lib.rs");
/// ```
pub fn shown(file: &str, source_root: Option<&str>) -> String {
    let file = folded(&file.replace('\\', "/"));
    if let Some(rest) = after(&file, "/registry/src/").and_then(|rest| rest.split_once('/')) {
        return rest.1.to_owned();
    }
    if let Some(rest) = after(&file, "/git/checkouts/") {
        let mut parts = rest.splitn(3, '/');
        if let (Some(name), Some(revision), Some(path)) = (parts.next(), parts.next(), parts.next()) {
            let name = name.rsplit_once('-').map_or(name, |(name, _hash)| name);
            return format!("{name}-{revision}/{path}");
        }
    }
    if let Some(rest) = after(&file, "/lib/rustlib/src/rust/library/") {
        return rest.to_owned();
    }
    if let Some(rest) = file.strip_prefix("/rustc/").and_then(|rest| after(rest, "/library/")) {
        return rest.to_owned();
    }
    let below_root = source_root
        .filter(|root| !root.is_empty())
        .and_then(|root| file.strip_prefix(root.replace('\\', "/").trim_end_matches('/')))
        .and_then(|rest| rest.strip_prefix('/'));
    below_root.map_or_else(|| file.clone(), str::to_owned)
}

/// Returns a source path that classes are hashed by: [`shown`], but an absolute path outside every
/// known tree is taken from the crate's folder on. So `/r/a/store/src/a.rs` is `store/src/a.rs`,
/// because a class must not depend on a machine.
///
/// ```
/// use lockdep_report::path::normalised;
///
/// assert_eq!(normalised("/elsewhere/deep/store/src/m/b.rs", Some("/srv/app")), "store/src/m/b.rs");
/// ```
pub fn normalised(file: &str, source_root: Option<&str>) -> String {
    let file = shown(file, source_root);
    if is_absolute(&file) { from_crate_folder(&file) } else { file }
}

/// Returns whether the path names a file of the standard library, in any spelling, or of a crate
/// that was compiled into it.
pub fn is_standard_library(file: &str) -> bool {
    // `HashMap` is hashbrown's, whose sources the debug information calls so.
    if file.starts_with("/rust/deps/") {
        return true;
    }
    let shown = shown(file, None);
    ["std/src/", "core/src/", "alloc/src/", "test/src/", "std_detect/src/", "panic_unwind/src/"]
        .iter()
        .any(|start| shown.starts_with(start))
}

/// Returns whether the path names a file of lockdep's own runtime, in any spelling. No person who
/// reads a report can change it.
pub fn is_runtime(file: &str) -> bool {
    const ROOMS: [&str; 5] = ["src/sync/", "src/hook/", "src/runtime/", "src/lock_api/", "src/parking_lot/"];
    let file = shown(file, None);
    let is_copy = file.starts_with("/lockdep/instrument/") || file.contains("/sources/instrument/");
    let is_room = |file: &str| ROOMS.iter().any(|room| file.starts_with(room));
    is_copy
        || file
            .strip_prefix("instrument/")
            .is_some_and(|file| is_room(file) || file.starts_with("lock_api/v0_"))
        || matches!(crate_folder(&file), Some("lockdep" | "lockdep-std"))
}

/// Returns whether a path as reports show it is that of a crate of a registry or from git: its
/// folder has a version or a revision.
///
/// ```
/// use lockdep_report::path::is_dependency;
/// assert!(is_dependency("tokio-1.47.0/src/sync/mutex.rs") && is_dependency("name-5f3a2b1/src/lib.rs"));
/// assert!(!is_dependency("src/main.rs") && !is_dependency("my-app/src/lib.rs"));
/// ```
pub fn is_dependency(shown: &str) -> bool {
    crate_folder(shown).is_some()
}

/// Returns the name of the crate of a registry or from git that a path as reports show it lies in.
pub fn crate_folder(shown: &str) -> Option<&str> {
    let (folder, rest) = shown.split_once('/')?;
    let is_version = |at: usize| folder[at + 1..].starts_with(|c: char| c.is_ascii_digit());
    let is_revision = |at: usize| {
        let revision = &folder[at + 1..];
        revision.len() >= 7 && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let at = folder.match_indices('-').map(|(at, _)| at).find(|&at| is_version(at) || is_revision(at))?;
    (!rest.is_empty()).then_some(&folder[..at])
}

/// The path without `.`, and without `..` where the folder that it leaves is known.
fn folded(file: &str) -> String {
    if !file.split('/').any(|part| part == ".." || part == ".") {
        return file.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in file.split('/') {
        match part {
            "." => {}
            ".." if parts.last().is_some_and(|last| !matches!(*last, "" | "..")) => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}

fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.find(mark).map(|at| &text[at + mark.len()..])
}

fn is_absolute(file: &str) -> bool {
    file.starts_with('/') || file.as_bytes().get(1) == Some(&b':')
}

/// The last `src`, `tests`, `benches` or `examples` and the folder above it; without one, the last
/// two parts.
fn from_crate_folder(file: &str) -> String {
    let parts: Vec<&str> = file.split('/').collect();
    let folders = &parts[..parts.len() - 1];
    let is_target = |part: &&str| matches!(*part, "src" | "tests" | "benches" | "examples");
    let start = match folders.iter().rposition(is_target) {
        Some(at) => at.saturating_sub(1),
        None => parts.len().saturating_sub(2),
    };
    parts[start.max(1)..].join("/")
}

/// Returns the name and the version of the registry crate that a normalised path lies in
/// (`tokio-1.52.0/src/a.rs`).
pub fn crate_version(file: &str) -> Option<(&str, &str)> {
    let first = file.split(['/', '\\']).next()?;
    let at = first.match_indices('-').map(|(at, _)| at).find(|at| {
        let rest = &first[at + 1..];
        // A version begins with a number and a point; `-2` alone is part of the name.
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        after.len() < rest.len() && after.starts_with('.')
    })?;
    Some((&first[..at], &first[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_file_has_the_same_path_on_every_machine() {
        let cases = [
            ("src/lib.rs", "src/lib.rs"),
            ("store\\src\\lib.rs", "store/src/lib.rs"),
            (
                "/r/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/tokio-1.47.0/src/sync/m.rs",
                "tokio-1.47.0/src/sync/m.rs",
            ),
            ("C:\\r\\.cargo\\registry\\src\\mirror-1\\moka-0.12.1\\src\\l.rs", "moka-0.12.1/src/l.rs"),
            (
                "/r/.cargo/git/checkouts/my-crate-0123456789abcdef/5f3a2b1/src/lib.rs",
                "my-crate-5f3a2b1/src/lib.rs",
            ),
            ("/rustc/59807616e1aaaa/library/std/src/sync/poison/mutex.rs", "std/src/sync/poison/mutex.rs"),
            (
                "/r/.rustup/toolchains/stable-x/lib/rustlib/src/rust/library/core/src/ops/function.rs",
                "core/src/ops/function.rs",
            ),
            ("/r/ws/store/src/b.rs", "store/src/b.rs"),
            ("/r/ws/tests/src/bin/../../corpus/order.rs", "tests/corpus/order.rs"),
            ("./src/./a.rs", "src/a.rs"),
        ];
        for (file, want) in cases {
            assert_eq!(shown(file, Some("/r/ws/")), want, "{file}");
            assert_eq!(normalised(file, Some("/r/ws")), want, "{file}");
        }
    }

    #[test]
    fn a_path_of_nowhere_is_shown_whole_and_hashed_from_its_crate_on() {
        for (file, hashed) in [
            ("/elsewhere/deep/crate/src/m/b.rs", "crate/src/m/b.rs"),
            ("/elsewhere/main.rs", "elsewhere/main.rs"),
            ("/main.rs", "main.rs"),
            ("/r/ws-2/src/a.rs", "ws-2/src/a.rs"),
        ] {
            assert_eq!(shown(file, Some("/r/ws")), file);
            assert_eq!(normalised(file, Some("/r/ws")), hashed, "{file}");
        }
        assert_eq!(shown("../shared/src/a.rs", None), "../shared/src/a.rs", "what it leaves is not known");
        assert_eq!(shown("/../a.rs", None), "/../a.rs");
        assert_eq!(shown("", Some("")), "");
    }

    #[test]
    fn files_of_the_runtime_are_known_wherever_they_were_compiled() {
        for file in [
            "instrument/src/sync/once.rs",
            "/lockdep/instrument/src/hook/lock_map.rs",
            "/r/target/lockdep/runtime-0/sources/instrument/lock_api/v0_4/src/../../../src/lock_api/mod.rs",
            "/r/.cargo/registry/src/index.crates.io-0/lockdep-0.1.0/src/sync/once.rs",
        ] {
            assert!(is_runtime(file), "{file}");
        }
        for file in ["src/sync/once.rs", "instrument/src/lib.rs", "lockdep_user-1.0.0/src/sync/a.rs", ""] {
            assert!(!is_runtime(file), "{file}");
        }
    }

    #[test]
    fn the_standard_library_is_known_in_every_spelling() {
        assert!(is_standard_library("/rustc/0123/library/core/src/ops/function.rs"));
        assert!(is_standard_library("std/src/thread/local.rs"));
        assert!(is_standard_library("/rust/deps/hashbrown-0.16.1/src/map.rs"));
        assert!(!is_standard_library("hashbrown-0.16.1/src/map.rs"), "of the program's own graph");
        assert!(!is_standard_library("src/std.rs"));
    }
}
