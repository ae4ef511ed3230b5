//! The page that shows the hangs and their reports.

use std::fs;

use lockdep_tests::command_line;

use crate::Hang;

/// Writes the page. A hang without a new text keeps the one of the page as it is.
pub(crate) fn write(hangs: &[Hang], texts: &[(&str, String)]) {
    let path = command_line::root().join("docs/src/known-hangs.md");
    let old = fs::read_to_string(&path).unwrap_or_default();
    let parts: Vec<String> = hangs
        .iter()
        .filter_map(|hang| {
            let new = texts.iter().find(|(name, _)| *name == hang.name).map(|(_, text)| text.clone());
            Some(format!(
                "\n## {}\n\n```text\n{}\n```\n",
                title(hang),
                new.or_else(|| kept(&old, &title(hang)))?
            ))
        })
        .collect();
    let rows: Vec<String> = hangs.iter().map(row).collect();
    fs::write(path, page(&rows.join("\n"), &parts.concat())).expect("docs/src is writable");
}

fn title(hang: &Hang) -> String {
    format!("{} {}", hang.package, hang.version)
}

/// The text of a hang in the page as it is.
fn kept(page: &str, title: &str) -> Option<String> {
    let (_, part) = page.split_once(&format!("\n## {title}\n"))?;
    let (_, text) = part.split_once("```text\n")?;
    Some(text.split_once("\n```")?.0.to_owned())
}

/// The hang report among what the command printed.
pub(crate) fn excerpt(stderr: &str) -> String {
    let lines = stderr.lines().skip_while(|line| !line.starts_with("hang: "));
    let lines = lines.take_while(|line| !line.starts_with("lockdep: "));
    let text = lines.collect::<Vec<_>>().join("\n");
    text.replace(&*command_line::root().to_string_lossy(), "").trim_end().to_owned()
}

fn row(hang: &Hang) -> String {
    let number = hang.source.rsplit('/').next().unwrap_or_default();
    let root = &hang.thread[0];
    let (file, function) = root.at[0].split_once(':').expect("a file and a function");
    let place = format!("`{function}` of {file}");
    format!(
        "| {} {} | {} | `{}` | {place} | [#{number}]({}) |",
        hang.package, hang.version, hang.what, root.name, hang.source
    )
}

fn page(rows: &str, parts: &str) -> String {
    format!(
        "# Known hangs, explained\n\n\
         The trackers of published crates document these hangs.\n\
         A program drives each of them through the crate's public interface, and really hangs.\n\
         `cargo lockdep run --timeout 15` prints the report below; nothing in the crate was changed.\n\n\
         A person wrote down from the source which thread the others wait for, and what each thread does.\n\
         The places and the locks that each thread holds are written down as well.\n\
         `cargo run -p lockdep-tests --bin known_hangs` drives the programs, compares each report with that, and writes this page.\n\
         The programs are in `tests/field/hangs`.\n\n\
         | crate | hang | first thread of the report | where | source |\n|---|---|---|---|---|\n{rows}\n{parts}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_again_by_the_crate_that_it_is_about() {
        let page = "# Known\n\n## a 1.0\n\n```text\nhang: x\n  y\n```\n\n## b 2.0\n\n```text\nz\n```\n";
        assert_eq!(kept(page, "a 1.0").as_deref(), Some("hang: x\n  y"));
        assert_eq!(kept(page, "b 2.0").as_deref(), Some("z"));
        assert_eq!(kept(page, "c 3.0"), None);
    }
}
