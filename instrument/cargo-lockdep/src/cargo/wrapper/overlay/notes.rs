//! What was done with a crate that has an overlay, for the runs that find it compiled.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// What was done with a crate.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) outcome: Outcome,
}

/// How a crate was compiled.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// From the patched copy, but for these parts, each with the reason.
    Overlaid { left_out: Vec<(String, String)> },
    /// From its own sources, for this reason.
    Original(String),
}

impl Note {
    pub(super) fn of(name: &str, version: &str, outcome: Outcome) -> Self {
        Self { name: name.to_owned(), version: version.to_owned(), outcome }
    }

    /// Writes the note. A run that finds none says that the crate's locks are not seen.
    pub(super) fn write(&self, folder: &Path, suffix: &str) {
        let path = folder.join(format!("{}-{}{suffix}.json", self.name, self.version));
        if let Ok(text) = serde_json::to_string(self) {
            let _ = fs::create_dir_all(folder);
            let _ = fs::write(path, text);
        }
    }

    /// Whether the crate's async locks are seen.
    pub(crate) fn is_overlaid(&self) -> bool {
        matches!(self.outcome, Outcome::Overlaid { .. })
    }

    /// What a run says about it.
    pub(crate) fn sentence(&self) -> String {
        let Self { name, version, outcome } = self;
        match outcome {
            Outcome::Overlaid { left_out } => {
                let parts: Vec<String> =
                    left_out.iter().map(|(part, why)| format!("; {part} is not seen: {why}")).collect();
                format!("tasks and async locks of {name} {version} are watched{}", parts.concat())
            }
            Outcome::Original(why) => {
                format!("tasks and async locks of {name} {version} are not watched: {why}")
            }
        }
    }
}

/// The notes in the folder, each once.
pub(crate) fn read_notes(folder: &Path) -> Vec<Note> {
    let mut notes: Vec<Note> = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = fs::read_to_string(path).unwrap_or_default();
        if let Ok(note) = serde_json::from_str(&text)
            && !notes.contains(&note)
        {
            notes.push(note);
        }
    }
    notes.sort_by_key(Note::sentence);
    notes
}
