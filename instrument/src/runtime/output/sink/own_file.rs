//! A file of ours that stays open in a process that is not ours.

use std::ffi::CString;
use std::io;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::runtime::system::descriptor::{self, FileId, Kind};
use crate::runtime::system::quiet_write::write_all;

/// Whether the file may be there before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Creation {
    /// It must be new.
    New,
    /// It is made if it is not there.
    IfMissing,
}

/// A file that is appended to, each text by one write.
#[derive(Debug)]
pub(crate) struct OwnFile {
    path: PathBuf,
    /// INVARIANT: ours only if the file behind it is still this one; never written or closed
    /// without a look.
    descriptor: Option<RawFd>,
    identity: FileId,
    /// Whether the descriptor stays open between two writes. It does not if the program has the
    /// same file as 0, 1 or 2: the other end of a pipe may wait until that is closed.
    stays_open: bool,
}

impl OwnFile {
    /// Opens the file at an absolute path.
    ///
    /// # Errors
    ///
    /// It cannot be opened, or it is neither a regular file nor a character device nor a pipe that
    /// a process reads.
    pub(crate) fn open(path: PathBuf, creation: Creation) -> io::Result<Self> {
        let flags = match creation {
            Creation::New => libc::O_CREAT | libc::O_EXCL,
            Creation::IfMissing => libc::O_CREAT,
        };
        let (descriptor, identity) = open(&path, flags)?;
        let is_same = |number: &RawFd| descriptor::of(*number).is_some_and(|(other, _)| other == identity);
        let stays_open = !(libc::STDIN_FILENO..=libc::STDERR_FILENO)
            .any(|number| number != descriptor && is_same(&number));
        let mut file = Self { path, descriptor: Some(descriptor), identity, stays_open };
        if stays_open {
            file.descriptor = Some(descriptor::move_up(descriptor)?);
        } else {
            file.close();
        }
        Ok(file)
    }

    /// Appends `bytes`. If the program has closed the descriptor, or has given its number to
    /// another file, the file is opened again.
    ///
    /// # Errors
    ///
    /// The file can neither be written nor, if it was closed, opened again.
    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let identity = self.identity;
        let is_ours = |descriptor| descriptor::of(descriptor).is_some_and(|(file, _)| file == identity);
        if let Some(descriptor) = self.descriptor {
            match write_all(descriptor, bytes, || is_ours(descriptor)) {
                Err(error) if is_lost(&error) => self.descriptor = None,
                written => return written,
            }
        }
        let (descriptor, found) = open(&self.path, 0)?;
        if found != identity {
            descriptor::close(descriptor);
            return Err(io::Error::new(io::ErrorKind::NotFound, "another file has its name now"));
        }
        if !self.stays_open {
            let written = write_all(descriptor, bytes, || is_ours(descriptor));
            self.descriptor = Some(descriptor);
            self.close();
            return written;
        }
        let descriptor = descriptor::move_up(descriptor)?;
        self.descriptor = Some(descriptor);
        write_all(descriptor, bytes, || is_ours(descriptor))
    }

    /// The descriptor and the file behind it, for a write from a signal handler.
    #[cfg(hang_report)]
    pub(crate) fn raw(&self) -> Option<(RawFd, [u64; 2])> {
        self.descriptor.map(|descriptor| (descriptor, self.identity.to_words()))
    }

    /// Closes the descriptor if it is still ours.
    fn close(&mut self) {
        if let Some(descriptor) = self.descriptor.take()
            && descriptor::of(descriptor).is_some_and(|(file, _)| file == self.identity)
        {
            descriptor::close(descriptor);
        }
    }
}

impl Drop for OwnFile {
    fn drop(&mut self) {
        self.close();
    }
}

/// Returns whether the descriptor is no longer ours.
fn is_lost(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::EBADF)
}

/// Opens a file for appending, without waiting for another process and without making a terminal
/// ours.
fn open(path: &Path, flags: libc::c_int) -> io::Result<(RawFd, FileId)> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let refuse = |kind: Kind| io::Error::new(io::ErrorKind::InvalidInput, format!("it is {}", kind.as_str()));
    // Asked first: to open a device can be an act.
    if let Some(kind @ (Kind::Directory | Kind::Block | Kind::Other)) = descriptor::kind_at(&path) {
        return Err(refuse(kind));
    }
    let flags = flags | libc::O_WRONLY | libc::O_APPEND | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY;
    // SAFETY: the path ends in a zero byte.
    let descriptor = unsafe { libc::open(path.as_ptr(), flags, 0o666) };
    if descriptor < 0 {
        let error = io::Error::last_os_error();
        return Err(match error.raw_os_error() {
            Some(libc::ENXIO) => io::Error::new(error.kind(), "it is a pipe that no process reads"),
            _ => error,
        });
    }
    match descriptor::of(descriptor) {
        Some((identity, Kind::Regular | Kind::Pipe | Kind::Null | Kind::Character)) => {
            Ok((descriptor, identity))
        }
        found => {
            descriptor::close(descriptor);
            Err(refuse(found.map_or(Kind::Other, |(_, kind)| kind)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("lockdep-own-file-{}-{name}", std::process::id()))
    }

    #[test]
    fn a_descriptor_that_was_closed_is_opened_again_and_one_that_was_reused_is_left_alone() {
        let (path, other_path) = (scratch("a"), scratch("b"));
        let mut file = OwnFile::open(path.clone(), Creation::New).expect("new");
        file.write_all(b"one\n").expect("open");
        let descriptor = file.descriptor.expect("stays open");
        // What a program does that closes what it does not know.
        descriptor::close(descriptor);
        file.write_all(b"two\n").expect("opened again");
        let descriptor = file.descriptor.expect("stays open");
        let other = std::fs::File::create(&other_path).expect("writable");
        // SAFETY: `other` is open; what was at the number is closed, as a program might do.
        unsafe { libc::dup2(std::os::fd::AsRawFd::as_raw_fd(&other), descriptor) };
        file.write_all(b"three\n").expect("opened again");
        assert!(descriptor::of(descriptor).is_some(), "not ours to close");
        assert_eq!(std::fs::read(&path).expect("there"), b"one\ntwo\nthree\n");
        assert_eq!(std::fs::read(&other_path).expect("there"), b"");
        descriptor::close(descriptor);
        std::fs::remove_file(&path).expect("ours");
        std::fs::write(&path, "another").expect("writable");
        descriptor::close(file.descriptor.take().expect("open"));
        let error = file.write_all(b"four\n").expect_err("another file has the name");
        assert!(error.to_string().contains("another file"), "{error}");
        [path, other_path].iter().for_each(|path| std::fs::remove_file(path).expect("ours"));
    }

    #[test]
    fn what_would_hang_or_is_not_for_text_is_refused() {
        let path = scratch("fifo");
        let name = CString::new(path.as_os_str().as_bytes()).expect("no zero byte");
        // SAFETY: the path ends in a zero byte.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        let error = OwnFile::open(path.clone(), Creation::IfMissing).expect_err("no process reads it");
        assert!(error.to_string().contains("a pipe that no process reads"), "{error}");
        std::fs::remove_file(&path).expect("ours");
        let error = OwnFile::open(std::env::temp_dir(), Creation::IfMissing).expect_err("a directory");
        assert_eq!(error.to_string(), "it is a directory");
    }
}
