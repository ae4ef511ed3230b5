//! What would be published: each package as cargo packs it is whole by itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lockdep_tests::command_line::root;

/// The packages that are published, in the order in which they depend on each other.
const PACKAGES: [(&str, &str); 5] = [
    ("lockdep-validator", "validator"),
    ("lockdep-report", "validator/report"),
    ("lockdep", "instrument"),
    ("cargo-lockdep", "instrument/cargo-lockdep"),
    ("vmalock", "vmalock"),
];

/// The registry refuses more.
const MAX_BYTES: u64 = 10 << 20;

/// Packs everything once, and unpacks it below the directory that comes back.
fn packed() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["package", "--no-verify", "--allow-dirty", "--offline", "--quiet"]).current_dir(root());
    for (name, _) in PACKAGES {
        cargo.args(["--package", name]);
    }
    let output = cargo.arg("--target-dir").arg(folder.path()).output().expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for (name, _) in PACKAGES {
        let file = folder.path().join(format!("package/{name}-{}.crate", version()));
        let size = fs::metadata(&file).expect("cargo packed it").len();
        assert!(size < MAX_BYTES, "{name}: {size} bytes");
        let status = Command::new("tar").arg("xzf").arg(&file).current_dir(folder.path()).status();
        assert!(status.expect("tar starts").success(), "{name}");
    }
    folder
}

fn version() -> String {
    let manifest: toml::Table =
        fs::read_to_string(root().join("Cargo.toml")).expect("readable").parse().expect("TOML");
    manifest["workspace"]["package"]["version"].as_str().expect("a version").to_owned()
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("readable").flatten() {
        let path = entry.path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn each_package_is_whole_by_itself() {
    let folder = packed();
    for (name, _) in PACKAGES {
        let package = folder.path().join(format!("{name}-{}", version()));
        for file in ["README.md", "LICENSE-MIT", "LICENSE-APACHE", "Cargo.toml"] {
            let text = fs::read_to_string(package.join(file)).unwrap_or_default();
            assert!(text.len() > 100, "{name} lacks {file}");
        }
        let mut found = Vec::new();
        files(&package.join("src"), &mut found);
        assert!(found.len() > 20, "{name} has only {} sources", found.len());
        let sources = found.iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
        for source in sources {
            // What is included for tests alone is read in the repository alone.
            let text = fs::read_to_string(source).expect("readable");
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            for (_, rest) in
                text.match_indices("include_str!(\"").map(|(at, found)| (at, &text[at + found.len()..]))
            {
                let included = rest.split('"').next().unwrap_or_default();
                let path = source.parent().expect("in a folder").join(included);
                assert!(path.is_file(), "{}: {included} is not in the package", source.display());
            }
        }
    }
    the_runtime_travels(&folder.path().join(format!("cargo-lockdep-{}", version())));
}

/// What `cargo lockdep` builds at the user's is inside its own package, the same as in this
/// repository.
fn the_runtime_travels(package: &Path) {
    for (inside, outside) in [
        ("validator", "validator"),
        ("validator/report", "validator/report"),
        ("instrument", "instrument"),
        ("instrument/std", "instrument/std"),
        ("instrument/once_cell", "instrument/once_cell"),
        ("instrument/lock_api/v0_2", "instrument/lock_api/v0_2"),
        ("instrument/lock_api/v0_3", "instrument/lock_api/v0_3"),
        ("instrument/lock_api/v0_4", "instrument/lock_api/v0_4"),
        ("instrument/lock_api/v0_5", "instrument/lock_api/v0_5"),
    ] {
        let names = |directory: PathBuf| -> BTreeSet<String> {
            let mut found = Vec::new();
            files(&directory, &mut found);
            let name =
                |path: &PathBuf| path.strip_prefix(&directory).ok().map(|path| path.display().to_string());
            found.iter().filter_map(name).collect()
        };
        let ours = names(root().join(outside).join("src"));
        let packed = names(package.join("packed").join(inside).join("src"));
        assert!(!ours.is_empty() && ours == packed, "{inside}: {:?}", ours.symmetric_difference(&packed));
        assert!(package.join("packed").join(inside).join("manifest.toml").is_file(), "{inside}");
    }
    for code in 1..=15 {
        assert!(package.join(format!("pages/LD{code:04}.md")).is_file(), "the page of LD{code:04}");
    }
}

/// What the registry refuses, and what makes a page there useful.
#[test]
fn the_metadata_is_what_the_registry_takes() {
    for (name, directory) in PACKAGES {
        let text = fs::read_to_string(root().join(directory).join("Cargo.toml")).expect("readable");
        let manifest: toml::Table = text.parse().expect("TOML");
        let package = manifest["package"].as_table().expect("a table");
        assert_eq!(package["name"].as_str(), Some(name));
        let list = |key: &str| -> Vec<&str> {
            package[key].as_array().expect(key).iter().filter_map(toml::Value::as_str).collect()
        };
        let keywords = list("keywords");
        let is_keyword = |word: &&str| {
            word.len() <= 20 && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        };
        assert!(keywords.len() <= 5 && keywords.iter().all(is_keyword), "{name}: {keywords:?}");
        assert!(package["description"].as_str().is_some_and(|text| text.len() < 200), "{name}");
        assert!(package.get("publish").is_none(), "{name}");
        let include = list("include");
        assert!(include.contains(&"/src") && include.contains(&"/README.md"), "{name}: {include:?}");
    }
}
