//! The prose rules of CONTRIBUTING that a program can check: line width, and words with a better
//! one.

/// The widest line of prose; a line that is one sentence may be wider.
const MAX_COLUMNS: usize = 100;

/// The most words that one statement has.
const MAX_WORDS: usize = 25;

/// Phrases that CONTRIBUTING replaces, each with its replacement. Spelled in parts, so that this
/// file does not offend itself.
const REPLACED: &[(&str, &str)] = &[
    (concat!("who", "ever"), "the thread, the user"),
    (concat!("no", "body"), "no thread, no other code"),
    (concat!("some", "body"), "a thread, a person"),
    (concat!("for", " ever"), "forever"),
    (concat!("the", " very"), "the same"),
    (concat!("is", " told"), "is reported, is recorded"),
    (concat!("are", " told"), "are reported, are recorded"),
    (concat!("could be", " had"), "was available"),
    (concat!("can be", " had"), "is available"),
    (concat!("at", " hand"), "available"),
    (concat!("is no", " code"), "is not a lockdep code"),
];

/// What is wrong with the prose of one Markdown file, a line each.
pub(crate) fn markdown(name: &str, text: &str) -> Vec<String> {
    let mut offences = Vec::new();
    let mut is_code = false;
    let mut above = "";
    for (index, line) in text.lines().enumerate() {
        let before = std::mem::take(&mut above);
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
            continue;
        }
        if is_code || line.starts_with("    ") {
            continue;
        }
        above = line;
        offences.extend(split_phrases(&format!("{name}:{index}"), before, line));
        let place = format!("{name}:{}", index + 1);
        offences.extend(replaced(&place, line));
        let is_table = line.trim_start().starts_with('|');
        if !is_table && line.chars().count() > MAX_COLUMNS && n_sentences(line) > 1 {
            offences.push(format!("{place}: {} columns and more than one sentence", line.chars().count()));
        }
        if !is_table {
            offences.extend(long_statements(&place, line));
        }
    }
    offences
}

/// The comments of one source file that are too wide, a line each. Code and tables in documentation
/// may be wider: rustfmt's width is theirs.
pub(crate) fn wide_comments(name: &str, text: &str) -> Vec<String> {
    let mut offences = Vec::new();
    let mut is_code = false;
    for (index, line) in text.lines().enumerate() {
        let code = line.trim_start();
        if !code.starts_with("//") {
            is_code = false;
            continue;
        }
        let comment = code.trim_start_matches(['/', '!']).trim_start();
        is_code ^= comment.starts_with("```");
        let n_columns = line.chars().count();
        // A link cannot be broken.
        let is_prose = !is_code && !comment.starts_with('|') && !line.contains("](") && !line.contains("://");
        if n_columns > MAX_COLUMNS && is_prose {
            offences
                .push(format!("{name}:{}: a comment of {n_columns} columns; {MAX_COLUMNS} fit", index + 1));
        }
    }
    offences
}

/// The phrases in `line` that have a better one.
pub(crate) fn replaced(place: &str, line: &str) -> Vec<String> {
    let lower = line.to_lowercase();
    REPLACED
        .iter()
        .filter(|(phrase, _)| {
            lower.match_indices(phrase).any(|(at, _)| {
                let is_end = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
                is_end(lower[..at].chars().next_back()) && is_end(lower[at + phrase.len()..].chars().next())
            })
        })
        .map(|(phrase, better)| format!("{place}: `{phrase}`; better: {better}"))
        .collect()
}

/// The phrases with a better one that begin at the end of one line and end on the next.
pub(crate) fn split_phrases(place: &str, above: &str, below: &str) -> Vec<String> {
    let below = below.trim_start_matches(['/', '!', '*', '>', ' ']);
    let (last, first) = (above.split_whitespace().next_back(), below.split_whitespace().next());
    let Some((last, first)) = last.zip(first) else { return Vec::new() };
    replaced(place, &format!("{last} {first}"))
}

/// The statements of `text` that are too long, a line each.
pub(crate) fn long_statements(place: &str, text: &str) -> Vec<String> {
    let mut offences = Vec::new();
    for statement in statements(text) {
        let is_word = |word: &&str| word.contains(char::is_alphanumeric);
        let n_words = statement.split_whitespace().filter(is_word).count();
        if n_words > MAX_WORDS {
            offences.push(format!("{place}: {n_words} words; {MAX_WORDS} fit: {statement}"));
        }
    }
    offences
}

/// The statements of a text: a full stop, question mark, colon or semicolon before a space ends
/// one.
fn statements(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest
        .match_indices([' ', '\n'])
        .map(|(at, _)| at)
        .find(|at| rest[..*at].ends_with(['.', '?', '!', ':', ';']) && !rest[..*at].ends_with("e.g."))
    {
        found.push(&rest[..at]);
        rest = &rest[at + 1..];
    }
    found.push(rest);
    found
}

/// How many sentences a line holds: a full stop, question mark or colon inside it ends one.
fn n_sentences(line: &str) -> usize {
    let mut n = 1;
    let words: Vec<&str> = line.split_whitespace().collect();
    for pair in words.windows(2) {
        let ends = pair[0].ends_with(['.', '?', '!']) && !pair[0].ends_with("e.g.");
        let begins =
            pair[1].chars().next().is_some_and(|c| c.is_uppercase() || c == '`' || c == '[' || c == '*');
        if ends && begins {
            n += 1;
        }
    }
    n
}

#[test]
fn the_rules_notice_what_they_are_for() {
    let wide = "A sentence of some length that goes on. And a second one that makes the line longer than it may be at all.";
    assert_eq!(markdown("a.md", wide).len(), 1, "a wide line of two sentences");
    assert_eq!(markdown("a.md", &wide.replace(". And", ", and")).len(), 0, "a wide line of one sentence");
    assert_eq!(markdown("a.md", &format!("```\n{wide}\n```")).len(), 0, "code");
    assert_eq!(markdown("a.md", concat!("It waits for", " ever.")).len(), 1, "a phrase");
    assert_eq!(markdown("a.md", "It waits for\never.").len(), 1, "a phrase on two lines");
    assert_eq!(markdown("a.md", "It stands for every place.").len(), 0, "part of a word");
    let long = "one two three four five six seven eight nine ten eleven twelve thirteen ".repeat(2);
    assert_eq!(
        markdown("a.md", long.trim()).iter().filter(|offence| offence.contains("words")).count(),
        1,
        "long"
    );
    assert_eq!(markdown("a.md", &long.replace(" seven", ": seven")).len(), 0, "two statements and a rest");
    assert_eq!(wide_comments("a.rs", &format!("    // {wide}")).len(), 1, "a wide comment");
    assert_eq!(wide_comments("a.rs", &format!("    let a = \"{wide}\";")).len(), 0, "no comment");
    let example = format!("/// ```\n/// {wide}\n/// ```");
    assert_eq!(wide_comments("a.rs", &example).len(), 0, "code in documentation");
    assert_eq!(wide_comments("a.rs", &format!("{example}\n/// {wide}")).len(), 1, "prose behind it");
}
