//! The user's project: where it builds to, and what its cargo configuration asks for.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::cargo::metadata::MetadataCall;
use crate::cargo::toolchain::Toolchain;
use crate::error::{Error, Result};

/// The options among cargo's arguments that change what we must do.
#[derive(Clone, Debug, Default)]
pub(crate) struct CargoOptions {
    pub(crate) targets: Vec<String>,
    pub(crate) target_dir: Option<PathBuf>,
    pub(crate) manifest_path: Option<PathBuf>,
    pub(crate) offline: bool,
    /// `--color`.
    pub(crate) color: Option<String>,
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
                "--color" => options.color = value().map(|v| v.to_string_lossy().into_owned()),
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
        "-Z build-std compiles its own standard library, which the instrumented locks do not match: remove the option",
    )
}

/// A cargo project as far as we need to know it.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    /// The one target everything is built for.
    pub(crate) target: String,
    /// The directory for all files of lockdep: `target/lockdep`.
    pub(crate) base: PathBuf,
    /// Where the compiler's relative paths start.
    pub(crate) workspace_root: PathBuf,
    /// The workspace, its packages, and what they depend on by path.
    pub(crate) directories: Vec<PathBuf>,
    /// The names of the workspace's packages.
    pub(crate) packages: Vec<String>,
}

impl Project {
    /// The project that cargo would find in `directory` with these options.
    ///
    /// # Errors
    ///
    /// If there is none (cargo has said why), or its configuration cannot work under validation.
    pub(crate) fn find(directory: &Path, options: &CargoOptions, toolchain: &Toolchain) -> Result<Self> {
        if toolchain.config.builds_std() {
            return Err(build_std());
        }
        let call = MetadataCall { directory, manifest_path: options.manifest_path.as_deref(), graph: None };
        let metadata = call.read(toolchain)?;
        let target_directory = match &options.target_dir {
            Some(given) => directory.join(given),
            None => metadata.target_directory.clone(),
        };
        let target = one_target(options, toolchain)?;
        let directories = metadata.directories();
        let workspace_root = metadata.workspace_root;
        let packages = metadata.packages.into_iter().map(|package| package.name).collect();
        Ok(Self { target, base: target_directory.join("lockdep"), workspace_root, directories, packages })
    }
}

fn one_target(options: &CargoOptions, toolchain: &Toolchain) -> Result<String> {
    let targets =
        if options.targets.is_empty() { toolchain.config.targets() } else { options.targets.clone() };
    match &targets[..] {
        [] => Ok(toolchain.host.clone()),
        [target] if target.ends_with(".json") => Err(Error::new(format_args!(
            "{target} is a custom target, which needs -Z build-std; the instrumented locks need the standard \
             library that came with the toolchain"
        ))),
        [target] if target == "host-tuple" => Ok(toolchain.host.clone()),
        [target] => Ok(target.clone()),
        several => Err(Error::new(format_args!(
            "{} targets are selected ({}): validate them one at a time, each with its --target",
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
        let options =
            parse("--lib --target x86 --target-dir=/t --offline --color=never -- --target y").expect("valid");
        assert_eq!(options.targets, ["x86"]);
        assert_eq!(options.target_dir.as_deref(), Some(Path::new("/t")));
        assert!(options.offline);
        assert_eq!(options.color.as_deref(), Some("never"));
    }

    #[test]
    fn build_std_is_refused_with_its_reason() {
        for line in ["-Z build-std", "-Zbuild-std=core", "--lib -Z build-std=std"] {
            let error = parse(line).expect_err("it cannot work").to_string();
            assert!(error.contains("build-std"), "{error}");
        }
    }
}
