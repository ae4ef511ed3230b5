//! Files that variables name, and sources: read once, whole, and only if they are what they seem to
//! be.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::path::Path;

/// A file that a variable names has at most this many bytes.
pub(crate) const MAX_BYTES: u64 = 16 << 20;

/// Reads the text of a regular file of at most `max_bytes`.
///
/// # Errors
///
/// What is wrong, without the path: the file cannot be opened or read, it is too large, it is not
/// UTF-8, or it is not a regular file. A pipe would hang the program.
pub(crate) fn read(path: &Path, max_bytes: u64) -> Result<String, String> {
    let file = open(path).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    // Some files of the system say that they are empty, so the bytes count, not the length.
    file.take(max_bytes + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > max_bytes {
        return Err(format!("it is longer than {max_bytes} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

/// Opens the file without waiting for another process.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_small_regular_file_of_text_is_read() {
        let path = std::env::temp_dir().join(format!("lockdep-input-{}", std::process::id()));
        std::fs::write(&path, "four").expect("writable");
        assert_eq!(read(&path, 4).as_deref(), Ok("four"));
        assert_eq!(read(&path, 3), Err("it is longer than 3 bytes".to_owned()));
        std::fs::write(&path, [0xff]).expect("writable");
        assert_eq!(read(&path, 4), Err("it is not UTF-8".to_owned()));
        std::fs::remove_file(path).expect("ours");
        #[cfg(unix)]
        for special in ["/dev/zero", "/dev/null", "/"] {
            assert_eq!(read(Path::new(special), 4), Err("it is not a regular file".to_owned()), "{special}");
        }
    }
}
