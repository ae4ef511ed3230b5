//! The ledger of this process: memory that it shares with the file of that name beside its record,
//! or with the children that it forks.
//!
//! The layout, and why there is a ledger, stand in [`lockdep_report::record::ledger`].

use std::ffi::CStr;
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use lockdep_report::record::ledger::{FILE_NAME, SIZE, blank, is_ledger};

pub(crate) use lockdep_report::record::ledger::Counter;

use crate::runtime::system::descriptor;
use crate::runtime::system::memory;
use crate::runtime::system::pause;
use crate::runtime::system::quiet_write::write_all;

/// The mapped bytes; null before they are.
static PAGE: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());

/// Whether the bytes are those of a file. Otherwise this process and its children alone share them.
static IS_FILE: AtomicBool = AtomicBool::new(false);

/// The process that mapped memory without a file: the one that says what is in it.
static MAPPED_BY: AtomicU32 = AtomicU32::new(0);

/// How long a process waits at most until the command has printed a report. The command looks at
/// the records twenty times a second.
const PATIENCE: Duration = Duration::from_secs(2);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// Maps the ledger at `path`, which is made if its directory is there. Allocates nothing, so that
/// it can run before main.
pub(crate) fn attach(path: &CStr) {
    // ORDERING: Relaxed: whether there is one is decided once, by the process's first steps.
    if !PAGE.load(Ordering::Relaxed).is_null() {
        return;
    }
    make(path);
    let flags = libc::O_RDWR | libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let mut head = [0_u8; SIZE];
    // SAFETY: the path ends in a zero byte, and the buffer is as long as is said. Only a file that
    // is long enough is mapped, and the mapping needs no descriptor.
    let page = unsafe {
        let file = libc::open(path.as_ptr(), flags);
        if file < 0 {
            return;
        }
        let n_read = libc::pread(file, head.as_mut_ptr().cast(), SIZE, 0);
        let page = if usize::try_from(n_read) == Ok(SIZE) && is_ledger(&head) { map(file) } else { None };
        libc::close(file);
        page
    };
    if let Some(page) = page {
        keep(page, true);
    }
}

/// Makes the file, unless there is one. A process that finds it before it has its bytes maps it at
/// its first lock instead.
fn make(path: &CStr) {
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC;
    // SAFETY: the path ends in a zero byte.
    let file = unsafe { libc::open(path.as_ptr(), flags, 0o666) };
    if file >= 0 {
        // A file that stays empty is no ledger.
        let _ = write_all(file, &blank(), || true);
        descriptor::close(file);
    }
}

/// Maps the ledger of a directory, which is made if it is not there; without a directory, and where
/// that fails, memory that this process shares with the children it forks.
pub(crate) fn ensure(directory: Option<&Path>) {
    use std::os::unix::ffi::OsStrExt as _;
    // ORDERING: Relaxed: as in `attach`.
    if !PAGE.load(Ordering::Relaxed).is_null() {
        return;
    }
    if let Some(directory) = directory
        && std::fs::create_dir_all(directory).is_ok()
        && let Ok(path) = std::ffi::CString::new(directory.join(FILE_NAME).as_os_str().as_bytes())
    {
        attach(&path);
    }
    // ORDERING: Relaxed, as above.
    if PAGE.load(Ordering::Relaxed).is_null()
        && let Some(page) = map(-1)
    {
        keep(page, false);
    }
}

/// Maps the beginning of a file, or memory without a file if there is no descriptor.
fn map(file: libc::c_int) -> Option<*mut u8> {
    let anonymous = if file < 0 { libc::MAP_ANONYMOUS } else { 0 };
    // SAFETY: asks for memory at a place of the system's choice.
    let page = unsafe {
        libc::mmap(
            ptr::null_mut(),
            SIZE,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | anonymous,
            file,
            0,
        )
    };
    (page != libc::MAP_FAILED).then_some(page.cast())
}

fn keep(page: *mut u8, is_file: bool) {
    // ORDERING: Relaxed: published by the store of the pointer.
    IS_FILE.store(is_file, Ordering::Relaxed);
    // ORDERING: Relaxed, as above.
    MAPPED_BY.store(std::process::id(), Ordering::Relaxed);
    // ORDERING: Release pairs with the Acquire loads of the pointer: what was stored about the
    // bytes comes first. Two threads may map at once; one of the two mappings stays unused.
    let _ = PAGE.compare_exchange(ptr::null_mut(), page, Ordering::Release, Ordering::Relaxed);
}

/// Adds one. Safe in a signal handler and between fork and exec.
pub(crate) fn count(counter: Counter) {
    if let Some(counter) = word(counter) {
        // ORDERING: Relaxed: a counter, read when the processes have ended.
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Returns what was counted by this process and its children, if there is no file that the command
/// reads.
pub(crate) fn counted_without_file(counter: Counter) -> u32 {
    let counter = word(counter);
    // ORDERING: Relaxed: stored before the pointer that `word` has loaded.
    if IS_FILE.load(Ordering::Relaxed) || MAPPED_BY.load(Ordering::Relaxed) != std::process::id() {
        return 0;
    }
    // ORDERING: Relaxed: as in `count`.
    counter.map_or(0, |counter| counter.load(Ordering::Relaxed))
}

/// Waits a moment until the command has printed what the records have now. Returns at once if no
/// command reads them.
pub(crate) fn wait_until_printed() {
    // ORDERING: Relaxed: stored before the pointer that `word` has loaded.
    let (Some(reading), true) = (word(Counter::Reading), IS_FILE.load(Ordering::Relaxed)) else { return };
    let (Some(waiting), Some(printed)) = (word(Counter::Waiting), word(Counter::Printed)) else { return };
    // ORDERING: Relaxed: the command reads the file, as it does the records. What was written to a
    // record by a system call stands there before what is counted after it.
    let is_reading = || reading.load(Ordering::Relaxed) != 0;
    if !is_reading() {
        return;
    }
    // ORDERING: Relaxed, as above.
    let own = waiting.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
    // ORDERING: Relaxed, as above. The counters may wrap.
    let is_printed = || printed.load(Ordering::Relaxed).wrapping_sub(own) < u32::MAX / 2;
    let began = Instant::now();
    while !is_printed() && is_reading() && began.elapsed() < PATIENCE {
        pause::pause(PAUSE);
    }
}

fn word(counter: Counter) -> Option<&'static AtomicU32> {
    // ORDERING: Acquire pairs with the Release in `keep`.
    let page = PAGE.load(Ordering::Acquire);
    if page.is_null() || !memory::is_writable(page, SIZE) {
        return None;
    }
    // SAFETY: the mapping is never undone, is SIZE bytes long and starts at a page; the counter
    // lies in it at a multiple of four, and everything that reads or writes it is atomic.
    Some(unsafe { AtomicU32::from_ptr(page.add(counter.offset()).cast()) })
}
