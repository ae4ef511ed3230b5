//! The C library's error number, which belongs to the program: code may take or release a lock
//! between a call that failed and the question why.

/// What the running thread's number was; dropping this puts it back.
#[derive(Debug)]
pub(crate) struct Kept(i32);

#[cfg(target_os = "linux")]
use libc::__errno_location as place;

#[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
use libc::__error as place;

impl Kept {
    pub(crate) fn now() -> Self {
        #[cfg(any(target_os = "linux", target_os = "freebsd", target_vendor = "apple"))]
        // SAFETY: the place is the running thread's own.
        return Self(unsafe { *place() });
        #[cfg(not(any(target_os = "linux", target_os = "freebsd", target_vendor = "apple")))]
        Self(0)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        #[cfg(any(target_os = "linux", target_os = "freebsd", target_vendor = "apple"))]
        // SAFETY: as in `now`; a `Kept` stays on its thread's stack.
        unsafe {
            *place() = self.0;
        }
    }
}
