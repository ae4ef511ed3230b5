//! Calls of ours, put into the sources of a crate at the heads of its functions.
//!
//! What is inserted stays on the line of its anchor, so that the lines of the crate keep their
//! numbers.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// One insertion.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hook {
    /// The file below `src`; of several, the first that has the anchor.
    pub(super) files: &'static [&'static str],
    /// What a line begins with.
    pub(super) anchor: &'static str,
    pub(super) edit: Edit,
}

/// What is done at the line of the anchor.
#[derive(Clone, Copy, Debug)]
pub(super) enum Edit {
    /// The text comes before the anchor, which is there once.
    Before(&'static str),
    /// The same for each line that has the anchor.
    BeforeEach(&'static str),
    /// The text comes first in the body whose brace is the next that ends a line.
    Inside(&'static str),
    /// The text is a function that calls the anchor's one, which becomes this.
    Around(&'static str, &'static str),
    /// The text takes the place of the anchor in each line that has it.
    ReplaceEach(&'static str),
}

/// What is made in the function belongs to its caller.
pub(super) const CALLER: Edit = Edit::Before("#[track_caller]");

pub(super) const fn hook(files: &'static [&'static str], anchor: &'static str, edit: Edit) -> Hook {
    Hook { files, anchor, edit }
}

/// Insertions of which all are made or none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    /// What is seen by them.
    pub(super) name: &'static str,
    /// Whether nothing is seen without them.
    pub(super) is_base: bool,
    pub(super) hooks: &'static [Hook],
}

/// The sources with the insertions, and what could not be made.
#[derive(Debug, Default)]
pub(super) struct Patched {
    /// Each changed file, by its path below `src`.
    pub(super) files: BTreeMap<PathBuf, String>,
    /// Groups that were left out, and why.
    pub(super) left_out: Vec<(&'static str, String)>,
}

/// Makes the insertions in what is in the folder.
///
/// # Errors
///
/// Why nothing would be seen.
pub(super) fn patch(source: &Path, groups: &[Group]) -> Result<Patched, String> {
    let mut patched = Patched::default();
    for group in groups {
        let mut files = patched.files.clone();
        let made = group.hooks.iter().try_for_each(|hook| insert(source, &mut files, hook));
        match made {
            Ok(()) => patched.files = files,
            Err(why) if group.is_base => return Err(why),
            Err(why) => patched.left_out.push((group.name, why)),
        }
    }
    Ok(patched)
}

fn insert(source: &Path, files: &mut BTreeMap<PathBuf, String>, hook: &Hook) -> Result<(), String> {
    for file in hook.files {
        let path = PathBuf::from(file);
        let read = || fs::read_to_string(source.join(&path)).ok();
        let Some(text) = files.get(&path).cloned().or_else(read) else { continue };
        if let Some(changed) = edited(&text, hook) {
            files.insert(path, changed);
            return Ok(());
        }
    }
    Err(format!("`{}` is not in {} as expected", hook.anchor.trim_end(), hook.files.join(" or ")))
}

/// The text with the insertion, or `None` if the anchor is not there as expected.
fn edited(text: &str, hook: &Hook) -> Option<String> {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let anchors: Vec<usize> =
        (0..lines.len()).filter(|line| lines[*line].trim_start().starts_with(hook.anchor)).collect();
    if anchors.is_empty()
        || anchors.len() > 1 && !matches!(hook.edit, Edit::BeforeEach(_) | Edit::ReplaceEach(_))
    {
        return None;
    }
    for line in anchors {
        match hook.edit {
            Edit::Before(text) | Edit::BeforeEach(text) => {
                lines[line] = format!("{} {}", one_line(text), lines[line].trim_start());
            }
            Edit::Inside(text) => {
                let n_more = lines[line..].iter().position(|line| line.ends_with('{'))?;
                let head = &mut lines[line + n_more];
                *head = format!("{head} {}", one_line(text));
            }
            Edit::Around(text, renamed) => {
                let rest = lines[line].trim_start().strip_prefix(hook.anchor)?;
                lines[line] = format!("{} {renamed}{rest}", one_line(text));
            }
            Edit::ReplaceEach(text) => {
                let rest = lines[line].trim_start().strip_prefix(hook.anchor)?;
                lines[line] = format!("{}{rest}", one_line(text));
            }
        }
    }
    Some(lines.join("\n"))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "impl A {\n    /// pub fn get() {}\n    pub fn get(\n        &self,\n    ) -> u8 {\n        1\n    }\n}";

    fn at(anchor: &'static str, edit: Edit) -> Option<String> {
        edited(TEXT, &Hook { files: &[], anchor, edit })
    }

    #[test]
    fn a_line_keeps_its_number() {
        let text = at("pub fn get(", Edit::Inside("let a = 1;\n let b = 2;")).expect("it is there");
        assert_eq!(text.lines().nth(4), Some("    ) -> u8 { let a = 1; let b = 2;"));
        assert_eq!(text.lines().count(), TEXT.lines().count());
        let text = at("pub fn get(", Edit::Around("pub fn get() {}", "fn real_get(")).expect("it is there");
        assert_eq!(text.lines().nth(2), Some("pub fn get() {} fn real_get("));
        let text = at("pub fn get(", Edit::Before("#[inline]")).expect("it is there");
        assert_eq!(text.lines().nth(2), Some("#[inline] pub fn get("));
    }

    #[test]
    fn an_anchor_is_there_once() {
        assert_eq!(at("pub fn put(", Edit::Before("a")), None);
        assert_eq!(at("}", Edit::Before("a")), at("none", Edit::Before("a")));
        assert!(at("}", Edit::BeforeEach("a")).is_some());
        let replaced = at("pub fn get(", Edit::ReplaceEach("fn put(")).expect("it is there");
        assert_eq!(replaced.lines().nth(2), Some("fn put("));
    }

    #[test]
    fn a_group_is_made_whole_or_not_at_all() {
        let folder = std::env::temp_dir().join(format!("lockdep-patch-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a temporary directory");
        fs::write(folder.join("a.rs"), TEXT).expect("written");
        const HOOK: Hook =
            Hook { files: &["none.rs", "a.rs"], anchor: "impl A", edit: Edit::Before("first") };
        const GONE: Hook = Hook { anchor: "impl B", ..HOOK };
        let of = |is_base, hooks| patch(&folder, &[Group { name: "g", is_base, hooks }]);
        let made = of(true, &[HOOK]).expect("made");
        assert!(made.files[Path::new("a.rs")].starts_with("first impl A {"));
        let half = of(false, &[HOOK, GONE]).expect("the rest is made");
        assert!(half.files.is_empty(), "{half:?}");
        assert_eq!(half.left_out, [("g", "`impl B` is not in none.rs or a.rs as expected".to_owned())]);
        assert!(of(true, &[HOOK, GONE]).is_err());
        fs::remove_dir_all(folder).expect("ours");
    }
}
