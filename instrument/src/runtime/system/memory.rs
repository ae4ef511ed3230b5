//! How much memory the process may still have, and whether a page of it can be written.

/// Whether the debug information of the program can be read without running out of memory, which
/// would end the process. Only a limit of its address space is looked at: other limits end it
/// later.
#[cfg(target_os = "linux")]
pub(crate) fn has_room_for_symbols() -> bool {
    /// For what is made of the debug information.
    const BASE: u64 = 48 << 20;
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the limit is a place for the result.
    unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) };
    if limit.rlim_cur == libc::RLIM_INFINITY {
        return true;
    }
    // The file is mapped, and tables as large as a part of it are made.
    let program = std::fs::metadata("/proc/self/exe").map_or(0, |metadata| metadata.len());
    let Ok(wanted) = usize::try_from(BASE + 2 * program) else { return false };
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: new memory, at a place that the kernel chooses, which no code uses and which is given
    // back.
    unsafe {
        let probe = libc::mmap(std::ptr::null_mut(), wanted, libc::PROT_NONE, flags, -1, 0);
        probe != libc::MAP_FAILED && libc::munmap(probe, wanted) == 0
    }
}

/// Not known on this system.
#[cfg(not(target_os = "linux"))]
pub(crate) fn has_room_for_symbols() -> bool {
    true
}

/// Makes sure that a mapping of ours can be written now. A write fails if the file was cut short,
/// or if the page needs a new block on a full disk. A failed write would be a signal that ends the
/// program; asked in this way the system says it in an error.
#[cfg(target_os = "linux")]
pub(crate) fn is_writable(page: *mut u8, n_bytes: usize) -> bool {
    // SAFETY: makes the page of our own mapping present, and changes nothing in it.
    let done = unsafe { libc::madvise(page.cast(), n_bytes, libc::MADV_POPULATE_WRITE) } == 0;
    // Linux before 5.14 does not know the question.
    done || std::io::Error::last_os_error().raw_os_error() == Some(libc::EINVAL)
}

/// Taken as writable: this system cannot be asked.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_writable(_page: *mut u8, _n_bytes: usize) -> bool {
    true
}
