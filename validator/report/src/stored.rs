//! Notes and advice in JSON: sentences for people, and beside them the data that they are made of.
//!
//! A sentence without data, as older and newer versions write it, is kept verbatim.

use serde::Deserialize;
use serde::de::IgnoredAny;

/// Data that this version knows, or something else.
#[derive(Deserialize)]
#[serde(untagged)]
enum Read<T> {
    Known(T),
    Other(IgnoredAny),
}

/// The data of each sentence; the sentence itself where there is none.
fn paired<T: From<String>>(sentences: Vec<String>, data: Vec<Read<T>>) -> Vec<T> {
    if sentences.len() != data.len() {
        return sentences.into_iter().map(T::from).collect();
    }
    let join = |(sentence, data): (String, Read<T>)| match data {
        Read::Known(known) => known,
        Read::Other(_) => T::from(sentence),
    };
    sentences.into_iter().zip(data).map(join).collect()
}

macro_rules! stored {
    ($(#[$doc:meta])* $module:ident: $type:ident as $sentences:ident, $data:ident) => {
        $(#[$doc])*
        pub(super) mod $module {
            use serde::{Deserialize, Deserializer, Serialize, Serializer};

            use super::{Read, paired};
            use crate::$module::$type;
            use crate::sentences;

            #[derive(Serialize)]
            struct Written<'a> {
                $sentences: Vec<String>,
                #[serde(skip_serializing_if = "<[_]>::is_empty")]
                $data: &'a [$type],
            }

            #[derive(Deserialize)]
            struct Stored {
                #[serde(default)]
                $sentences: Vec<String>,
                #[serde(default = "Vec::new")]
                $data: Vec<Read<$type>>,
            }

            pub(crate) fn serialize<S: Serializer>(
                list: &[$type],
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                Written { $sentences: sentences::of(list), $data: list }.serialize(serializer)
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Vec<$type>, D::Error> {
                let stored = Stored::deserialize(deserializer)?;
                Ok(paired(stored.$sentences, stored.$data))
            }
        }
    };
}

stored! {
    /// `notes`, and `reasons` beside them.
    note: Note as notes, reasons
}

stored! {
    /// `help`, and `advice` beside it.
    advice: Advice as help, advice
}

#[cfg(all(test, feature = "read"))]
mod tests {
    use serde_json::Value;

    use crate::advice::Advice;
    use crate::model::Report;
    use crate::note::Note;
    use crate::record::Record;
    use crate::render::{NoSource, TextOptions, json_line, text};

    /// Lines of records that a version wrote which stored sentences only.
    const OLD: &str = include_str!("stored_reports/before_data.jsonl");

    fn read(line: &str) -> Report {
        match Record::parse_line(line.as_bytes()) {
            Ok(Record::Report(report)) => *report,
            other => panic!("{line}: {other:?}"),
        }
    }

    /// What a report has besides the data of its sentences.
    fn without_data(line: &str) -> Value {
        let mut value: Value = serde_json::from_str(line).expect("JSON");
        let fields = value.as_object_mut().expect("an object");
        for added in ["record", "reasons", "advice"] {
            fields.remove(added);
        }
        value
    }

    #[test]
    fn stored_reports_read_render_and_keep_their_fields_and_sentences() {
        for line in OLD.lines() {
            let report = read(line);
            let written = json_line(&report);
            assert_eq!(without_data(&written), without_data(line), "every field as it was");
            assert_eq!(read(&written.replacen('{', r#"{"record":"report","#, 1)), report);
            let shown = text(&report, &TextOptions::default(), &NoSource);
            assert!(!report.help.is_empty());
            for (sentence, word) in report.notes.iter().map(|note| (note.to_string(), "note")) {
                assert!(shown.contains(&format!("= {word}: {sentence}\n")), "{shown}");
            }
            assert!(report.notes.iter().all(|note| matches!(note, Note::Verbatim { .. })), "{report:?}");
            assert!(report.help.iter().all(|help| matches!(help, Advice::Verbatim { .. })), "{report:?}");
        }
        assert_eq!(OLD.lines().count(), 3);
    }

    #[test]
    fn a_sentence_whose_data_is_not_known_is_kept_and_what_is_known_is_data() {
        let line = OLD.lines().next().expect("there are some");
        let mut value: Value = serde_json::from_str(line).expect("JSON");
        value["notes"] = serde_json::json!(["said so", "as a newer version says"]);
        value["reasons"] =
            serde_json::json!([{"reason": "same_objects", "later": 1}, {"reason": "by_magic", "wand": true}]);
        let verbatim = |sentence: &str| Note::Verbatim { sentence: sentence.into() };
        let report = read(&value.to_string());
        assert_eq!(report.notes, [Note::SameObjects, verbatim("as a newer version says")]);
        value["reasons"] = serde_json::json!([{"reason": "same_objects"}]);
        let report = read(&value.to_string());
        assert_eq!(report.notes, [verbatim("said so"), verbatim("as a newer version says")]);
        value["code"] = "LD0099".into();
        assert_eq!(read(&value.to_string()).code.to_string(), "LD0099");
    }
}
