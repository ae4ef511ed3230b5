//! `doctor`: whether a defect would be found here. It plants one, and the user's own toolchain,
//! configuration and runtime have to find it.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use clap::Args;

use crate::cargo::command::CargoCommand;
use crate::cargo::project::{CargoOptions, Project};
use crate::cargo::session::Session;
use crate::cargo::toolchain::Toolchain;
use crate::error::{Context as _, Error, Result};
use crate::findings::coverage::Own;
use crate::output::say;
use crate::settings::Settings;
use crate::watch::args::WatchArgs;
use crate::{exit, input};

/// The arguments of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Use no network.
    #[arg(long)]
    pub(crate) offline: bool,
}

/// The planted defect: two tests take two locks in opposite orders, one test after the other.
const PLANTED: &str = "\
use std::sync::Mutex;

static FIRST: Mutex<u8> = Mutex::new(0);
static SECOND: Mutex<u16> = Mutex::new(0);

#[test]
fn one_order_and_the_other() {
    drop((FIRST.lock().unwrap(), SECOND.lock().unwrap()));
    drop((SECOND.lock().unwrap(), FIRST.lock().unwrap()));
}
";

/// Plants the defect in a temporary package below the project's own target directory, and looks
/// whether a run finds it.
///
/// # Errors
///
/// If there is no project, or the planted defect is not found.
pub(crate) fn run(args: &DoctorArgs) -> Result<u8> {
    let directory = input::current_directory()?;
    let toolchain = Toolchain::in_directory(&directory)?;
    let project = Project::find(&directory, &CargoOptions::default(), &toolchain)?;
    say(format_args!(
        "rustc {} for {}; the files of lockdep are in {}",
        toolchain.release,
        project.target,
        project.base.display()
    ));
    let planted = project.base.join(format!("doctor-{}", std::process::id()));
    let result = plant(&planted).and_then(|()| found(&planted, &project, toolchain, args));
    let _ = fs::remove_dir_all(&planted);
    let code = result?;
    if code != exit::DENIED {
        return Err(Error::new(format_args!(
            "the planted inversion was not found (exit code {code} instead of {}): lockdep does not work here",
            exit::DENIED
        )));
    }
    say("healthy: the planted inversion was found (the report above is that one)");
    if let Some(sentence) = Own::read(&project.directories, Settings::default().overlays()).sentence() {
        say(sentence);
    }
    Ok(exit::CLEAN)
}

fn plant(directory: &Path) -> Result<()> {
    let manifest =
        "[package]\nname = \"lockdep-doctor\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[workspace]\n";
    for (name, text) in [("Cargo.toml", manifest), ("src/lib.rs", PLANTED)] {
        let path = directory.join(name);
        let folder = path.parent().unwrap_or(directory);
        fs::create_dir_all(folder).context(|| folder.display().to_string())?;
        fs::write(&path, text).context(|| path.display().to_string())?;
    }
    Ok(())
}

/// The exit code of the run that has to find the defect.
fn found(planted: &Path, project: &Project, toolchain: Toolchain, args: &DoctorArgs) -> Result<u8> {
    let mut cargo_args: Vec<OsString> = ["--lib", "--quiet"].map(OsString::from).into();
    if args.offline {
        cargo_args.push("--offline".into());
    }
    let session = Session::open_foreign(toolchain, &project.base, planted, &cargo_args)?;
    session.run(CargoCommand::Test, &cargo_args, &WatchArgs::default())
}
