//! The lines of one record, read whole or as it grows.

use std::fs::File;
use std::io::{self, BufReader, Seek as _, SeekFrom};
use std::ops::ControlFlow;
use std::path::PathBuf;

use lockdep_report::record::{Record, RecordError};

use super::foreign;
use crate::input;

/// Reads one record, each line once.
#[derive(Debug)]
pub(crate) struct RecordReader {
    path: PathBuf,
    /// Where the first line begins that was not complete yet.
    offset: u64,
    n_lines: usize,
    /// Whether a line is longer than any can be: what follows is not read.
    is_given_up: bool,
}

/// A complete line.
#[derive(Debug)]
pub(crate) struct Line {
    /// Counted from 1.
    pub(crate) number: usize,
    pub(crate) n_bytes: usize,
    pub(crate) record: Result<Record, RecordError>,
}

/// Where reading came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reached {
    /// Every line is complete.
    End,
    /// The last line is not complete, or not yet.
    CutLine,
    /// The caller wanted no more.
    Stopped,
}

impl RecordReader {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, offset: 0, n_lines: 0, is_given_up: false }
    }

    /// Opens the record, for one call of [`Self::read`].
    ///
    /// # Errors
    ///
    /// As [`input::open`].
    pub(crate) fn open(&self) -> io::Result<File> {
        input::open(&self.path)
    }

    /// Hands over each line that was completed since the last call, until `take` breaks.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or a line is longer than [`input::MAX_LINE_BYTES`]:
    /// [`io::ErrorKind::FileTooLarge`], once, and then nothing more is read.
    pub(crate) fn read(
        &mut self,
        mut file: File,
        mut take: impl FnMut(Line) -> ControlFlow<()>,
    ) -> io::Result<Reached> {
        if self.is_given_up || file.metadata()?.len() <= self.offset {
            return Ok(Reached::End);
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let mut reader = BufReader::with_capacity(1 << 18, file);
        let mut line = Vec::new();
        loop {
            let n_bytes = input::read_line(&mut reader, &mut line).inspect_err(|error| {
                self.is_given_up |= error.kind() == io::ErrorKind::FileTooLarge;
            })?;
            if n_bytes == 0 {
                return Ok(Reached::End);
            }
            if !line.ends_with(b"\n") {
                return Ok(Reached::CutLine);
            }
            self.offset += n_bytes as u64;
            self.n_lines += 1;
            if line.trim_ascii().is_empty() {
                continue;
            }
            let line = Line { number: self.n_lines, n_bytes, record: foreign::parse_line(&line) };
            if take(line).is_break() {
                return Ok(Reached::Stopped);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_record_that_grows_is_read_line_by_line_and_each_line_once() {
        let path = std::env::temp_dir().join(format!("lockdep-reader-{}.jsonl", std::process::id()));
        let mut file = File::create(&path).expect("a temporary file");
        let mut reader = RecordReader::new(path.clone());
        let poll = |reader: &mut RecordReader| {
            let mut lines = Vec::new();
            let opened = reader.open().expect("there");
            let reached = reader.read(opened, |line| {
                lines.push((line.number, line.record.is_ok()));
                ControlFlow::Continue(())
            });
            (lines, reached.expect("readable"))
        };
        file.write_all(b"{\"record\":\"run\",\"schema\":1}\n\nno").expect("written");
        assert_eq!(poll(&mut reader), (vec![(1, true)], Reached::CutLine));
        assert_eq!(poll(&mut reader), (vec![], Reached::CutLine));
        file.write_all(b"thing\n").expect("written");
        assert_eq!(poll(&mut reader), (vec![(3, false)], Reached::End));
        assert_eq!(poll(&mut reader), (vec![], Reached::End));
        fs::remove_file(path).expect("ours");
    }

    #[test]
    fn a_line_without_end_is_given_up_once() {
        let path = std::env::temp_dir().join(format!("lockdep-long-line-{}.jsonl", std::process::id()));
        let file = File::create(&path).expect("a temporary file");
        file.set_len(input::MAX_LINE_BYTES + 1).expect("a file with a hole");
        let mut reader = RecordReader::new(path.clone());
        let mut poll = || {
            let opened = reader.open().expect("there");
            reader.read(opened, |_| ControlFlow::Continue(())).map_err(|error| error.kind())
        };
        assert_eq!(poll(), Err(io::ErrorKind::FileTooLarge));
        assert_eq!(poll(), Ok(Reached::End));
        fs::remove_file(path).expect("ours");
    }
}
