//! A line of a record, with everything in it made printable before anything else sees it.
//!
//! Names of threads, types, files and tests come from programs, and a record from anywhere. Cleaned
//! here, they are clean in every format, in every message, and in the files that we write.

use lockdep_report::record::{Record, RecordError};
use serde_json::Value;

use crate::printable;

/// Parses one line.
///
/// # Errors
///
/// As [`Record::parse_line`].
pub(super) fn parse_line(line: &[u8]) -> Result<Record, RecordError> {
    if !may_hold_unprintable(line) {
        return Record::parse_line(line);
    }
    let Ok(mut value) = serde_json::from_slice::<Value>(line) else { return Record::parse_line(line) };
    clean(&mut value);
    Record::parse_line(value.to_string().as_bytes())
}

/// Whether there is an escape of JSON's in it, or a byte with which one of the characters begins.
fn may_hold_unprintable(line: &[u8]) -> bool {
    line.iter().enumerate().any(|(at, byte)| match byte {
        b'\\' => !matches!(line.get(at + 1), Some(b'"' | b'\\' | b'/')),
        // The beginning of a command to a workflow runner.
        b'#' => line.get(at + 1) == Some(&b'#'),
        0x7f | 0xc2 | 0xd8 | 0xe1 | 0xe2 | 0xef | 0xf3 => true,
        _ => false,
    })
}

fn clean(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let std::borrow::Cow::Owned(printable) = printable::line(text) {
                *text = printable;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(clean),
        Value::Object(fields) => fields.values_mut().for_each(clean),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_printable_and_numbers_stay() {
        let line = "{\"record\":\"dependency\",\"from\":{\"class\":\"00000000000000aa\",\"mode\":\"exclusive\",\
                    \"instance\":18446744073709551615},\"to\":{\"class\":\"00000000000000bb\",\"mode\":\"exclusive\"},\
                    \"thread\":\"a\\u001b[2J\\n::error::\u{202e}\"}";
        let Ok(Record::Dependency(dependency)) = parse_line(line.as_bytes()) else { panic!("not read") };
        assert_eq!(dependency.thread, "a\\u{1b}[2J\\n::error::\\u{202e}");
        assert_eq!(dependency.from.instance, u64::MAX);
        let cut = parse_line(&line.as_bytes()[..line.len() - 20]).expect_err("it is cut");
        assert!(cut.is_truncated());
    }
}
