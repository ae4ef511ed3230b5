//! Reasons stand beside atomics and `unsafe`.

use crate::{is_product, refuse, sources, without_tests};

/// Whether one of the `n` lines up to and including `index` holds `mark`; the comment may stand
/// above a statement that spans lines. That of another function counts for that one.
fn near(lines: &[&str], index: usize, n: usize, mark: &str) -> bool {
    let before = &lines[index.saturating_sub(n)..=index];
    let begin = before.iter().rposition(|line| begins_function(line)).map_or(0, |at| at.saturating_sub(2));
    before[begin..].iter().any(|line| line.contains(mark))
}

/// Whether a function begins on this line.
fn begins_function(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let is_before = |word: &&str| {
        word.starts_with("pub") || matches!(*word, "const" | "unsafe" | "extern" | "\"C\"" | "async" | "in")
    };
    words.by_ref().find(|word| !is_before(word)) == Some("fn")
}

#[test]
fn every_atomic_has_its_ordering_argued() {
    const ORDERINGS: &[&str] = &["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"];
    let mut offences = Vec::new();
    for (name, text) in sources(&["rs"]).into_iter().filter(|(name, _)| is_product(name)) {
        let lines = without_tests(text);
        for (index, line) in lines.iter().enumerate() {
            let code = line.trim_start();
            let uses = ORDERINGS.iter().any(|ordering| line.contains(&format!("Ordering::{ordering}")));
            if uses
                && !code.starts_with("//")
                && !code.starts_with("use ")
                && !near(&lines, index, 12, "// ORDERING:")
            {
                offences.push(format!("{name}:{}: {}", index + 1, code));
            }
        }
    }
    refuse("atomics without an `// ORDERING:` line", &offences);
}

#[test]
fn every_unsafe_block_has_its_safety_argued() {
    let mut offences = Vec::new();
    for (name, text) in sources(&["rs"]).into_iter().filter(|(name, _)| is_product(name)) {
        let lines = without_tests(text);
        for (index, line) in lines.iter().enumerate() {
            let code = line.trim_start();
            let opens = code.contains("unsafe {") || code.starts_with("unsafe impl");
            if opens && !code.starts_with("//") && !near(&lines, index, 12, "SAFETY:") {
                offences.push(format!("{name}:{}: {}", index + 1, code));
            }
        }
    }
    refuse("unsafe without a `// SAFETY:` line", &offences);
}
