//! Where an installed toolchain is, found without running one.
//!
//! The directory that the user is in may choose a toolchain, and a program with it. Who only looks
//! at records has not agreed to run that.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::input;

/// The sysroot of the toolchain that rustup would choose outside any project, or of the `rustc` on
/// the search path.
pub(crate) fn installed() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let home = variable("RUSTUP_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".rustup")));
    let by_rustup = home.and_then(|home| of_rustup(&home, variable("RUSTUP_TOOLCHAIN").as_deref()));
    by_rustup.or_else(|| on_path(&std::env::var_os("PATH").unwrap_or_default()))
}

/// The toolchain of this name, or else the default one, among those that rustup installed in
/// `home`.
fn of_rustup(home: &Path, chosen: Option<&OsStr>) -> Option<PathBuf> {
    let toolchains = home.join("toolchains");
    let named = |name: &str| -> Option<PathBuf> {
        let exact = toolchains.join(name);
        // A name is one folder: rustup takes a path as well, and a project may set it.
        if name.contains('/') || name.starts_with('.') {
            return None;
        }
        if exact.is_dir() {
            return Some(exact);
        }
        let short = format!("{name}-");
        let entries = fs::read_dir(&toolchains).ok()?.flatten();
        entries.map(|entry| entry.path()).find(|path| {
            path.is_dir() && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&short))
        })
    };
    if let Some(found) = chosen.and_then(OsStr::to_str).and_then(named) {
        return Some(found);
    }
    let settings: toml::Table = input::read_text(&home.join("settings.toml")).ok()?.parse().ok()?;
    named(settings.get("default_toolchain")?.as_str()?)
}

/// The folder around the `bin` in which the first `rustc` of the search path is, if a library lies
/// beside it.
fn on_path(path: &OsStr) -> Option<PathBuf> {
    let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    let rustc = folders.map(|folder| folder.join("rustc")).find(|rustc| rustc.is_file())?;
    let root = rustc.canonicalize().ok()?.parent()?.parent()?.to_owned();
    root.join("lib/rustlib").is_dir().then_some(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toolchains_are_found_by_their_folders() {
        let base = std::env::temp_dir().join(format!("lockdep-sysroot-{}", std::process::id()));
        let folder = |name: &str| base.join(name);
        for name in ["toolchains/stable-x", "toolchains/1.88.0-x", "elsewhere/bin", "elsewhere/lib/rustlib"] {
            fs::create_dir_all(folder(name)).expect("a temporary directory");
        }
        fs::write(folder("settings.toml"), "default_toolchain = \"stable-x\"\n").expect("written");
        fs::write(folder("elsewhere/bin/rustc"), "").expect("written");
        let of = |chosen: Option<&str>| of_rustup(&base, chosen.map(OsStr::new));
        assert_eq!(of(None), Some(folder("toolchains/stable-x")));
        assert_eq!(of(Some("1.88.0")), Some(folder("toolchains/1.88.0-x")));
        for planted in ["/planted", "../elsewhere", "unknown"] {
            assert_eq!(of(Some(planted)), Some(folder("toolchains/stable-x")), "{planted}");
        }
        let path = std::env::join_paths([PathBuf::from("."), folder("elsewhere/bin")]).expect("a list");
        assert_eq!(on_path(&path), folder("elsewhere").canonicalize().ok());
        fs::remove_dir_all(base).expect("ours");
    }
}
