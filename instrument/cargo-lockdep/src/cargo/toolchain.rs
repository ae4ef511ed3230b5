//! The user's toolchain: which rustc, which cargo, whether they are new enough.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::config::CargoConfig;
use crate::error::{Context as _, Error, Result};

/// The oldest rustc that compiles the runtime: its minor version.
const OLDEST_MINOR: u32 = 88;

/// The rustc and cargo that build the user's crate graph.
#[derive(Clone, Debug)]
pub(crate) struct Toolchain {
    /// The compiler itself, not a proxy that would choose by directory.
    pub(crate) rustc: PathBuf,
    /// The cargo beside it.
    pub(crate) cargo: PathBuf,
    /// What `rustc -vV` prints.
    pub(crate) verbose_version: String,
    /// `1.95.0`
    pub(crate) release: String,
    /// The triple of this machine.
    pub(crate) host: String,
    /// What the user's configuration files say.
    pub(crate) config: CargoConfig,
    /// Where its library and its tools are.
    pub(crate) sysroot: PathBuf,
}

impl Toolchain {
    /// The toolchain that cargo would use in `directory`.
    ///
    /// # Errors
    ///
    /// If there is none, or it is too old.
    pub(crate) fn in_directory(directory: &Path) -> Result<Self> {
        let config = CargoConfig::read(directory);
        let chosen = config.rustc(directory).unwrap_or_else(|| "rustc".into());
        let ask = |args: &[&str]| -> Result<String> {
            let output = Command::new(&chosen)
                .args(args)
                .current_dir(directory)
                .output()
                .context(|| format!("cannot run {}", PathBuf::from(&chosen).display()))?;
            if !output.status.success() {
                let why = String::from_utf8_lossy(&output.stderr);
                let chosen = PathBuf::from(&chosen);
                return Err(Error::with_output(format_args!("{} fails:", chosen.display()), why.trim_end()));
            }
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let verbose_version = ask(&["-vV"])?;
        let line = |key: &str| -> Result<String> {
            let value = verbose_version.lines().find_map(|line| line.strip_prefix(key));
            let value = value.and_then(|value| value.strip_prefix(": "));
            Ok(value.ok_or_else(|| Error::new(format_args!("rustc -vV names no {key}")))?.to_owned())
        };
        let (release, host) = (line("release")?, line("host")?);
        check_release(&release)?;
        let sysroot = PathBuf::from(ask(&["--print", "sysroot"])?.trim());
        let rustc = sysroot.join("bin").join("rustc");
        let rustc = if rustc.exists() { rustc } else { chosen.into() };
        let beside = sysroot.join("bin").join("cargo");
        let cargo = std::env::var_os("CARGO").map(PathBuf::from);
        let cargo = cargo.unwrap_or_else(|| if beside.exists() { beside } else { "cargo".into() });
        Ok(Self { rustc, cargo, verbose_version, release, host, config, sysroot })
    }

    /// A call of cargo.
    pub(crate) fn cargo_command(&self) -> Command {
        let mut cargo = Command::new(&self.cargo);
        // rustup chooses by directory: what it chose here must hold in every directory that we work
        // in.
        if std::env::var_os("RUSTUP_TOOLCHAIN").is_none() {
            cargo.env("RUSTUP_TOOLCHAIN", &self.sysroot);
        }
        cargo
    }
}

fn check_release(release: &str) -> Result<()> {
    let minor = release.strip_prefix("1.").and_then(|rest| rest.split('.').next()).map(str::parse::<u32>);
    match minor {
        Some(Ok(minor)) if minor < OLDEST_MINOR => Err(Error::new(format_args!(
            "rustc {release} is too old: the runtime needs 1.{OLDEST_MINOR} or newer (rustup update, or choose a \
             newer toolchain for this directory)"
        ))),
        // A 2.0, or a release line that does not look like one, is for the compiler to judge.
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_compiler_is_named_with_the_remedy() {
        let error = check_release("1.70.0").expect_err("1.70 is older than 1.88").to_string();
        assert!(
            error.contains("1.70.0") && error.contains("1.88") && error.contains("rustup update"),
            "{error}"
        );
        assert!(check_release("1.88.0").is_ok() && check_release("1.97.0-nightly").is_ok());
    }
}
