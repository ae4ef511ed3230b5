//! Whether a crate that `cargo lockdep` stands in for builds under it, with each of its features
//! and versions.
//!
//! A row is a version and a set of features. It is good if it builds under us, or does not build
//! without us either.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::child;
use crate::command_line;

/// The crates that are compiled from other sources or wrapped, and those that are built on them:
/// the oldest and the newest version of each line.
pub const VERSIONS: [(&str, &[&str]); 3] = [
    ("lock_api", &["0.1.1", "0.1.5", "0.2.0", "0.3.1", "0.3.4", "0.4.0", "0.4.14", "0.5.0"]),
    ("once_cell", &["1.14.0", "1.21.4"]),
    (
        "parking_lot",
        &[
            "0.6.4", "0.7.0", "0.7.1", "0.8.0", "0.9.0", "0.10.0", "0.10.2", "0.11.0", "0.11.2", "0.12.0",
            "0.12.5", "0.13.0",
        ],
    ),
];

/// Features that ask for an unstable compiler, or for a machine that this is not.
const NOT_HERE: [&str; 5] = ["nightly", "unstable", "stdweb", "wasm-bindgen", "hardware-lock-elision"];

/// Covers a first build of the runtime on a slow machine.
const LIMIT: Duration = Duration::from_secs(900);

/// One build.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The package.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whether its default features are on.
    pub default_features: bool,
    /// Features besides.
    pub features: Vec<String>,
}

impl Row {
    /// Returns the row of one version with these features, besides the default ones.
    pub fn new(name: &str, version: &str, features: &[&str]) -> Self {
        let features = features.iter().map(|&feature| feature.to_owned()).collect();
        Self { name: name.to_owned(), version: version.to_owned(), default_features: true, features }
    }

    /// Returns the row in words.
    pub fn label(&self) -> String {
        let none = if self.default_features { "" } else { " --no-default-features" };
        format!("{} {}{none} [{}]", self.name, self.version, self.features.join(", "))
    }

    /// Writes a package that depends on the crate.
    fn write(&self, directory: &Path) -> io::Result<()> {
        let Self { name, version, default_features, features } = self;
        let manifest = format!(
            "[package]\nname = \"row\"\nedition = \"2021\"\n[lib]\npath = \"lib.rs\"\n[dependencies]\n\
             stood_in = {{ package = \"{name}\", version = \"={version}\", default-features = {default_features}, features = {features:?} }}\n[workspace]\n"
        );
        fs::create_dir_all(directory)?;
        fs::write(directory.join("Cargo.toml"), manifest)?;
        fs::write(directory.join("lib.rs"), "#![no_std]\npub use stood_in::*;\n")
    }

    /// Builds the row below `directory`.
    ///
    /// # Errors
    /// When cargo cannot be started, or the package cannot be written.
    pub fn build(&self, directory: &Path) -> io::Result<Outcome> {
        self.write(directory)?;
        let _ = fs::remove_file(directory.join("Cargo.lock"));
        let with = child::run(&mut command_line::command(directory, &["build", "-q"]), LIMIT)?;
        if with.status.is_some_and(|status| status.success()) {
            return Ok(Outcome::Builds);
        }
        let mut without = Command::new(env!("CARGO"));
        without
            .args(["build", "-q"])
            .current_dir(directory)
            .env("CARGO_TARGET_DIR", directory.join("target"));
        let without = child::run(&mut without, LIMIT)?;
        Ok(if without.status.is_some_and(|status| status.success()) {
            Outcome::FailsUnderUs(with.stderr)
        } else {
            Outcome::FailsWithoutUs
        })
    }
}

/// What became of a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It builds under us.
    Builds,
    /// It does not, but without us it does. Holds what was said.
    FailsUnderUs(String),
    /// It builds neither with nor without us.
    FailsWithoutUs,
}

/// Returns the rows of one version: nothing, each feature alone, all at once.
///
/// # Errors
/// When cargo does not know the version.
pub fn rows(name: &str, version: &str, scratch: &Path) -> io::Result<Vec<Row>> {
    let plain = Row::new(name, version, &[]);
    plain.write(scratch)?;
    let _ = fs::remove_file(scratch.join("Cargo.lock"));
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1"])
        .current_dir(scratch)
        .output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout).map_err(|_| {
        io::Error::other(format!("{name} {version}: {}", String::from_utf8_lossy(&output.stderr)))
    })?;
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    let package = packages.iter().find(|package| package["name"] == name && package["version"] == version);
    let features: BTreeMap<String, Value> = package
        .and_then(|package| serde_json::from_value(package["features"].clone()).ok())
        .unwrap_or_default();
    let is_here = |feature: &&String| !NOT_HERE.contains(&feature.as_str()) && *feature != "default";
    let all: Vec<String> = features.keys().filter(is_here).cloned().collect();
    let without = |features: Vec<String>| Row { default_features: false, features, ..plain.clone() };
    let mut rows = vec![plain.clone(), without(Vec::new())];
    for feature in &all {
        rows.push(Row { features: vec![feature.clone()], ..plain.clone() });
        rows.push(without(vec![feature.clone()]));
    }
    rows.push(Row { features: all, ..plain });
    Ok(rows)
}

/// Returns where the packages of the rows are written.
pub fn directory() -> PathBuf {
    command_line::target_directory().join("matrix")
}
