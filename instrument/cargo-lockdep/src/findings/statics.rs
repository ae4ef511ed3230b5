//! Locks that are statics, hence the same in every run, as their source says.

use lockdep_report::path::is_standard_library;
use lockdep_report::record::ClassRecord;

use crate::source::Sources;

/// Whether the source says that the lock of a class is a static, hence the same one in every run.
pub(super) fn is_static(class: &ClassRecord, sources: &Sources) -> bool {
    // No static of the library's is ours to see, and its sources need not be there.
    if is_standard_library(&class.site.file) {
        return false;
    }
    let Some(lines) = sources.lines(&class.site.file) else { return false };
    let Some(end) = (class.site.line as usize).checked_sub(1).filter(|end| *end < lines.len()) else {
        return false;
    };
    // Back to the start of the item: a line that ends a statement or a block stands before it.
    let start = (0..end).rev().take(8).find(|index| {
        let line = lines[*index].trim_end();
        line.is_empty() || line.ends_with(';') || line.ends_with('}')
    });
    let item = &lines[start.map_or_else(|| end.saturating_sub(8), |index| index + 1)..=end];
    let is_thread_local = item.iter().any(|line| line.contains("thread_local!"))
        || lines[end.saturating_sub(8)..end]
            .iter()
            .any(|line| line.trim_start().starts_with("thread_local!"));
    let declares = |line: &String| {
        let line = line.trim_start();
        let line =
            line.strip_prefix("pub").map_or(line, |rest| rest.trim_start_matches(|c| c != ' ').trim_start());
        line.starts_with("static ")
    };
    !is_thread_local && item.iter().any(declares)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use lockdep_report::place::Place;

    use super::*;
    use crate::records;

    fn class_at(line: u32) -> ClassRecord {
        let mut class = records::fixture::class(1, "a.rs", line);
        class.site = Place { file: "a.rs".into(), line, column: 1, ..Place::default() };
        class
    }

    #[test]
    fn statics_are_distinguished_from_other_single_locks_by_their_source() {
        let directory = std::env::temp_dir().join(format!("lockdep-static-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a temporary directory");
        let text = "static A: Mutex<u8> = Mutex::new(1);\n\
            pub(crate) static B: LazyLock<Mutex<u8>> =\n    LazyLock::new(|| Mutex::new(1));\n\
            fn f() {\n    let c = Mutex::new(1);\n}\n\
            thread_local! {\n    static D: Mutex<u8> = const { Mutex::new(1) };\n}\n";
        fs::write(directory.join("a.rs"), text).expect("writable");
        let sources = Sources::new(vec![directory.clone()]);
        for (line, expected) in [(1, true), (3, true), (5, false), (8, false), (0, false), (99, false)] {
            assert_eq!(is_static(&class_at(line), &sources), expected, "line {line}");
        }
        assert!(!is_static(&class_at(1), &Sources::default()), "without its source nothing is claimed");
        fs::remove_dir_all(directory).expect("ours");
    }
}
