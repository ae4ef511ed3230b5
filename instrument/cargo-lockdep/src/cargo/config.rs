//! Cargo's configuration files, as far as they change what we must do.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// What cargo's configuration files say, nearest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct CargoConfig {
    files: Vec<File>,
}

/// One file, and the folder that paths in it start at.
#[derive(Clone, Debug, Default)]
struct File {
    folder: PathBuf,
    table: toml::Table,
}

impl CargoConfig {
    /// Reads the files that cargo would read in `directory`.
    ///
    /// Broken files are left for cargo to complain about.
    pub(crate) fn read(directory: &Path) -> Self {
        let folders = directory.ancestors().map(|folder| folder.join(".cargo"));
        let mut seen = Vec::new();
        let mut files = Vec::new();
        for folder in folders.chain(cargo_home()) {
            if seen.contains(&folder) {
                continue;
            }
            let text = std::fs::read_to_string(folder.join("config.toml"))
                .or_else(|_| std::fs::read_to_string(folder.join("config")));
            let table = text.ok().and_then(|text| text.parse::<toml::Table>().ok());
            files.extend(
                table.map(|table| File {
                    folder: folder.parent().unwrap_or(Path::new("/")).to_owned(),
                    table,
                }),
            );
            seen.push(folder);
        }
        Self { files }
    }

    fn values<'a>(&'a self, path: &'a [&str]) -> impl Iterator<Item = &'a toml::Value> {
        self.files.iter().filter_map(move |file| file.value(path))
    }

    /// `build.target`, or what the environment says instead.
    pub(crate) fn targets(&self) -> Vec<String> {
        if let Ok(target) = std::env::var("CARGO_BUILD_TARGET") {
            return vec![target];
        }
        self.values(&["build", "target"]).next().map(words).unwrap_or_default()
    }

    /// The wrapper that the user already has, such as sccache.
    pub(crate) fn rustc_wrapper(&self, directory: &Path) -> Option<OsString> {
        self.program(&["RUSTC_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER"], &["build", "rustc-wrapper"], directory)
    }

    /// The compiler that the user chose, if not the `rustc` on the path.
    pub(crate) fn rustc(&self, directory: &Path) -> Option<OsString> {
        self.program(&["RUSTC", "CARGO_BUILD_RUSTC"], &["build", "rustc"], directory)
    }

    /// A program: by variable, where a relative path starts at the working directory, or by file,
    /// where it starts at the folder around `.cargo`. A bare name is left to the search path. An
    /// empty variable turns the program of the files off.
    fn program(&self, variables: &[&str], key: &[&str], directory: &Path) -> Option<OsString> {
        if let Some(name) = variables.iter().find_map(std::env::var_os) {
            return (!name.is_empty()).then(|| located(&name, directory));
        }
        let (file, name) = self.files.iter().find_map(|file| Some((file, file.value(key)?.as_str()?)))?;
        (!name.is_empty()).then(|| located(OsStr::new(name), &file.folder))
    }

    /// The flags of rustdoc, from the one place cargo would take them.
    pub(crate) fn rustdoc_flags(&self, target: &str) -> Vec<String> {
        if let Ok(encoded) = std::env::var("CARGO_ENCODED_RUSTDOCFLAGS") {
            return encoded.split('\x1f').filter(|flag| !flag.is_empty()).map(String::from).collect();
        }
        if let Ok(flags) = std::env::var("RUSTDOCFLAGS") {
            return flags.split_whitespace().map(String::from).collect();
        }
        let of_target: Vec<String> =
            self.values(&["target", target, "rustdocflags"]).flat_map(words).collect();
        if of_target.is_empty() {
            self.values(&["build", "rustdocflags"]).flat_map(words).collect()
        } else {
            of_target
        }
    }

    /// Whether cargo prints in colour: `--color`, `CARGO_TERM_COLOR`, `term.color`, in this order.
    /// `None` where it looks at what it prints to.
    pub(crate) fn is_coloured(&self, option: Option<&str>) -> Option<bool> {
        let variable = std::env::var("CARGO_TERM_COLOR").ok();
        self.says_coloured(option.or(variable.as_deref()))
    }

    fn says_coloured(&self, nearer: Option<&str>) -> Option<bool> {
        let file = self.values(&["term", "color"]).next().and_then(toml::Value::as_str);
        match nearer.or(file) {
            Some("always") => Some(true),
            Some("never") => Some(false),
            _ => None,
        }
    }

    /// Whether `[unstable] build-std` is set.
    pub(crate) fn builds_std(&self) -> bool {
        self.values(&["unstable", "build-std"]).next().is_some()
    }
}

impl File {
    fn value(&self, path: &[&str]) -> Option<&toml::Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.table.get(*first)?, |value, key| value.get(key))
    }
}

fn located(program: &OsStr, folder: &Path) -> OsString {
    let has_folder = program.as_encoded_bytes().contains(&b'/');
    if has_folder { folder.join(program).into() } else { program.to_owned() }
}

/// Where cargo keeps its registry and the user's configuration.
pub(crate) fn cargo_home() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")))?;
    home.is_dir().then_some(home)
}

/// A list, or a string of words.
fn words(value: &toml::Value) -> Vec<String> {
    match value {
        toml::Value::String(text) => text.split_whitespace().map(String::from).collect(),
        toml::Value::Array(items) => {
            items.iter().filter_map(|item| item.as_str().map(String::from)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(files: &[(&str, &str)]) -> CargoConfig {
        let file = |(folder, text): &(&str, &str)| File {
            folder: folder.into(),
            table: text.parse().expect("valid"),
        };
        CargoConfig { files: files.iter().map(file).collect() }
    }

    #[test]
    fn nearer_configuration_wins_and_flags_may_be_words_or_a_list() {
        let config = config(&[
            ("/a/b", "[build]\ntarget = 'a'\nrustdocflags = ['--x', '--y z']"),
            ("/a", "[build]\ntarget = 'b'\nrustdocflags = '--far off'"),
        ]);
        assert_eq!(config.values(&["build", "target"]).next().and_then(toml::Value::as_str), Some("a"));
        assert_eq!(config.rustdoc_flags("a"), ["--x", "--y z", "--far", "off"]);
    }

    #[test]
    fn colours_are_those_of_cargo() {
        let config = config(&[("/a/b", "[term]\ncolor = 'always'"), ("/a", "[term]\ncolor = 'never'")]);
        assert_eq!(config.says_coloured(None), Some(true));
        assert_eq!(config.is_coloured(Some("never")), Some(false));
        assert_eq!(config.is_coloured(Some("auto")), None);
    }

    #[test]
    fn a_program_with_a_folder_is_found_from_where_it_was_named() {
        let of = |text| {
            config(&[("/a", text)]).program(&["NO_SUCH_VARIABLE"], &["build", "rustc"], Path::new("/b"))
        };
        assert_eq!(of("[build]\nrustc = 'tools/rustc'"), Some("/a/tools/rustc".into()));
        assert_eq!(of("[build]\nrustc = 'rustc-dev'"), Some("rustc-dev".into()));
        assert_eq!(of("[build]\nrustc = ''"), None);
        assert_eq!(located(OsStr::new("./w"), Path::new("/b")), "/b/./w");
    }
}
