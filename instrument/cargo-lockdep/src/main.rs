//! `cargo lockdep`: validates every lock of a crate graph that nobody annotated.
//!
//! The same binary is the command line and, while cargo runs, the `RUSTC_WRAPPER` that gives each crate the
//! instrumented locks; see [`wrapper`].

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod cargo_config;
mod cli;
mod count;
mod coverage;
mod error;
mod exit;
mod explain;
mod group;
mod hint;
mod input;
mod order;
mod ownership;
mod package;
mod printable;
mod program;
mod project;
mod records;
mod render;
mod repair;
mod replay;
mod report;
mod runtime;
mod session;
mod source;
mod stat;
mod suppress;
mod sysroot;
mod toolchain;
mod try_crate;
mod watch;
mod wrapped;
mod wrapper;

use std::process::ExitCode;

fn main() -> ExitCode {
    let result = if wrapper::is_wanted() { wrapper::run() } else { cli::run() };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            if !error.is_told() {
                cli::say(format_args!("error: {error}"));
            }
            cli::show(error.output());
            ExitCode::from(error.exit_code())
        }
    }
}
