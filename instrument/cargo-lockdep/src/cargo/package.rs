//! Making the sources of a published package a project of its own.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Context as _, Result};

/// Present once a package was unpacked completely.
const COMPLETE: &str = ".cargo-lockdep-complete";

/// Copies the package in `source` to `directory` (unless it is there already) so that its tests can
/// be run there. Returns sentences about what had to be left out.
///
/// # Errors
///
/// If a file cannot be read or written, or the manifest is not TOML.
pub(crate) fn unpack(source: &Path, directory: &Path, update: bool) -> Result<Vec<String>> {
    if !directory.join(COMPLETE).exists() {
        let _ = fs::remove_dir_all(directory);
        copy(source, directory, true)?;
    }
    let notes = make_own_project(source, directory)?;
    if update {
        let _ = fs::remove_file(directory.join("Cargo.lock"));
    }
    let marker = directory.join(COMPLETE);
    fs::write(&marker, "").context(|| marker.display().to_string())?;
    Ok(notes)
}

fn copy(from: &Path, to: &Path, at_root: bool) -> Result<()> {
    fs::create_dir_all(to).context(|| to.display().to_string())?;
    for entry in fs::read_dir(from).context(|| from.display().to_string())? {
        let entry = entry.context(|| from.display().to_string())?;
        let (name, path) = (entry.file_name(), entry.path());
        // The author's choice of toolchain, target and flags is for the author's machine.
        let is_setting =
            at_root && [".cargo", "rust-toolchain", "rust-toolchain.toml"].iter().any(|file| name == *file);
        if is_setting {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(name), false)?;
        } else {
            fs::copy(&path, to.join(name)).context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

/// Adapts the manifest: a workspace of its own, and no target whose file was not published.
fn make_own_project(source: &Path, directory: &Path) -> Result<Vec<String>> {
    let path = directory.join("Cargo.toml");
    let read = |path: &Path| -> Result<toml::Table> {
        let text = fs::read_to_string(path).context(|| path.display().to_string())?;
        text.parse().context(|| path.display().to_string())
    };
    let mut manifest = read(&source.join("Cargo.toml"))?;
    manifest.insert("workspace".into(), toml::Value::Table(toml::Table::new()));
    let mut notes = Vec::new();
    for (kind, folder) in [("test", "tests"), ("bench", "benches"), ("example", "examples")] {
        let Some(targets) = manifest.get_mut(kind).and_then(toml::Value::as_array_mut) else {
            continue;
        };
        targets.retain(|target| {
            let exists = target_files(target, folder).iter().any(|file| directory.join(file).exists());
            if !exists {
                let name = target.get("name").and_then(toml::Value::as_str).unwrap_or("?");
                notes.push(format!("its {kind} `{name}` was not published: left out"));
            }
            exists
        });
    }
    let text = toml::to_string(&manifest).context(|| path.display().to_string())?;
    fs::write(&path, text).context(|| path.display().to_string())?;

    // The manifest as its author wrote it still names what publishing removed.
    if let Ok(original) = read(&source.join("Cargo.toml.orig")) {
        notes.extend(unpublished_dev_dependencies(&original, &manifest).into_iter().map(|name| {
            format!("its dev-dependency `{name}` is not published: tests that need it will not compile")
        }));
    }
    Ok(notes)
}

fn target_files(target: &toml::Value, folder: &str) -> Vec<PathBuf> {
    let text = |key: &str| target.get(key).and_then(toml::Value::as_str);
    match (text("path"), text("name")) {
        (Some(path), _) => vec![path.into()],
        (None, Some(name)) => {
            vec![
                PathBuf::from(folder).join(format!("{name}.rs")),
                PathBuf::from(folder).join(name).join("main.rs"),
            ]
        }
        (None, None) => Vec::new(),
    }
}

fn unpublished_dev_dependencies(original: &toml::Table, published: &toml::Table) -> Vec<String> {
    let of = |manifest: &toml::Table| -> Vec<String> {
        let tables = ["dev-dependencies", "dev_dependencies"].into_iter().filter_map(|key| manifest.get(key));
        tables.filter_map(toml::Value::as_table).flat_map(|table| table.keys().cloned()).collect()
    };
    let there = of(published);
    of(original).into_iter().filter(|name| !there.contains(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> toml::Table {
        text.parse().expect("valid TOML")
    }

    #[test]
    fn what_publishing_dropped_is_named() {
        let original = table("[dev-dependencies]\na = '1'\nb = { path = '../b' }\n");
        let published = table("[dev-dependencies.a]\nversion = '1'\n");
        assert_eq!(unpublished_dev_dependencies(&original, &published), ["b"]);
    }

    #[test]
    fn the_file_of_a_target_is_found_by_path_or_name() {
        let target = |text: &str| toml::Value::Table(table(text));
        assert_eq!(target_files(&target("name = 'a'\npath = 'x/y.rs'"), "tests"), [PathBuf::from("x/y.rs")]);
        assert_eq!(target_files(&target("name = 'a'"), "tests")[0], PathBuf::from("tests/a.rs"));
    }
}
