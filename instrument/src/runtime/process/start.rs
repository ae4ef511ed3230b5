//! The start of the process. Some things must be known as they were before the program changed
//! them: the directory that relative paths in variables start at, and the file that is the standard
//! error stream.
//!
//! A function that the loader calls before main looks at both, if the environment asks for
//! validation. It allocates nothing and takes no lock: the program's allocator may not be ready.
//! Where no loader calls it, the first lock does.

use std::path::{Path, PathBuf};

/// Returns `path` as it was meant when the process started.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    if path.is_absolute() {
        return path.to_path_buf();
    }
    match directory() {
        Some(directory) => directory.join(path),
        None => path.to_path_buf(),
    }
}

#[cfg(unix)]
pub(crate) use imp::{directory, is_wanted, remember, stderr};

#[cfg(not(unix))]
pub(crate) use imp::{directory, remember};

#[cfg(unix)]
mod imp {
    use std::cell::UnsafeCell;
    use std::ffi::{CStr, OsStr};
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::Path;
    use std::sync::atomic::{AtomicU8, Ordering};

    use lockdep_report::record::ledger::FILE_NAME;

    use crate::runtime::process::ledger;
    use crate::runtime::system::descriptor::{self, FileId};
    use crate::runtime::system::rights::is_elevated;

    /// Longer paths are not kept.
    const MAX_PATH: usize = 4096;

    struct Start {
        directory: [u8; MAX_PATH],
        stderr: Option<FileId>,
    }

    /// What was seen. INVARIANT: written by the thread that moves `PROGRESS` from NOTHING to
    /// WRITING, before it says SEEN.
    struct Cell(UnsafeCell<Start>);

    // SAFETY: one thread writes, and the others read after that, as `PROGRESS` says.
    unsafe impl Sync for Cell {}

    static START: Cell = Cell(UnsafeCell::new(Start { directory: [0; MAX_PATH], stderr: None }));
    static PROGRESS: AtomicU8 = AtomicU8::new(NOTHING);

    const NOTHING: u8 = 0;
    const WRITING: u8 = 1;
    const SEEN: u8 = 2;

    /// Has the loader call us before main.
    #[used]
    #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
    #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
    static AT_START: extern "C" fn() = at_start;

    extern "C" fn at_start() {
        if !is_wanted() {
            return;
        }
        remember();
        if let Some(directory) = variable(c"LOCKDEP_DIR").filter(|directory| !directory.is_empty()) {
            attach(directory);
        }
    }

    /// Whether the environment asks for validation. Only before main.
    pub(crate) fn is_wanted() -> bool {
        !is_elevated() && matches!(variable(c"LOCKDEP"), Some(b"1" | b"on"))
    }

    /// Maps the ledger now: later the program may have no descriptor left for it.
    fn attach(directory: &[u8]) {
        let mut path = [0_u8; MAX_PATH];
        let parts = [directory, b"/", FILE_NAME.as_bytes()];
        let mut bytes = parts.into_iter().flatten();
        // The last byte stays zero.
        path[..MAX_PATH - 1].iter_mut().zip(&mut bytes).for_each(|(place, byte)| *place = *byte);
        if bytes.next().is_none()
            && let Ok(path) = CStr::from_bytes_until_nul(&path)
        {
            ledger::attach(path);
        }
    }

    /// Returns the value of a variable without an allocation. Only before main.
    fn variable(name: &CStr) -> Option<&'static [u8]> {
        // SAFETY: the name ends in a zero byte; before main nothing changes the environment.
        unsafe {
            let value = libc::getenv(name.as_ptr());
            (!value.is_null()).then(|| CStr::from_ptr(value).to_bytes())
        }
    }

    /// Looks at what may change later, unless that was done.
    pub(crate) fn remember() {
        // ORDERING: Acquire, so that what is written below stays below; a thread that finds another
        // one writing has nothing to do.
        if PROGRESS.compare_exchange(NOTHING, WRITING, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return;
        }
        // SAFETY: this thread alone has moved the progress to WRITING, and no thread reads before
        // SEEN.
        let start = unsafe { &mut *START.0.get() };
        // SAFETY: the buffer is as long as is said.
        if unsafe { libc::getcwd(start.directory.as_mut_ptr().cast(), MAX_PATH) }.is_null() {
            start.directory[0] = 0;
        }
        start.stderr = descriptor::of(libc::STDERR_FILENO).map(|(identity, _)| identity);
        // ORDERING: Release pairs with the Acquire in `seen`.
        PROGRESS.store(SEEN, Ordering::Release);
    }

    fn seen() -> Option<&'static Start> {
        // ORDERING: Acquire pairs with the Release in `remember`.
        let is_seen = PROGRESS.load(Ordering::Acquire) == SEEN;
        // SAFETY: nothing writes any more.
        is_seen.then(|| unsafe { &*START.0.get() })
    }

    /// Returns the working directory at the start of the process.
    pub(crate) fn directory() -> Option<&'static Path> {
        let path = CStr::from_bytes_until_nul(&seen()?.directory).ok()?;
        let path = Path::new(OsStr::from_bytes(path.to_bytes()));
        path.is_absolute().then_some(path)
    }

    /// Returns the file that the standard error stream was at the start of the process.
    pub(crate) fn stderr() -> Option<FileId> {
        seen()?.stderr
    }
}

#[cfg(not(unix))]
mod imp {
    /// Does nothing: the first lock is early enough.
    pub(crate) fn remember() {}

    /// Returns the working directory.
    pub(crate) fn directory() -> Option<std::path::PathBuf> {
        std::env::current_dir().ok()
    }
}
