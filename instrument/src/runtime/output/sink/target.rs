//! Where the bytes of reports go: the standard error stream, or a file that falls back to it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::own_file::{Creation, OwnFile};
use crate::runtime::process::own_id;
use crate::runtime::process::stderr::{notice, write_stderr};
use crate::runtime::settings::config::Output;

/// Where the bytes of reports go.
#[derive(Debug)]
pub(crate) enum Target {
    /// The standard error stream.
    Stderr,
    /// The null device: nothing needs to be written, or kept open.
    Nothing,
    /// A file that is appended to, each report by one write.
    File { pattern: PathBuf, open: Mutex<State> },
}

/// What has become of the file.
#[derive(Debug)]
pub(crate) enum State {
    /// Not opened yet.
    Closed,
    /// Open, by the process of this id.
    Open(OwnFile, u32),
    /// It could not be opened or written; said once.
    Failed,
}

impl Target {
    pub(crate) fn new(output: &Output) -> Self {
        match output {
            Output::Stderr => Self::Stderr,
            Output::File(path) if is_null(path) => Self::Nothing,
            Output::File(pattern) => Self::File { pattern: pattern.clone(), open: Mutex::new(State::Closed) },
        }
    }

    /// Opens the file now.
    pub(crate) fn open(&self) {
        if let Self::File { pattern, open } = self {
            open.lock().unwrap_or_else(PoisonError::into_inner).file(pattern);
        }
    }

    /// Writes the bytes; returns false if they could be written nowhere.
    pub(crate) fn write(&self, bytes: &[u8]) -> bool {
        let written = match self {
            Self::Nothing => true,
            Self::Stderr => false,
            Self::File { pattern, open } => {
                open.lock().unwrap_or_else(PoisonError::into_inner).write(pattern, bytes)
            }
        };
        written || write_stderr(bytes).is_ok()
    }
}

#[cfg(unix)]
fn is_null(path: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt as _;
    let path = std::ffi::CString::new(path.as_os_str().as_bytes());
    path.is_ok_and(|path| {
        crate::runtime::system::descriptor::kind_at(&path)
            == Some(crate::runtime::system::descriptor::Kind::Null)
    })
}

#[cfg(not(unix))]
fn is_null(_path: &Path) -> bool {
    false
}

impl State {
    fn write(&mut self, pattern: &Path, bytes: &[u8]) -> bool {
        let Some(file) = self.file(pattern) else { return false };
        match file.write_all(bytes) {
            Ok(()) => true,
            Err(error) => {
                notice(&format!("cannot write to {}: {error}; reports go to stderr", pattern.display()));
                *self = Self::Failed;
                false
            }
        }
    }

    /// The open file of this process. The child of a fork opens its own where the path carries the
    /// process id.
    fn file(&mut self, pattern: &Path) -> Option<&mut OwnFile> {
        let pid = own_id::get();
        let is_stale = match self {
            Self::Closed => true,
            Self::Open(_, opened_by) => *opened_by != pid && has_pid(pattern),
            Self::Failed => false,
        };
        if is_stale {
            let path = expand(pattern, pid);
            *self = match OwnFile::open(path.clone(), Creation::IfMissing) {
                Ok(file) => Self::Open(file, pid),
                Err(error) => {
                    notice(&format!(
                        "cannot open LOCKDEP_OUTPUT={}: {error}; reports go to stderr",
                        path.display()
                    ));
                    Self::Failed
                }
            };
        }
        match self {
            Self::Open(file, _) => Some(file),
            Self::Closed | Self::Failed => None,
        }
    }
}

fn has_pid(pattern: &Path) -> bool {
    pattern.to_str().is_some_and(|pattern| pattern.contains("%p"))
}

fn expand(pattern: &Path, pid: u32) -> PathBuf {
    match pattern.to_str() {
        Some(text) => text.replace("%p", &pid.to_string()).into(),
        // A path that is not UTF-8 is taken as it is.
        None => pattern.to_path_buf(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_id_stands_where_the_pattern_says() {
        assert_eq!(expand(Path::new("a/%p/r-%p.txt"), 7), Path::new("a/7/r-7.txt"));
        assert!(has_pid(Path::new("r-%p")) && !has_pid(Path::new("r")));
    }

    #[test]
    fn a_file_that_cannot_be_opened_fails_once_and_for_all() {
        let mut state = State::Closed;
        let pattern = Path::new("/nonexistent/folder/report");
        assert!(!state.write(pattern, b"x"));
        assert!(matches!(state, State::Failed));
        assert!(!state.write(pattern, b"x"));
    }
}
