//! Packs the sources of the runtime into the binary, so that an installed `cargo lockdep` can build
//! it with whatever toolchain it finds.
//!
//! `packed/` holds links to the packages of this repository (`cargo package` follows them). A
//! manifest is called `manifest.toml` there, because cargo leaves a folder with a `Cargo.toml` out
//! of a package.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=packed");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let mut files = BTreeMap::new();
    pack(&root.join("packed"), Path::new(""), &mut files);
    let manifest = files.remove("workspace.toml").expect("packed/workspace.toml is in the package");
    let members: Vec<String> = ["validator", "validator/report", "instrument", "instrument/std"]
        .into_iter()
        .filter(|member| files.contains_key(&format!("{member}/Cargo.toml")))
        .map(String::from)
        .collect();
    files.insert("Cargo.toml".into(), workspace(&manifest, &members));

    // The wrapper decides how crates are compiled: a change of it asks for a target directory of
    // its own as well.
    let mut own = BTreeMap::new();
    pack(&root.join("src"), Path::new(""), &mut own);
    let hash = fnv(files.iter().chain(own.iter()));

    let mut code = String::new();
    writeln!(code, "pub(super) const HASH: u64 = {hash:#x};").expect("a string takes it");
    writeln!(code, "pub(super) const FILES: &[(&str, &str)] = &[").expect("a string takes it");
    for (path, text) in &files {
        writeln!(code, "    ({path:?}, {text:?}),").expect("a string takes it");
    }
    code.push_str("];\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("sources.rs"), code).expect("OUT_DIR is writable");
}

/// Reads every file below `folder`, following links; keys are the paths it will have.
fn pack(folder: &Path, inside: &Path, files: &mut BTreeMap<String, String>) {
    // Links to files elsewhere do not count as a change of the folder: name what is behind them.
    println!("cargo::rerun-if-changed={}", folder.display());
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let entry = entry.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let path = fs::canonicalize(entry.path())
            .unwrap_or_else(|error| panic!("{}: {error}", entry.path().display()));
        let name = entry.file_name();
        if path.is_dir() {
            if name != "target" {
                pack(&path, &inside.join(name), files);
            }
            continue;
        }
        println!("cargo::rerun-if-changed={}", path.display());
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (name, text) = match name.to_str() {
            Some("manifest.toml" | "Cargo.toml") => ("Cargo.toml", member(&text)),
            Some("workspace.lock") => ("Cargo.lock", text),
            Some(name) => (name, text),
            None => panic!("{}: its name is not text", path.display()),
        };
        let key = inside.join(name).to_str().expect("made of text").replace('\\', "/");
        files.insert(key, text);
    }
}

/// The manifest of a package without what only this repository needs: tests, benches, lints.
fn member(manifest: &str) -> String {
    let mut table: toml::Table = manifest.parse().expect("cargo has read it before us");
    for key in ["dev-dependencies", "bench", "test", "example", "lints", "workspace"] {
        table.remove(key);
    }
    if let Some(targets) = table.get_mut("target").and_then(toml::Value::as_table_mut) {
        for (_, target) in targets.iter_mut() {
            target.as_table_mut().map(|target| target.remove("dev-dependencies"));
        }
    }
    toml::to_string(&table).expect("a table is TOML")
}

/// The workspace manifest with only the members that are packed.
fn workspace(manifest: &str, members: &[String]) -> String {
    let table: toml::Table = manifest.parse().expect("cargo has read it before us");
    let mut workspace = table["workspace"].as_table().expect("it is a workspace").clone();
    for key in ["members", "exclude", "lints"] {
        workspace.remove(key);
    }
    let members = members.iter().cloned().map(toml::Value::String).collect();
    workspace.insert("members".into(), toml::Value::Array(members));
    let mut table = toml::Table::new();
    table.insert("workspace".into(), toml::Value::Table(workspace));
    toml::to_string(&table).expect("a table is TOML")
}

/// FNV-1a: std promises no hash that stays the same between releases.
fn fnv<'a>(files: impl Iterator<Item = (&'a String, &'a String)>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for (path, text) in files {
        for byte in path.bytes().chain([0]).chain(text.bytes()).chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}
