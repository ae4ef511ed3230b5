//! What is left to say where no copy of the process could make the report: lines without symbols,
//! written by system calls, from memory that was there before.

use std::fmt::{self, Write};

use lockdep_report::hang_report::HANG_SCHEMA;

use super::ask::Ask;
use super::copy::Failure;
use super::stop;
use crate::runtime::identity::site;
use crate::runtime::output::raw_record;
use crate::runtime::output::sink::write_stderr;
use crate::runtime::wait::{minimal, slots};

/// How long the text may be.
const SIZE: usize = 32 << 10;
/// How many threads are named.
const MAX_THREADS: usize = 100;

/// Text in a fixed place. What does not fit is left out.
struct Text {
    bytes: [u8; SIZE],
    n_bytes: usize,
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.n_bytes..).unwrap_or_default();
        let n_bytes = text.len().min(room.len());
        room[..n_bytes].copy_from_slice(&text.as_bytes()[..n_bytes]);
        self.n_bytes += n_bytes;
        if n_bytes == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

/// Writes what is left to say.
pub(super) fn write(ask: Ask, failure: Failure) {
    let mut text = Text { bytes: [0; SIZE], n_bytes: 0 };
    let error = match failure {
        Failure::Refused(error) => error,
        _ => 0,
    };
    let _ = write!(text, "lockdep: the hang report could not be made: {}", failure.as_str());
    let _ = if error == 0 { text.write_str("\n") } else { writeln!(text, " (error {error})") };
    lines(&mut text, "", "\n");
    // What cannot be written is lost: there is no other place.
    let _ = write_stderr(&text.bytes[..text.n_bytes]);
    let mut line = Text { bytes: [0; SIZE], n_bytes: 0 };
    let reason = match ask.reason {
        lockdep_report::hang_report::HangReason::Timeout => "timeout",
        lockdep_report::hang_report::HangReason::Terminated => "terminated",
        lockdep_report::hang_report::HangReason::Signal => "signal",
        _ => "still",
    };
    let _ = write!(
        line,
        "{{\"record\":\"hang\",\"schema\":{HANG_SCHEMA},\"pid\":{},\"reason\":\"{reason}\",\"remarks\":[\"the report could not be made: {}\"],\"lines\":[",
        std::process::id(),
        failure.as_str()
    );
    lines(&mut line, "\"", "\",");
    // The last line has a comma behind it.
    line.n_bytes = line.n_bytes.saturating_sub(1);
    let _ = line.write_str("]}\n");
    raw_record::write(&line.bytes[..line.n_bytes]);
}

/// One line for each thread that waits.
fn lines(text: &mut Text, before: &str, after: &str) {
    let mut n_threads = 0;
    for slot in slots() {
        let Some((kind, at, waited_ms)) = minimal(slot) else { continue };
        n_threads += 1;
        // Room for the end of the line of JSON.
        if n_threads > MAX_THREADS || text.n_bytes + 1024 > SIZE {
            break;
        }
        let _ = write!(text, "{before}thread {} has waited {waited_ms} ms for {kind}", slot.os_id());
        if let Some(location) = site::location(at) {
            // A path with a quotation mark would end the text of the record.
            let file = location.file();
            let file = if file.contains(['"', '\\']) { "a file" } else { file };
            let _ = write!(text, " at {file}:{}", location.line());
        }
        let _ = text.write_str(after);
    }
    let _ = write!(
        text,
        "{before}{} threads, {n_threads} of them in a wait that is watched{after}",
        stop::cells().len()
    );
}
