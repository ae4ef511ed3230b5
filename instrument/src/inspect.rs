//! What a program can ask of the validator.

use lockdep_report::model::{Counters, Report};

/// Returns whether validation is on. The first call reads the environment, as the first lock does.
///
/// ```
/// if lockdep::enabled() {
///     println!("{} classes of locks so far", lockdep::counters().classes);
/// }
/// ```
pub fn enabled() -> bool {
    #[cfg(not(lockdep_disabled))]
    {
        // Entering starts the runtime if no event has.
        drop(crate::runtime::event::enter());
        crate::runtime::process::state::is_on() && crate::runtime::running().is_some()
    }
    #[cfg(lockdep_disabled)]
    false
}

/// Returns how much was looked at so far, and what was not; zeros while validation is off.
pub fn counters() -> Counters {
    #[cfg(not(lockdep_disabled))]
    {
        crate::runtime::running().map_or_else(Counters::default, crate::runtime::Runtime::counters)
    }
    #[cfg(lockdep_disabled)]
    Counters::default()
}

/// Calls `callback` with every report from now on, besides writing it; replaces an earlier one.
///
/// It is called on the thread that caused the report, with no lock of the validator held. Locks
/// that it takes are not watched. A panic in it is caught.
///
/// ```
/// lockdep::set_report_callback(|report| eprintln!("{} {}", report.code, report.title));
/// ```
pub fn set_report_callback(callback: impl Fn(&Report) + Send + Sync + 'static) {
    #[cfg(not(lockdep_disabled))]
    crate::runtime::output::sink::set_callback(std::sync::Arc::new(callback));
    #[cfg(lockdep_disabled)]
    drop(callback);
}
