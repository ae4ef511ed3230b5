//! `cargo lockdep`: validates every lock of a crate graph without annotations.
//!
//! The same binary is the command line and, while cargo runs, the `RUSTC_WRAPPER` that gives each
//! crate the instrumented locks; see [`cargo::wrapper`].

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod cargo;
mod codes;
mod columns;
mod command;
mod count;
mod error;
mod excerpts;
mod exit;
mod findings;
mod input;
mod output;
mod printable;
mod records;
mod render;
mod settings;
mod source;
mod sysroot;
mod watch;

use std::process::ExitCode;

use cargo::wrapper;

fn main() -> ExitCode {
    let result = if wrapper::is_wanted() { wrapper::run() } else { command::run() };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            if !error.is_printed() {
                output::say(format_args!("error: {error}"));
            }
            output::show(error.output());
            ExitCode::from(error.exit_code())
        }
    }
}
