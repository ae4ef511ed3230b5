//! Descriptors of the process: which file one leads to, and a number for ours that programs do not
//! use.
//!
//! The table of descriptors belongs to the program. It may close any of them, ours too, and its
//! next file gets the number. So a number proves nothing: before each write the file behind it is
//! compared with the one that was opened.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;

/// A file, as the system distinguishes files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FileId {
    device: libc::dev_t,
    inode: libc::ino_t,
}

#[cfg(hang_report)]
impl FileId {
    /// The file as two numbers.
    pub(crate) fn to_words(self) -> [u64; 2] {
        [self.device, self.inode]
    }
}

/// What kind of file it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A file with contents of its own.
    Regular,
    /// A pipe, with a name or without.
    Pipe,
    /// The device that swallows everything.
    Null,
    /// Another device that is written and read in characters, such as a terminal.
    Character,
    /// A directory.
    Directory,
    /// A disk.
    Block,
    /// A socket, and whatever else there is.
    Other,
}

impl Kind {
    /// Returns the kind in words, with its article.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Regular => "a regular file",
            Self::Pipe => "a pipe",
            Self::Null => "the null device",
            Self::Character => "a character device",
            Self::Directory => "a directory",
            Self::Block => "a block device",
            Self::Other => "a socket or another special file",
        }
    }
}

/// Returns which file a descriptor leads to; `None` if it is closed. Safe in a signal handler and
/// between fork and exec.
pub(crate) fn of(descriptor: RawFd) -> Option<(FileId, Kind)> {
    let mut stat = MaybeUninit::uninit();
    // SAFETY: `stat` is a place for the result, and is read only if the call says that it was
    // written.
    let stat = unsafe {
        if libc::fstat(descriptor, stat.as_mut_ptr()) != 0 {
            return None;
        }
        stat.assume_init()
    };
    Some((FileId { device: stat.st_dev, inode: stat.st_ino }, kind(&stat)))
}

/// Returns the kind of file that a path leads to, without opening it.
pub(crate) fn kind_at(path: &std::ffi::CStr) -> Option<Kind> {
    let mut stat = MaybeUninit::uninit();
    // SAFETY: the path ends in a zero byte; `stat` as in `of`.
    let stat = unsafe {
        if libc::stat(path.as_ptr(), stat.as_mut_ptr()) != 0 {
            return None;
        }
        stat.assume_init()
    };
    Some(kind(&stat))
}

fn kind(stat: &libc::stat) -> Kind {
    match stat.st_mode & libc::S_IFMT {
        libc::S_IFREG => Kind::Regular,
        libc::S_IFIFO => Kind::Pipe,
        libc::S_IFDIR => Kind::Directory,
        libc::S_IFBLK => Kind::Block,
        libc::S_IFCHR if is_null(stat) => Kind::Null,
        libc::S_IFCHR => Kind::Character,
        _ => Kind::Other,
    }
}

/// Compares with the device that `/dev/null` is here.
fn is_null(stat: &libc::stat) -> bool {
    let mut null = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: as in `of`.
    unsafe {
        libc::stat(c"/dev/null".as_ptr(), null.as_mut_ptr()) == 0
            && null.assume_init().st_rdev == stat.st_rdev
    }
}

/// Returns whether the descriptor stays open in a program that this process executes.
pub(crate) fn is_inherited(descriptor: RawFd) -> bool {
    // SAFETY: asks for flags; the number needs no proof.
    let flags = unsafe { libc::fcntl(descriptor, libc::F_GETFD) };
    flags >= 0 && flags & libc::FD_CLOEXEC == 0
}

/// Ours lie below this number: the kernel's table of a process is as long as its highest number.
const TOP: libc::rlim_t = 4096;

/// Gives a descriptor that we have just opened a high number, out of the way of the program's, and
/// closes the old one.
///
/// # Errors
///
/// The process may have no more descriptors, and this one is 0, 1 or 2, which are the program's. It
/// is closed then.
pub(crate) fn move_up(descriptor: RawFd) -> io::Result<RawFd> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a place for the result.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    let top = limit.rlim_cur.min(TOP);
    for least in [top - top / 16, 3] {
        let least = libc::c_int::try_from(least).unwrap_or(3);
        // SAFETY: duplicates a descriptor that the caller owns; the numbers need no proof.
        let moved = unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, least) };
        if moved >= 0 {
            close(descriptor);
            return Ok(moved);
        }
    }
    if descriptor > libc::STDERR_FILENO {
        return Ok(descriptor);
    }
    let error = io::Error::last_os_error();
    close(descriptor);
    Err(error)
}

/// Closes a descriptor that is ours for certain.
pub(crate) fn close(descriptor: RawFd) {
    // SAFETY: the caller has opened it and has compared it since, or has just opened it.
    unsafe {
        libc::close(descriptor);
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsRawFd as _, IntoRawFd as _};

    use super::*;

    #[test]
    fn a_descriptor_is_known_by_its_file_and_moves_out_of_the_way() {
        let path = std::env::temp_dir().join(format!("lockdep-descriptor-{}", std::process::id()));
        let file = std::fs::File::create(&path).expect("writable");
        let other = std::fs::File::open("/dev/null").expect("there is one");
        let (identity, kind) = of(file.as_raw_fd()).expect("open");
        assert_eq!((kind, of(other.as_raw_fd()).map(|(_, kind)| kind)), (Kind::Regular, Some(Kind::Null)));
        assert_ne!(of(other.as_raw_fd()).map(|(identity, _)| identity), Some(identity));
        let low = file.into_raw_fd();
        let high = move_up(low).expect("there is room");
        assert!(high >= 128 && !is_inherited(high), "{high}");
        assert_eq!(of(high), Some((identity, Kind::Regular)));
        close(high);
        std::fs::remove_file(path).expect("ours");
    }
}
