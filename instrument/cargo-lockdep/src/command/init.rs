//! `init`: writes `.config/lockdep.toml` with every key as a comment.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::error::{Context as _, Error, Result};
use crate::output::say;
use crate::settings::{self, FILE};
use crate::{exit, input};

/// The arguments of `init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Replace a file that is there.
    #[arg(long)]
    pub(crate) force: bool,
}

/// Writes the file beside the `Cargo.toml` of the workspace around the working directory.
///
/// # Errors
///
/// If there is no project, or the file exists or cannot be written.
pub(crate) fn run(args: &InitArgs) -> Result<u8> {
    let directory = input::current_directory()?;
    let root = root(&directory).ok_or_else(|| {
        Error::new(format_args!("there is no Cargo.toml in {} or above it", directory.display()))
    })?;
    let path = root.join(FILE);
    if path.exists() && !args.force {
        return Err(Error::new(format_args!(
            "{} exists; `--force` replaces it, `cargo lockdep show-config` shows the settings",
            path.display()
        )));
    }
    let folder = path.parent().unwrap_or(root.as_path());
    fs::create_dir_all(folder).context(|| folder.display().to_string())?;
    input::write_own(&path, settings::template().as_bytes()).context(|| path.display().to_string())?;
    say(format_args!("wrote {}; next: `cargo lockdep test`", path.display()));
    Ok(exit::CLEAN)
}

/// The workspace is where the nearest manifest with `[workspace]` is, else the nearest manifest.
fn root(directory: &Path) -> Option<PathBuf> {
    let mut manifests = directory.ancestors().filter(|around| around.join("Cargo.toml").is_file());
    let is_workspace = |folder: &&Path| {
        let text = input::read_text(&folder.join("Cargo.toml")).unwrap_or_default();
        text.parse::<toml::Table>().is_ok_and(|manifest| manifest.contains_key("workspace"))
    };
    let nearest = manifests.clone().next()?;
    Some(manifests.find(is_workspace).unwrap_or(nearest).to_owned())
}
