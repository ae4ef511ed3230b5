//! Lines: writing them, and reading what a crash, an older or a newer version left.

#[cfg(feature = "read")]
use serde::Deserialize;
use serde::Serialize;
#[cfg(feature = "read")]
use serde::de::DeserializeOwned;

use super::Record;
use crate::json;

#[cfg(feature = "read")]
/// Why a line could not be read.
#[derive(Debug)]
pub struct RecordError(RecordErrorKind);

#[cfg(feature = "read")]
#[derive(Debug)]
enum RecordErrorKind {
    /// It ends in the middle.
    Truncated,
    /// It is no line of a record.
    Malformed(serde_json::Error),
}

#[cfg(feature = "read")]
impl RecordError {
    /// Returns whether the line merely ends too early: the writer was killed. Everything before it
    /// is good.
    pub fn is_truncated(&self) -> bool {
        matches!(self.0, RecordErrorKind::Truncated)
    }
}

#[cfg(feature = "read")]
impl std::fmt::Display for RecordError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            RecordErrorKind::Truncated => f.write_str("the line ends in the middle"),
            RecordErrorKind::Malformed(error) => write!(f, "not a line of a run record: {error}"),
        }
    }
}

#[cfg(feature = "read")]
impl std::error::Error for RecordError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            RecordErrorKind::Truncated => None,
            RecordErrorKind::Malformed(error) => Some(error),
        }
    }
}

impl Record {
    /// Returns the record as one line, newline included. The kind comes first, so that a reader can
    /// look before it parses.
    pub fn to_line(&self) -> String {
        match self {
            Self::Run(body) => tagged("run", body),
            Self::Class(body) => tagged("class", body),
            Self::Dependency(body) => tagged("dependency", body),
            Self::Usage(body) => tagged("usage", body),
            Self::Report(body) => tagged("report", body.as_ref()),
            Self::Hang(body) => body.json_line(),
            Self::Stat(body) => tagged("stat", body),
            Self::End(body) => tagged("end", body),
            Self::Unknown(kind) => tagged(kind, &Empty {}),
        }
    }

    /// Reads one line, with or without its newline. Behind the feature `read`.
    ///
    /// # Errors
    ///
    /// If it is cut short ([`RecordError::is_truncated`]) or is no line of a record. A line of an
    /// unknown kind is no error but [`Record::Unknown`].
    #[cfg(feature = "read")]
    pub fn parse_line(line: &[u8]) -> Result<Self, RecordError> {
        #[derive(Deserialize)]
        struct Tag {
            record: String,
        }
        let tag = match quick_tag(line) {
            Some(tag) => tag,
            None => &parse::<Tag>(line)?.record,
        };
        Ok(match tag {
            "run" => Self::Run(parse(line)?),
            "class" => Self::Class(parse(line)?),
            "dependency" => Self::Dependency(parse(line)?),
            "usage" => Self::Usage(parse(line)?),
            "report" => Self::Report(Box::new(parse(line)?)),
            "hang" => Self::Hang(Box::new(parse(line)?)),
            "stat" => Self::Stat(parse(line)?),
            "end" => Self::End(parse(line)?),
            other => {
                // Even a line that is not understood must be whole, or a cut would pass unnoticed.
                let _: serde::de::IgnoredAny = parse(line)?;
                Self::Unknown(other.to_owned())
            }
        })
    }
}

/// Returns the whole lines of `bytes`, and whether bytes without a newline follow them: the mark of
/// a writer that was killed.
///
/// ```
/// use lockdep_report::record::whole_lines;
/// let (lines, cut) = whole_lines(b"{}\n{}\n{\"rec");
/// assert_eq!((lines.count(), cut), (2, true));
/// ```
pub fn whole_lines(bytes: &[u8]) -> (impl Iterator<Item = &[u8]>, bool) {
    let end = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    let lines = bytes[..end].split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    (lines, end != bytes.len())
}

#[derive(Serialize)]
struct Empty {}

/// Serialises `body` with `record` as its first field, without a second pass over the value.
fn tagged<T: Serialize>(kind: &str, body: &T) -> String {
    let body = json::to_string(body);
    let kind = json::to_string(kind);
    let rest = body.strip_prefix('{').expect("every record is an object");
    let comma = if rest.starts_with('}') { "" } else { "," };
    format!("{{\"record\":{kind}{comma}{rest}\n")
}

#[cfg(feature = "read")]
/// The kind, if the line begins as [`Record::to_line`] writes it; saves a pass over millions of
/// lines.
fn quick_tag(line: &[u8]) -> Option<&str> {
    let rest = line.strip_prefix(br#"{"record":""#)?;
    let end = rest.iter().position(|&byte| byte == b'"')?;
    let tag = std::str::from_utf8(&rest[..end]).ok()?;
    if tag.contains('\\') { None } else { Some(tag) }
}

#[cfg(feature = "read")]
fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<T, RecordError> {
    serde_json::from_slice(line).map_err(|error| {
        RecordError(if error.is_eof() {
            RecordErrorKind::Truncated
        } else {
            RecordErrorKind::Malformed(error)
        })
    })
}

#[cfg(all(test, feature = "read"))]
mod tests {
    use super::*;
    use crate::hang_report::{HangReport, HangThread};
    use crate::place::{Frame, Frames, Place};
    use crate::record::{
        ClassRecord, DependencyRecord, Durations, EndRecord, RecordedLock, RunRecord, SCHEMA, StatRecord,
        UsageRecord,
    };
    use lockdep_validator::{ClassHash, Mode, Wait};

    fn place(line: u32) -> Place {
        Place { file: "src/a.rs".into(), line, column: 9, ..Place::default() }
    }

    fn lock(class: u64, mode: Mode) -> RecordedLock {
        RecordedLock {
            class: ClassHash(class),
            mode,
            wait: Wait::Blocking,
            instance: 3,
            address: 0,
            site: place(4),
        }
    }

    fn every_kind() -> Vec<Record> {
        let mut wait = Durations::default();
        wait.add(0);
        wait.add(1500);
        vec![
            Record::Run(RunRecord {
                schema: SCHEMA,
                pid: 4,
                args: vec!["\"\n".into()],
                ..RunRecord::default()
            }),
            Record::Class(ClassRecord {
                hash: ClassHash(1),
                name: Some("vm_lock".into()),
                kind: "Mutex".into(),
                type_name: "u32".into(),
                file: "src/a.rs".into(),
                site: place(1),
                subclass: 1,
                declared: true,
                single_instance: true,
                wait_outer: String::new(),
                wait_inner: "spin".into(),
                ordered: true,
            }),
            Record::Dependency(DependencyRecord {
                from: lock(1, Mode::Shared),
                to: RecordedLock { wait: Wait::Timed, address: 64, ..lock(u64::MAX, Mode::SharedRecursive) },
                thread: "tests::transfer".into(),
                task: 2,
                segment: 1,
                direct: false,
                unpublished: true,
                gates: vec![ClassHash(9)],
                guards: vec![ClassHash(10)],
                frames_held: Frames {
                    exact: true,
                    frames: vec![Frame { function: "f".into(), ..Frame::default() }],
                    first_seen: Vec::new(),
                },
                frames_acquire: Frames::default(),
            }),
            Record::Hang(Box::new(HangReport {
                pid: 4,
                threads: vec![HangThread::default()],
                ..HangReport::default()
            })),
            Record::Usage(UsageRecord {
                class: ClassHash(1),
                context: "signal".into(),
                inside: true,
                mode: Mode::Exclusive,
                site: place(2),
                thread: String::new(),
            }),
            Record::Stat(StatRecord {
                class: ClassHash(1),
                site: place(3),
                mode: Mode::Exclusive,
                n_acquisitions: 5,
                n_contentions: 2,
                wait,
                hold: Durations::default(),
            }),
            Record::End(EndRecord { unseen: vec![("re-entered".into(), 2)], ..EndRecord::default() }),
        ]
    }

    #[test]
    fn every_kind_survives_a_round_trip() {
        for record in every_kind() {
            let line = record.to_line();
            assert_eq!(line.matches('\n').count(), 1, "one line: {line}");
            assert_eq!(Record::parse_line(line.as_bytes()).expect(&line), record);
        }
    }

    #[test]
    fn a_line_cut_anywhere_is_called_truncated() {
        for record in every_kind() {
            let line = record.to_line();
            for cut in 1..line.len() - 2 {
                let Some(part) = line.get(..cut) else { continue };
                let error = Record::parse_line(part.as_bytes()).expect_err(part);
                assert!(error.is_truncated(), "{part}: {error}");
            }
        }
    }

    #[test]
    fn newer_fields_and_kinds_are_no_errors() {
        let line = br#"{"brand":"new","record":"end","counters":{"classes":3,"later":1},"more":[]}"#;
        let Ok(Record::End(end)) = Record::parse_line(line) else { panic!("not read") };
        assert_eq!(end.counters.classes, 3);
        let line = br#"{"record":"weather","rain":true}"#;
        assert_eq!(Record::parse_line(line).expect("readable"), Record::Unknown("weather".into()));
    }

    #[test]
    fn what_is_no_record_is_an_error() {
        for line in ["[1]", "hello", r#"{"record":"class","hash":"xyz"}"#, r#"{"record":5}"#] {
            let error = Record::parse_line(line.as_bytes()).expect_err(line);
            assert!(!error.is_truncated(), "{line}");
        }
    }

    #[test]
    fn durations_fall_into_powers_of_two() {
        let mut a = Durations::default();
        for ns in [5, 1, 1024, 1023] {
            a.add(ns);
        }
        assert_eq!((a.min_ns, a.max_ns, a.mean_ns()), (1, 1024, 513));
        assert_eq!((a.buckets[0], a.buckets[2], a.buckets[9], a.buckets[10]), (1, 1, 1, 1));
        let mut b = Durations::default();
        b.merge(&a);
        b.merge(&Durations::default());
        assert_eq!(a, b);
    }
}
