//! A file of ours, where descriptors are not numbers that the program could close.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;

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
pub(crate) struct OwnFile(File);

impl OwnFile {
    /// Opens the file.
    ///
    /// # Errors
    ///
    /// It cannot be opened.
    pub(crate) fn open(path: PathBuf, creation: Creation) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.append(true).create(creation == Creation::IfMissing).create_new(creation == Creation::New);
        options.open(path).map(Self)
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }
}
