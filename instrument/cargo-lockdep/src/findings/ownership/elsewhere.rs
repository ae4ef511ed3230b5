//! Finds the files of a crate that define a type.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::files::Files;
use super::parse;
use crate::source::Sources;

/// How many files are read for one acquisition.
const MAX_FILES: usize = 12;

/// The name and the lines of a file.
pub(super) type Text<'t> = (&'t str, &'t [String]);

/// What `ask` finds in the file and in those that are known to matter. Others of the crate follow
/// if they have types which these lack.
pub(super) fn ask<T: Send>(
    own: Text<'_>,
    known: &[Text<'_>],
    sources: &Sources,
    ask: impl Fn(&Files<'_>) -> Option<T> + Sync,
) -> Option<T> {
    let mut others = Others { known: vec![own.0], asked_for: BTreeSet::new(), files: Vec::new() };
    let mut texts = vec![own.1];
    for (name, lines) in known.iter().filter(|(name, _)| *name != own.0) {
        others.known.push(name);
        texts.push(lines);
    }
    loop {
        let lines: Vec<&[String]> = texts.iter().copied().chain(others.lines()).collect();
        let (found, missing) = parse::with_files(&lines, |files| {
            let found = ask(files);
            Some((found, files.missing()))
        })?;
        if found.is_some() || !others.add(&missing, sources) {
            return found;
        }
    }
}

/// Files of the crate beside those that are known to matter.
struct Others<'t> {
    /// That of the acquisition comes first.
    known: Vec<&'t str>,
    asked_for: BTreeSet<String>,
    files: Vec<(String, Rc<Vec<String>>)>,
}

impl Others<'_> {
    fn lines(&self) -> impl Iterator<Item = &[String]> {
        self.files.iter().map(|(_, lines)| lines.as_slice())
    }

    /// Adds the files that may define the types or have functions of them; `true` if there are
    /// more than before.
    fn add(&mut self, types: &BTreeSet<String>, sources: &Sources) -> bool {
        let new: Vec<&String> = types.iter().filter(|name| !self.asked_for.contains(*name)).collect();
        let Some(own) = self.known.first().filter(|_| !new.is_empty()) else { return false };
        let n_before = self.files.len();
        for file in sources.files_of_crate(own).iter() {
            let is_there = self.known.contains(&&**file) || self.files.iter().any(|(known, _)| known == file);
            let Some(lines) = sources.lines(file).filter(|_| !is_there) else { continue };
            if new.iter().any(|name| lines.iter().any(|line| is_about(line, name))) {
                self.files.push((file.clone(), lines));
            }
        }
        self.asked_for.extend(types.iter().cloned());
        // Half an answer would be a wrong one.
        (n_before + 1..=MAX_FILES).contains(&self.files.len())
    }
}

/// Whether the line may define a type, or have an `impl` block of it.
fn is_about(line: &str, name: &str) -> bool {
    let is_word = |word: &str| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|it| it == word);
    line.contains(name)
        && ["struct", "enum", "union", "type", "impl"].iter().any(|word| is_word(word))
        && is_word(name)
}
