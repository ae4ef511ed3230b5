//! `RUSTC_WRAPPER` mode: cargo calls this binary in place of rustc, which then runs rustc with our
//! locks put in.

mod args;
pub(crate) mod overlay;
mod plan;

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use self::args::RustcCall;
use self::overlay::Subject;
use self::plan::{Package, Plan};
use crate::cargo::runtime::Runtime;
use crate::error::{Context as _, Error, Result};

/// Set for cargo: the manifest of the runtime. Not called `LOCKDEP_…`, which is the watched
/// program's name space.
pub(crate) const RUNTIME_VARIABLE: &str = "CARGO_LOCKDEP_RUNTIME";
/// Set for cargo: the wrapper that the user had before us.
pub(crate) const INNER_VARIABLE: &str = "CARGO_LOCKDEP_INNER_WRAPPER";
/// Set for cargo when the code is not the user's own: its lints do not stop the build.
pub(crate) const FOREIGN_VARIABLE: &str = "CARGO_LOCKDEP_FOREIGN_CODE";

/// Whether cargo started us in place of rustc.
pub(crate) fn is_wanted() -> bool {
    env::var_os(RUNTIME_VARIABLE).is_some()
        && env::args_os().nth(1).is_some_and(|first| {
            // Cargo gives the compiler (or the user's workspace wrapper) by name or path; our
            // subcommands are neither.
            let name = Path::new(&first).file_stem().map(|stem| stem.to_string_lossy().into_owned());
            first.to_string_lossy().contains('/') || name.is_some_and(|name| name.contains("rustc"))
        })
}

/// Whether a wrapper is this program.
pub(crate) fn is_ours(wrapper: &OsStr) -> bool {
    Path::new(wrapper).file_stem().is_some_and(|stem| stem == "cargo-lockdep")
}

/// Runs the compiler in our place; returns only if that fails.
///
/// # Errors
///
/// If the runtime is gone, the crate graph cannot be instrumented, or the compiler cannot be
/// started.
pub(crate) fn run() -> Result<u8> {
    let mut words: Vec<OsString> = env::args_os().skip(1).collect();
    let compiler_args = words.split_off(1);
    let (mut leading, args) = split_compiler(compiler_args)?;
    words.append(&mut leading);
    let manifest = env::var_os(RUNTIME_VARIABLE).unwrap_or_default();
    let runtime = Runtime::load(Path::new(&manifest))?;
    let call = RustcCall::parse(&args);
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let package = Package {
        name: variable("CARGO_PKG_NAME"),
        version: variable("CARGO_PKG_VERSION"),
        repository: variable("CARGO_PKG_REPOSITORY"),
        directory: variable("CARGO_MANIFEST_DIR"),
    };
    let mut plan = Plan::of(&call, &package, &runtime);
    if let Plan::Refuse(reason) = plan {
        return Err(Error::new(reason));
    }
    let inner = env::var_os(INNER_VARIABLE);
    if let Some(before) = plan.before(&args, &call, &runtime) {
        let mut command = compiler(inner.as_deref(), &words);
        let status = command.args(before).status();
        let status = status.context(|| format!("cannot run {}", command.get_program().display()))?;
        if !status.success() {
            return Ok(crate::exit::of_status(status));
        }
    }
    let is_foreign = env::var_os(FOREIGN_VARIABLE).is_some();
    if let Some((folder, subject)) = overlay_of(&package, &call, &plan, is_foreign) {
        plan = Plan::Overlay;
        let command = compiler(inner.as_deref(), &words);
        let args = plan.apply(args.clone(), &call, &runtime);
        if overlay::compile(&folder, subject, &call, command, args) {
            return Ok(0);
        }
        plan = Plan::Facade;
    }
    let mut args = plan.apply(args, &call, &runtime);
    if is_foreign && plan.keeps_lints() && !call.has_cap_lints && !call.is_query {
        args.extend(["--cap-lints".into(), "warn".into()]);
    }
    let mut command = compiler(inner.as_deref(), &words);
    command.args(&args);
    if !call.is_query
        && call.has_target
        && (call.prefers_dynamic || call.uses_dylib || call.crate_types.iter().any(|t| t == "dylib"))
    {
        return run_and_explain(command);
    }
    let error = command.exec();
    Err(Error::new(format_args!("cannot run {}: {error}", command.get_program().display())))
}

/// Where the copies of crates go, and the crate, if it is to be compiled from one.
fn overlay_of<'a>(
    package: &'a Package,
    call: &RustcCall,
    plan: &Plan,
    is_foreign: bool,
) -> Option<(PathBuf, Subject<'a>)> {
    let folder = env::var_os(overlay::FOLDER_VARIABLE).filter(|folder| !folder.is_empty())?;
    let subject = Subject {
        name: &package.name,
        version: &package.version,
        repository: &package.repository,
        directory: Path::new(&package.directory),
    };
    let is_meant = *plan == Plan::Facade && subject.is_meant(call, is_foreign);
    is_meant.then(|| (folder.into(), subject))
}

/// The compiler, behind the wrapper that the user had before us.
fn compiler(inner: Option<&OsStr>, words: &[OsString]) -> Command {
    let mut all = inner.into_iter().chain(words.iter().map(OsString::as_os_str));
    let mut command = Command::new(all.next().unwrap_or_default());
    command.args(all);
    command
}

/// Splits what precedes the compiler's options from the options: a workspace wrapper is followed by
/// the compiler. Unfolds the file that cargo uses when a command line is too long.
fn split_compiler(args: Vec<OsString>) -> Result<(Vec<OsString>, Vec<OsString>)> {
    let mut leading = Vec::new();
    let mut options = Vec::new();
    for (index, arg) in args.into_iter().enumerate() {
        let text = arg.to_string_lossy();
        let is_compiler = index == 0 && Path::new(&*text).file_stem().is_some_and(|stem| stem == "rustc");
        if is_compiler {
            leading.push(arg);
        } else if let Some(path) = text.strip_prefix('@') {
            let lines = fs::read_to_string(path).context(|| path.to_owned())?;
            options.extend(lines.lines().map(OsString::from));
        } else {
            options.push(arg);
        }
    }
    Ok((leading, options))
}

/// Rust's dynamic libraries cannot share the one runtime: the compiler's message alone would not
/// say so.
fn run_and_explain(mut command: Command) -> Result<u8> {
    let status = command.status().context(|| format!("cannot run {}", command.get_program().display()))?;
    if !status.success() {
        crate::output::say(
            "this crate is linked dynamically (it is or uses a crate of type dylib, or -C prefer-dynamic is set); if the \
             error above is about a crate that may only show up once, build it statically: the runtime can be in a program \
             only once",
        );
    }
    Ok(crate::exit::of_status(status))
}
