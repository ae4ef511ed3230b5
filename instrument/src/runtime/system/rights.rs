//! The rights of the program.

/// Returns whether the program has more rights than the user who started it. The environment is
/// that user's.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn is_elevated() -> bool {
    // SAFETY: reads a number that the kernel gave the process.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Returns whether the program has more rights than the user who started it. The environment is
/// that user's.
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
pub(crate) fn is_elevated() -> bool {
    // SAFETY: these ask for numbers and cannot fail.
    unsafe { libc::getuid() != libc::geteuid() || libc::getgid() != libc::getegid() }
}

/// Not known on this system.
#[cfg(not(unix))]
pub(crate) fn is_elevated() -> bool {
    false
}
