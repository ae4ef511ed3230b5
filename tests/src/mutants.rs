//! Switching mutants of the engine on, where it was built with them.

use std::path::PathBuf;

use lockdep_validator::mutant::Mutant;

/// Breaks rules of the engine, exactly these, for the rest of the process.
///
/// # Errors
///
/// If the engine was built without `--cfg engine_mutants`.
#[cfg(engine_mutants)]
pub fn switch_on(mutants: &[Mutant]) -> Result<(), String> {
    lockdep_validator::mutant::set(mutants);
    Ok(())
}

/// Breaks rules of the engine, exactly these, for the rest of the process.
///
/// # Errors
///
/// If the engine was built without `--cfg engine_mutants`.
#[cfg(not(engine_mutants))]
pub fn switch_on(_mutants: &[Mutant]) -> Result<(), String> {
    Err("the engine was built without its mutants: set RUSTFLAGS=\"--cfg engine_mutants\"".to_owned())
}

/// Where a build with mutants goes: apart from the ordinary one, which it would make stale.
pub fn target_directory() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    target.join("engine_mutants")
}
