//! The prose rules for sources: replaced phrases in comments and messages, and the length of what a
//! report says.

use crate::{prose, without_tests};

/// The replaced phrases in the comments and string literals of one source file, a line each.
pub(crate) fn phrases(name: &str, text: &str) -> Vec<String> {
    let is_prose = |line: &str| line.contains("//") || line.contains('"') || is_continued(line);
    text.lines()
        .enumerate()
        .filter(|(_, line)| is_prose(line))
        .flat_map(|(index, line)| prose::replaced(&format!("{name}:{}", index + 1), line))
        .collect()
}

/// Whether a line may be the middle of a literal that spans lines.
fn is_continued(line: &str) -> bool {
    line.ends_with('\\') || !line.contains(['(', '{', ';'])
}

/// The statements of the string literals of one source file that are too long, a line each.
pub(crate) fn long_statements(name: &str, text: &str) -> Vec<String> {
    let mut offences = Vec::new();
    for (line, literal) in literals(text) {
        offences.extend(prose::long_statements(&format!("{name}:{line}"), &literal));
    }
    offences
}

/// The string literals of a source without its unit tests, each with the line on which it begins.
pub(crate) fn literals(text: &str) -> Vec<(usize, String)> {
    let text = without_tests(text).join("\n");
    let mut chars = text.chars().peekable();
    let mut line = 1;
    let mut found = Vec::new();
    while let Some(c) = chars.next() {
        match c {
            '\n' => line += 1,
            '/' if chars.peek() == Some(&'/') => while chars.next_if(|&c| c != '\n').is_some() {},
            // A quote as a character: '"'.
            '\'' if chars.peek() == Some(&'"') => {
                chars.next();
            }
            '\'' if chars.peek() == Some(&'\\') => {
                chars.next();
                chars.next();
            }
            '"' => {
                let begun = line;
                let mut literal = String::new();
                while let Some(c) = chars.next() {
                    match c {
                        '"' => break,
                        '\\' => match chars.next() {
                            Some('\n') => {
                                line += 1;
                                while chars.next_if(|c| c.is_whitespace()).is_some_and(|_| true) {}
                            }
                            Some('n') => literal.push('\n'),
                            Some(other) => literal.push(other),
                            None => break,
                        },
                        '\n' => {
                            line += 1;
                            literal.push(c);
                        }
                        _ => literal.push(c),
                    }
                }
                found.push((begun, literal));
            }
            _ => {}
        }
    }
    found
}

#[test]
fn the_rules_for_sources_notice_what_they_are_for() {
    let phrase = concat!("no", "body");
    assert_eq!(phrases("a.rs", &format!("/// A lock that {phrase} holds.")).len(), 1, "a comment");
    assert_eq!(phrases("a.rs", &format!("    say(\"{phrase} holds it\");")).len(), 1, "a message");
    assert_eq!(
        phrases("a.rs", &format!("    say(\"a \\\n    {phrase} here \\\n    b\");")).len(),
        1,
        "its middle"
    );
    assert_eq!(phrases("a.rs", &format!("let {phrase} = f({phrase});")).len(), 0, "a name");

    let short = "one two three four five six seven eight nine ten eleven twelve thirteen";
    let source = |text: &str| format!("fn f() -> &'static str {{ \"{text}\" }}");
    assert_eq!(long_statements("a.rs", &source(short)).len(), 0, "short");
    assert_eq!(long_statements("a.rs", &source(&format!("{short} {short}"))).len(), 1, "long");
    assert_eq!(long_statements("a.rs", &source(&format!("{short}: {short}"))).len(), 0, "two statements");
    assert_eq!(
        long_statements("a.rs", &source(&format!("{short} \\\n    {short}"))).len(),
        1,
        "on two lines"
    );
    assert_eq!(
        literals("let a = '\"'; let b = \"x\"; // \"no\"\nlet c = \"y\";").len(),
        2,
        "quotes elsewhere"
    );
}
