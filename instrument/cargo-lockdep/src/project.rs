//! The user's project: where it builds to, and what its cargo configuration asks for.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;

use crate::error::{Context as _, Error, Result};
use crate::toolchain::Toolchain;

/// The options among cargo's arguments that change what we must do.
#[derive(Clone, Debug, Default)]
pub(crate) struct CargoOptions {
    pub(crate) targets: Vec<String>,
    pub(crate) target_dir: Option<PathBuf>,
    pub(crate) manifest_path: Option<PathBuf>,
    pub(crate) offline: bool,
}

impl CargoOptions {
    /// Reads the options in front of a `--`.
    ///
    /// # Errors
    ///
    /// If an option is there that cannot work under validation.
    pub(crate) fn parse(args: &[OsString]) -> Result<Self> {
        let mut options = Self::default();
        let mut args = args.iter().take_while(|arg| *arg != "--");
        while let Some(arg) = args.next() {
            let text = arg.to_string_lossy();
            let (name, inline) = match text.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(OsString::from(value))),
                _ => (&*text, None),
            };
            let mut value = || inline.clone().or_else(|| args.next().cloned());
            match name {
                "--target" => options.targets.extend(value().map(|v| v.to_string_lossy().into_owned())),
                "--target-dir" => options.target_dir = value().map(PathBuf::from),
                "--manifest-path" => options.manifest_path = value().map(PathBuf::from),
                "--offline" | "--frozen" => options.offline = true,
                "-Z" if value().is_some_and(|v| is_build_std(&v)) => return Err(build_std()),
                _ if name.starts_with("-Zbuild-std") => return Err(build_std()),
                _ => {}
            }
        }
        Ok(options)
    }
}

fn is_build_std(value: &OsStr) -> bool {
    value.to_string_lossy().starts_with("build-std")
}

fn build_std() -> Error {
    Error::new(
        "-Z build-std compiles a standard library of its own, which the instrumented locks would not fit: leave it out",
    )
}

/// What cargo's configuration files say, nearest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct CargoConfig {
    files: Vec<toml::Table>,
}

impl CargoConfig {
    /// Reads the files that cargo would read in `directory`.
    ///
    /// Broken files are left for cargo to complain about.
    pub(crate) fn read(directory: &Path, cargo_home: Option<&Path>) -> Self {
        let folders = directory.ancestors().map(|folder| folder.join(".cargo"));
        let mut seen = Vec::new();
        let mut files = Vec::new();
        for folder in folders.chain(cargo_home.map(Path::to_owned)) {
            if seen.contains(&folder) {
                continue;
            }
            let text = std::fs::read_to_string(folder.join("config.toml"))
                .or_else(|_| std::fs::read_to_string(folder.join("config")));
            files.extend(text.ok().and_then(|text| text.parse::<toml::Table>().ok()));
            seen.push(folder);
        }
        Self { files }
    }

    fn values<'a>(&'a self, path: &'a [&str]) -> impl Iterator<Item = &'a toml::Value> {
        self.files.iter().filter_map(move |file| {
            let (first, rest) = path.split_first()?;
            rest.iter().try_fold(file.get(*first)?, |value, key| value.get(key))
        })
    }

    /// `build.target`, or what the environment says instead.
    pub(crate) fn targets(&self) -> Vec<String> {
        if let Ok(target) = std::env::var("CARGO_BUILD_TARGET") {
            return vec![target];
        }
        self.values(&["build", "target"]).next().map(words).unwrap_or_default()
    }

    /// The wrapper that the user already has, such as sccache.
    pub(crate) fn rustc_wrapper(&self) -> Option<OsString> {
        let variable = ["RUSTC_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER"].into_iter().find_map(std::env::var_os);
        let wrapper = variable.or_else(|| {
            let value = self.values(&["build", "rustc-wrapper"]).next()?;
            value.as_str().map(OsString::from)
        });
        wrapper.filter(|wrapper| !wrapper.is_empty())
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

    /// Whether `[unstable] build-std` is set.
    pub(crate) fn builds_std(&self) -> bool {
        self.values(&["unstable", "build-std"]).next().is_some()
    }
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

/// A cargo project as far as we need to know it.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    /// The one target everything is built for.
    pub(crate) target: String,
    /// Where everything of ours goes: `target/lockdep`.
    pub(crate) base: PathBuf,
    pub(crate) config: CargoConfig,
}

#[derive(Deserialize)]
struct Metadata {
    target_directory: PathBuf,
}

impl Project {
    /// The project that cargo would find in `directory` with these options.
    ///
    /// # Errors
    ///
    /// If there is none (cargo has said why), or its configuration cannot work under validation.
    pub(crate) fn find(directory: &Path, options: &CargoOptions, toolchain: &Toolchain) -> Result<Self> {
        let config = CargoConfig::read(directory, toolchain.cargo_home().as_deref());
        if config.builds_std() {
            return Err(build_std());
        }
        let mut cargo = toolchain.cargo_command();
        cargo.args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(directory);
        if let Some(path) = &options.manifest_path {
            cargo.arg("--manifest-path").arg(path);
        }
        let output = cargo
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .context(|| toolchain.cargo.display().to_string())?;
        if !output.status.success() {
            // Cargo's own message is on stderr already, and it is the better one.
            return Err(Error::already_told(crate::exit::USAGE));
        }
        let metadata: Metadata =
            serde_json::from_slice(&output.stdout).context(|| "cargo metadata".to_owned())?;
        let target_directory = match &options.target_dir {
            Some(given) => directory.join(given),
            None => metadata.target_directory,
        };
        let target = one_target(options, &config, toolchain)?;
        Ok(Self { target, base: target_directory.join("lockdep"), config })
    }
}

fn one_target(options: &CargoOptions, config: &CargoConfig, toolchain: &Toolchain) -> Result<String> {
    let targets = if options.targets.is_empty() { config.targets() } else { options.targets.clone() };
    match &targets[..] {
        [] => Ok(toolchain.host.clone()),
        [target] if target.ends_with(".json") => Err(Error::new(format_args!(
            "{target} is a target of your own, which needs -Z build-std; the instrumented locks need the standard \
             library that came with the toolchain"
        ))),
        [target] if target == "host-tuple" => Ok(toolchain.host.clone()),
        [target] => Ok(target.clone()),
        several => Err(Error::new(format_args!(
            "{} targets are asked for ({}): validate them one after the other, each with its --target",
            several.len(),
            several.join(", ")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<CargoOptions> {
        CargoOptions::parse(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_read_in_both_spellings_and_only_before_the_dashes() {
        let options = parse("--lib --target x86 --target-dir=/t --offline -- --target y").expect("valid");
        assert_eq!(options.targets, ["x86"]);
        assert_eq!(options.target_dir.as_deref(), Some(Path::new("/t")));
        assert!(options.offline);
    }

    #[test]
    fn build_std_is_refused_with_its_reason() {
        for line in ["-Z build-std", "-Zbuild-std=core", "--lib -Z build-std=std"] {
            let error = parse(line).expect_err("it cannot work").to_string();
            assert!(error.contains("build-std"), "{error}");
        }
    }

    #[test]
    fn nearer_configuration_wins_and_flags_may_be_words_or_a_list() {
        let near: toml::Table =
            "[build]\ntarget = 'a'\nrustdocflags = ['--x', '--y z']".parse().expect("valid");
        let far: toml::Table = "[build]\ntarget = 'b'\nrustdocflags = '--far off'".parse().expect("valid");
        let config = CargoConfig { files: vec![near, far] };
        assert_eq!(config.values(&["build", "target"]).next().and_then(toml::Value::as_str), Some("a"));
        assert_eq!(config.rustdoc_flags("a"), ["--x", "--y z", "--far", "off"]);
    }
}
