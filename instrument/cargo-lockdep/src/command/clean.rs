//! `clean`: what takes room, and removing it.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cargo::project::{CargoOptions, Project};
use crate::cargo::toolchain::Toolchain;
use crate::command::room::{shown, size};
use crate::command::try_crate;
use crate::error::{Context as _, Error, Result};
use crate::output::say;
use crate::{exit, input};

/// The arguments of `clean`.
#[derive(Debug, Args)]
pub(crate) struct CleanArgs {
    /// Remove what `try` keeps in the cache of the user, instead of what this project has.
    #[arg(long)]
    pub(crate) tried: bool,
    /// Remove the run records only.
    #[arg(long, conflicts_with = "tried")]
    pub(crate) records: bool,
    /// Show the sizes, and remove nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What the names of our directories and files begin with: nothing else is touched.
const OURS: [&str; 7] = ["doctor-", "runtime-", "crates-", "records", "try", "fetch-", ".runtime-lock"];

/// Shows the sizes of our directories, and removes them.
///
/// # Errors
///
/// If there is no project, a build is running, or something cannot be removed.
pub(crate) fn run(args: &CleanArgs) -> Result<u8> {
    let base = if args.tried { try_crate::base_directory()? } else { project_base()? };
    let _lock = not_in_use(&base)?;
    let mut parts = parts(&base);
    parts.retain(|path| !args.records || path.ends_with("records"));
    let mut n_bytes_of_all = 0;
    for path in &parts {
        let n_bytes = size(path);
        n_bytes_of_all += n_bytes;
        say(format_args!("{:>9}  {}", shown(n_bytes), path.display()));
        if !args.dry_run {
            remove(path)?;
        }
    }
    let did = if args.dry_run { "would be removed" } else { "removed" };
    say(format_args!("{} {did} from {}", shown(n_bytes_of_all), base.display()));
    if !args.dry_run {
        // That fails if something else is in it.
        let _ = fs::remove_dir(&base);
    }
    Ok(exit::CLEAN)
}

fn project_base() -> Result<PathBuf> {
    let directory = input::current_directory()?;
    let toolchain = Toolchain::in_directory(&directory)?;
    Ok(Project::find(&directory, &CargoOptions::default(), &toolchain)?.base)
}

/// The lock that a build of the runtime takes; nothing if there is none to take.
fn not_in_use(base: &Path) -> Result<Option<fs::File>> {
    let path = base.join(".runtime-lock");
    if !path.exists() {
        return Ok(None);
    }
    let lock = input::create_own(&path).context(|| path.display().to_string())?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        Error::new(format_args!("a build is running in {}: try again when it has finished", base.display()))
    })?;
    Ok(Some(lock))
}

/// What of ours is in `base`. A link is never followed.
fn parts(base: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(base).into_iter().flatten().flatten();
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        OURS.iter().any(|ours| if ours.ends_with('-') { name.starts_with(ours) } else { name == *ours })
    };
    let mut parts: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_ours).collect();
    parts.sort();
    parts
}

fn remove(path: &Path) -> Result<()> {
    let metadata = fs::symlink_metadata(path).context(|| path.display().to_string())?;
    if metadata.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
        .context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_ours_is_removed() {
        let base = std::env::temp_dir().join(format!("lockdep-clean-{}", std::process::id()));
        for name in ["runtime-0a", "crates-0a", "records", "mine", "trying"] {
            fs::create_dir_all(base.join(name)).expect("created");
        }
        let names: Vec<String> =
            parts(&base).iter().filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect();
        assert_eq!(names, ["crates-0a", "records", "runtime-0a"]);
        fs::write(base.join("records/a"), "12345").expect("written");
        assert_eq!(size(&base), 5);
        fs::remove_dir_all(base).expect("ours");
    }
}
