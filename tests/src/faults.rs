//! Switching a fault of the engine on, where it was built with them.

use lockdep_validator::fault::Fault;

/// Breaks one rule of the engine for the rest of the process.
///
/// # Errors
///
/// If the engine was built without `--cfg engine_faults`, or has no fault of that name.
pub fn switch_on(name: &str) -> Result<(), String> {
    let fault = Fault::ALL.iter().find(|fault| format!("{fault:?}") == name);
    switch(*fault.ok_or_else(|| format!("no fault is called {name}"))?)
}

#[cfg(engine_faults)]
fn switch(fault: Fault) -> Result<(), String> {
    lockdep_validator::fault::set(fault);
    Ok(())
}

#[cfg(not(engine_faults))]
fn switch(_fault: Fault) -> Result<(), String> {
    Err("the engine was built without its faults: set RUSTFLAGS=\"--cfg engine_faults\"".to_owned())
}
