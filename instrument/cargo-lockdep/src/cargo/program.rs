//! Where cargo put a published crate, by what the lock file says.
//!
//! Nothing can depend on a program, so `cargo metadata` leaves it out; the lock file has it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cargo::config::cargo_home;

/// The version of `name` that `lock`, a lock file, has for what the package `dependent` depends on,
/// and the manifest.
pub(crate) fn find(lock: &str, dependent: &str, name: &str) -> Option<(String, PathBuf)> {
    let version = locked_version(lock, dependent, name)?;
    let registries = cargo_home()?.join("registry").join("src");
    let manifest = manifest_in(&registries, &format!("{name}-{version}"))?;
    Some((version, manifest))
}

/// The version of `name` that `lock` has for what the package `dependent` depends on.
pub(crate) fn locked_version(lock: &str, dependent: &str, name: &str) -> Option<String> {
    let lock: toml::Table = lock.parse().ok()?;
    let packages = lock.get("package")?.as_array()?;
    let named = |wanted: &str| packages.iter().find(|package| text(package, "name") == Some(wanted));
    // `name` if there is one version of it, else `name version`.
    let dependency = named(dependent)?.get("dependencies")?.as_array()?.first()?.as_str()?;
    let mut words = dependency.split(' ');
    if words.next() != Some(name) {
        return None;
    }
    match words.next() {
        Some(version) => Some(version.to_owned()),
        None => text(named(name)?, "version").map(str::to_owned),
    }
}

fn text<'a>(package: &'a toml::Value, key: &str) -> Option<&'a str> {
    package.get(key)?.as_str()
}

/// The manifest of the package in `folder`, which is in one of the folders of `registries`: one for
/// each registry.
fn manifest_in(registries: &Path, folder: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(registries).ok()?;
    let manifests = entries.flatten().map(|registry| registry.path().join(folder).join("Cargo.toml"));
    manifests.into_iter().find(|manifest| manifest.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_dependency() {
        let one = "[[package]]\nname = \"us\"\nversion = \"0.0.0\"\ndependencies = [\"fd\"]\n\
                   [[package]]\nname = \"fd\"\nversion = \"10.1.0\"\n";
        assert_eq!(locked_version(one, "us", "fd").as_deref(), Some("10.1.0"));
        let two = "[[package]]\nname = \"fd\"\nversion = \"9.0.0\"\n\
                   [[package]]\nname = \"us\"\nversion = \"0.0.0\"\ndependencies = [\"fd 10.1.0\"]\n";
        assert_eq!(locked_version(two, "us", "fd").as_deref(), Some("10.1.0"));
        for (lock, name) in [(one, "other"), ("", "fd"), ("[", "fd")] {
            assert_eq!(locked_version(lock, "us", name), None);
        }
    }

    #[test]
    fn the_sources_are_in_the_folder_of_some_registry() {
        let registries = std::env::temp_dir().join(format!("cargo-lockdep-program-{}", std::process::id()));
        assert_eq!(manifest_in(&registries, "fd-10.1.0"), None, "there is no such folder");
        fs::create_dir_all(registries.join("a")).expect("a folder");
        fs::create_dir_all(registries.join("b").join("fd-10.1.0")).expect("a folder");
        let manifest = registries.join("b").join("fd-10.1.0").join("Cargo.toml");
        fs::write(&manifest, "").expect("a file");
        assert_eq!(manifest_in(&registries, "fd-10.1.0"), Some(manifest));
        let _ = fs::remove_dir_all(&registries);
    }
}
