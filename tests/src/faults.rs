//! Switching faults of the engine on, where it was built with them.

use std::path::PathBuf;

use lockdep_validator::fault::Fault;

/// Breaks rules of the engine, exactly these, for the rest of the process.
///
/// # Errors
///
/// If the engine was built without `--cfg engine_faults`.
#[cfg(engine_faults)]
pub fn switch_on(faults: &[Fault]) -> Result<(), String> {
    lockdep_validator::fault::set(faults);
    Ok(())
}

/// Breaks rules of the engine, exactly these, for the rest of the process.
///
/// # Errors
///
/// If the engine was built without `--cfg engine_faults`.
#[cfg(not(engine_faults))]
pub fn switch_on(_faults: &[Fault]) -> Result<(), String> {
    Err("the engine was built without its faults: set RUSTFLAGS=\"--cfg engine_faults\"".to_owned())
}

/// Where a build with faults goes: apart from the ordinary one, which it would make stale.
pub fn target_directory() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    target.join("engine_faults")
}
