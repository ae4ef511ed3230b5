//! Reading what others wrote: regular files only, never waiting for one, and never more than there
//! is room for. And where the user is.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::error::{Error, Result};

/// The longest text file that is read as a whole. Policies and order files have a few lines.
const MAX_TEXT_BYTES: u64 = 64 << 20;
/// The longest line of a record or a trace. A report with every stack has some hundred kilobytes.
pub(crate) const MAX_LINE_BYTES: u64 = 16 << 20;

/// Opens a regular file to be read.
///
/// # Errors
///
/// If it cannot be opened, or is something else: a pipe or a device may never end.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    // Opening alone may wait for a writer, or wake a device.
    is_regular(&fs::metadata(path)?)?;
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)?;
    is_regular(&file.metadata()?)?;
    Ok(file)
}

fn is_regular(metadata: &fs::Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let kind = if metadata.is_dir() { io::ErrorKind::IsADirectory } else { io::ErrorKind::InvalidInput };
    Err(io::Error::new(kind, "not a regular file"))
}

/// Reads a regular file as text.
///
/// # Errors
///
/// As [`open`], and if it is longer than any such file is, or not UTF-8.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    let bytes = read(path, MAX_TEXT_BYTES)?;
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8 text"))
}

/// Reads a regular file of at most so many bytes.
///
/// # Errors
///
/// As [`open`], and if it is longer.
pub(crate) fn read(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    read_all(open(path)?, max_bytes)
}

/// Reads at most so many bytes to the end.
///
/// # Errors
///
/// If there is more.
pub(crate) fn read_all(from: impl io::Read, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes {
        let words = format!("longer than {} MiB", max_bytes >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
    }
    Ok(bytes)
}

/// Reads one line, newline included; its length, or zero at the end.
///
/// # Errors
///
/// If it cannot be read, or is longer than [`MAX_LINE_BYTES`].
pub(crate) fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    line.clear();
    let n_bytes = reader.take(MAX_LINE_BYTES).read_until(b'\n', line)?;
    if n_bytes as u64 == MAX_LINE_BYTES && !line.ends_with(b"\n") {
        let words = format!("a line is longer than {} MiB", MAX_LINE_BYTES >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
    }
    Ok(n_bytes)
}

/// Writes a file of ours in a directory that others may write to: never through a link that another
/// put there.
///
/// # Errors
///
/// If it cannot be written, or is a link.
pub(crate) fn write_own(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = create_own(path)?;
    is_regular(&file.metadata()?)?;
    file.set_len(0)?;
    file.write_all(contents)
}

/// Opens a file of ours, created if it is not there, with what it holds.
///
/// # Errors
///
/// If it cannot be opened, or is a link.
pub(crate) fn create_own(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits();
    let options = &mut OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).custom_flags(flags.cast_signed());
    options.open(path).map_err(|error| {
        if rustix::io::Errno::from_io_error(&error) == Some(rustix::io::Errno::LOOP) {
            return io::Error::new(error.kind(), "it is a symbolic link; remove it");
        }
        error
    })
}

/// The directory in which the user is.
///
/// # Errors
///
/// If it no longer exists.
pub(crate) fn current_directory() -> Result<PathBuf> {
    std::env::current_dir().map_err(|error| Error::new(format_args!("the working directory: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("lockdep-input-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a temporary directory");
        folder
    }

    #[test]
    fn what_may_never_end_is_not_opened() {
        let folder = folder("fifo");
        let fifo = folder.join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.expect("mkfifo is there").success());
        for path in [&*fifo, Path::new("/dev/zero"), &folder] {
            let error = open(path).expect_err("it is no file").to_string();
            assert_eq!(error, "not a regular file", "{}", path.display());
        }
        fs::remove_dir_all(folder).expect("ours");
    }

    #[test]
    fn a_line_has_an_end() {
        let mut line = Vec::new();
        let mut long = io::BufReader::new(io::repeat(b'x'));
        let error = read_line(&mut long, &mut line).expect_err("it never ends").to_string();
        assert_eq!(error, "a line is longer than 16 MiB");
        let mut two = io::Cursor::new(b"a\nb");
        let lengths = [(); 3].map(|()| read_line(&mut two, &mut line).expect("readable"));
        assert_eq!(lengths, [2, 1, 0]);
    }

    #[test]
    fn a_link_is_not_written_through() {
        let folder = folder("link");
        let (target, link) = (folder.join("target"), folder.join("link"));
        fs::write(&target, "mine").expect("written");
        std::os::unix::fs::symlink(&target, &link).expect("a link");
        let error = write_own(&link, b"ours").expect_err("it is a link").to_string();
        assert!(error.contains("symbolic link"), "{error}");
        assert_eq!(fs::read_to_string(&target).expect("there"), "mine");
        fs::remove_dir_all(folder).expect("ours");
    }
}
