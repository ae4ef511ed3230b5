//! `test`, `run`, `bench`, `build`, `nextest`: a cargo command with every lock of its graph
//! watched.

use std::ffi::OsString;
use std::path::Path;

use clap::Args;

use crate::cargo::command::CargoCommand;
use crate::cargo::project::CargoOptions;
use crate::cargo::session::Session;
use crate::error::Result;
use crate::input;
use crate::output::say;
use crate::settings::{ProfileArgs, Settings};
use crate::watch::args::WatchArgs;

/// The arguments of a wrapping subcommand.
#[derive(Debug, Args)]
pub(crate) struct WrappedArgs {
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
    #[command(flatten)]
    pub(crate) profile: ProfileArgs,
    /// Any arguments of the cargo command; a `--` separates those of the program as usual.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "CARGO ARGUMENTS")]
    pub(crate) cargo_args: Vec<OsString>,
}

/// Runs the cargo command.
///
/// # Errors
///
/// If there is no cargo project, the toolchain is too old, or the runtime cannot be built.
pub(crate) fn run(command: CargoCommand, args: &WrappedArgs) -> Result<u8> {
    let directory = input::current_directory()?;
    let manifest = CargoOptions::parse(&args.cargo_args)?.manifest_path;
    let around = manifest.and_then(|path| directory.join(path).parent().map(Path::to_owned));
    let settings = Settings::read(around.as_deref().unwrap_or(&directory), &args.profile)?;
    for warning in settings.missing_files() {
        say(warning);
    }
    let watch = args.watch.above(&settings);
    let cargo_args = with_settings(command, &args.cargo_args, &settings);
    Session::open(&directory, &cargo_args, settings)?.run(command, &cargo_args, &watch)
}

/// The arguments of cargo with the features and packages of the project, where they have a place.
fn with_settings(command: CargoCommand, given: &[OsString], settings: &Settings) -> Vec<OsString> {
    let first = given.first().and_then(|word| word.to_str());
    match command {
        CargoCommand::Nextest if !matches!(first, Some("run" | "r" | "list" | "archive")) => given.to_vec(),
        CargoCommand::Nextest => settings.cargo_args(given, 1, true),
        // What runs is one program: no package is left out.
        CargoCommand::Run => settings.cargo_args(given, 0, false),
        CargoCommand::Test | CargoCommand::Bench | CargoCommand::Build => settings.cargo_args(given, 0, true),
    }
}
