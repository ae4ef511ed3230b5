//! What is said about the settings: the file that `init` writes, the schema for editors, and what
//! holds.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::Settings;
use super::file::{CI_PROFILE, DEFAULT_PROFILE};
use super::keys::{KEYS, Key, Kind};

/// Where the schema is published.
const SCHEMA_URL: &str = "https://lockdep-rs.github.io/lockdep/lockdep.schema.json";

/// The file that `init` writes: each key commented, with what holds without it.
pub(crate) fn template() -> String {
    let mut text = format!(
        "#:schema {SCHEMA_URL}\n\
         # What `cargo lockdep` does in this project. Options and LOCKDEP_* variables override this file.\n\
         # `cargo lockdep show-config` shows the result. Paths start at the directory that has `.config`.\n\n\
         # Always applies. Other profiles add to it.\n[profile.{DEFAULT_PROFILE}]\n"
    );
    for key in &KEYS {
        let built_in = match key.built_in {
            "" => "nothing".to_owned(),
            text => format!("`{text}`"),
        };
        let _ = writeln!(
            text,
            "\n# {}\n# Takes {}. Default: {built_in}.\n# {} = {}",
            key.meaning,
            key.kind.words(),
            key.name,
            key.example
        );
    }
    let _ = write!(
        text,
        "\n# Applies with `--lockdep-profile {CI_PROFILE}` or CARGO_LOCKDEP_PROFILE={CI_PROFILE}.\n[profile.{CI_PROFILE}]\ntimeout = 1800\n"
    );
    text
}

/// The JSON schema of the file.
pub(crate) fn schema() -> String {
    let properties: Map<String, Json> = KEYS.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let profile = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": SCHEMA_URL,
        "title": "The settings of cargo lockdep",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "profile": {
                "type": "object",
                "description": "The profiles by name. `default` always applies, and the chosen one overrides it.",
                "additionalProperties": { "$ref": "#/definitions/profile" }
            }
        },
        "definitions": { "profile": profile }
    });
    let mut text = serde_json::to_string_pretty(&schema).expect("it is JSON already");
    text.push('\n');
    text
}

fn property(key: &Key) -> Json {
    let names = json!({ "type": "array", "items": { "type": "string" } });
    let mut property = match key.kind {
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Seconds => json!({ "type": "integer", "minimum": 1 }),
        Kind::Signal => json!({
            "type": "string",
            "pattern": "^(SIG)?(HUP|INT|QUIT|USR1|USR2|WINCH|URG|IO|RTMIN\\+[0-9]{1,2})$"
        }),
        Kind::Path => json!({ "type": "string", "minLength": 1 }),
        Kind::Names => names,
        Kind::Deny => json!({
            "anyOf": [
                { "enum": ["errors", "warnings", "notes"] },
                { "type": "string", "pattern": "^[Ll][Dd][0-9]{4}(, *[Ll][Dd][0-9]{4})*$" },
                { "type": "array", "items": { "type": "string", "pattern": "^[Ll][Dd][0-9]{4}$" } }
            ]
        }),
    };
    if let Some(property) = property.as_object_mut() {
        property.insert("description".to_owned(), key.meaning.into());
        if let Ok(built_in) = serde_json::from_str::<Json>(key.built_in) {
            property.insert("default".to_owned(), built_in);
        }
    }
    property
}

/// What holds, as TOML, with what settled each value in a comment.
pub(crate) fn show(settings: &Settings) -> String {
    let mut text = match &settings.file {
        Some(file) => format!("# {file}, profile `{}`\n", settings.profile),
        None => format!(
            "# there is no .config/lockdep.toml here (`cargo lockdep init` writes one), profile `{}`\n",
            settings.profile
        ),
    };
    for key in &KEYS {
        let above = match key.option {
            Some(option) => format!("; `{option}` overrides it"),
            None => String::new(),
        };
        let (line, origin) = match settings.values.get(key.name) {
            Some(setting) => (format!("{} = {}", key.name, setting.value), setting.origin.as_str()),
            None if key.built_in.is_empty() => (format!("# {} is not set", key.name), "built in"),
            None => (format!("{} = {}", key.name, key.built_in), "built in"),
        };
        let _ = writeln!(text, "{line}  # {origin}{above}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::file::File;
    use super::*;

    /// Each key of the template, with its comment mark removed, is one that the reader takes.
    #[test]
    fn the_file_that_init_writes_is_right_as_it_is_and_with_every_key() {
        let text = template();
        let ci = &File::parse(&text, "f").expect("as it is").profiles["ci"];
        assert_eq!(ci.len(), 1);
        let mut whole = text;
        for key in &KEYS {
            whole = whole.replace(&format!("# {} = ", key.name), &format!("{} = ", key.name));
        }
        let default = &File::parse(&whole, "f").expect("with every key").profiles["default"];
        assert_eq!(default.len(), KEYS.len(), "{whole}");
    }

    #[test]
    fn the_published_schema_is_that_of_the_types() {
        let published = include_str!("../../../../docs/src/lockdep.schema.json");
        assert_eq!(
            published,
            schema(),
            "write `cargo lockdep show-config --schema` to docs/src/lockdep.schema.json"
        );
    }

    #[test]
    fn the_page_has_a_row_for_each_key() {
        let page = include_str!("../../../../docs/src/configuration.md");
        for key in &KEYS {
            let row = format!("| `{}` | {} |", key.name, key.meaning);
            assert!(page.contains(&row), "configuration.md lacks {row}");
        }
    }
}
