//! `show-config`: what holds here, and what settled it.

use clap::Args;

use crate::error::Result;
use crate::output::print;
use crate::settings::{self, ProfileArgs, Settings};
use crate::{exit, input, printable};

/// The arguments of `show-config`.
#[derive(Debug, Args)]
pub(crate) struct ShowConfigArgs {
    #[command(flatten)]
    pub(crate) profile: ProfileArgs,
    /// Print the JSON schema of the file instead.
    #[arg(long)]
    pub(crate) schema: bool,
}

/// Prints the settings as TOML, with the origin of each.
///
/// # Errors
///
/// If the file is malformed.
pub(crate) fn run(args: &ShowConfigArgs) -> Result<u8> {
    if args.schema {
        print(&settings::schema())?;
        return Ok(exit::CLEAN);
    }
    let settings = Settings::read(&input::current_directory()?, &args.profile)?;
    print(&printable::lines(&settings::show(&settings)))?;
    Ok(exit::CLEAN)
}
