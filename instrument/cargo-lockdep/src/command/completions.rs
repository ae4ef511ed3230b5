//! `completions` and `man`: what a shell and a manual reader want, made from the command line's own
//! definition.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

use crate::error::{Context as _, Result};
use crate::exit;
use crate::output::{print, say};

/// The arguments of `completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

/// The arguments of `man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write a page for each subcommand into this directory, instead of the main page to stdout.
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
}

/// The name of the program as shells and manuals know it.
const NAME: &str = "cargo-lockdep";

/// Prints the completions of `cargo-lockdep` for a shell.
///
/// # Errors
///
/// If stdout cannot be written.
pub(crate) fn completions(args: &CompletionsArgs, mut command: clap::Command) -> Result<u8> {
    let mut script = Vec::new();
    command.set_bin_name(NAME);
    clap_complete::generate(args.shell, &mut command, NAME, &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(exit::CLEAN)
}

/// Prints or writes the manual pages.
///
/// # Errors
///
/// If they cannot be written.
pub(crate) fn man(args: &ManArgs, command: clap::Command) -> Result<u8> {
    let command = command.name(NAME);
    let Some(directory) = &args.output else {
        print(&page(command)?)?;
        return Ok(exit::CLEAN);
    };
    fs::create_dir_all(directory).context(|| directory.display().to_string())?;
    clap_mangen::generate_to(command, directory).context(|| directory.display().to_string())?;
    say(format_args!("pages written to {}", directory.display()));
    Ok(exit::CLEAN)
}

fn page(command: clap::Command) -> Result<String> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command).render(&mut text).context(|| "the manual page".to_owned())?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
