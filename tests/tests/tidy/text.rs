//! The prose rules for sources: replaced phrases in comments and messages, and the length of what a
//! report says.

use crate::{prose, without_tests};

/// The replaced phrases in the comments and string literals of one source file, a line each.
pub(crate) fn phrases(name: &str, text: &str) -> Vec<String> {
    let is_prose = |line: &str| line.contains("//") || line.contains('"') || is_continued(line);
    let place = |index| format!("{name}:{}", index + 1);
    let lines: Vec<&str> = text.lines().collect();
    let prose = lines.iter().enumerate().filter(|(_, line)| is_prose(line));
    let mut offences: Vec<String> =
        prose.flat_map(|(index, line)| prose::replaced(&place(index), line)).collect();
    for (index, pair) in lines.windows(2).enumerate() {
        let [above, below] = [pair[0], pair[1]].map(|line| line.trim_start().strip_prefix("//"));
        if let Some((above, below)) = above.zip(below) {
            offences.extend(prose::split_phrases(&place(index), above, below));
        }
    }
    offences
}

/// Whether a line may be the middle of a literal that spans lines.
fn is_continued(line: &str) -> bool {
    line.ends_with('\\') || !line.contains(['(', '{', ';'])
}

/// The statements of the string literals of one source file that are too long, a line each.
pub(crate) fn long_statements(name: &str, text: &str) -> Vec<String> {
    let mut offences = Vec::new();
    // Markup has no statements, and a list of names is as long as it has to be.
    let is_said = |text: &str| !text.starts_with('<') && !text.contains("known are ");
    for (line, literal) in literals(text).into_iter().filter(|(_, text)| is_said(text)) {
        offences.extend(prose::long_statements(&format!("{name}:{line}"), &literal));
    }
    offences
}

/// The statements of the doc comments of one source file that are too long, a line each: a
/// command's are its help texts.
pub(crate) fn long_documentation(name: &str, text: &str) -> Vec<String> {
    let mut offences = Vec::new();
    for (line, paragraph) in documentation(text) {
        offences.extend(prose::long_statements(&format!("{name}:{line}"), &paragraph));
    }
    offences
}

/// The paragraphs of the doc comments of items, each with the line on which it begins; no code.
fn documentation(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let (mut is_inside, mut is_code) = (false, false);
    for (index, line) in without_tests(text).iter().enumerate() {
        let Some(comment) = line.trim_start().strip_prefix("///") else {
            (is_inside, is_code) = (false, false);
            continue;
        };
        let comment = comment.trim();
        if comment.starts_with("```") {
            (is_inside, is_code) = (false, !is_code);
        } else if comment.is_empty() || is_code || comment.starts_with(['|', '#']) {
            is_inside = false;
        } else if let Some((_, paragraph)) =
            found.last_mut().filter(|_| is_inside && !comment.starts_with("* "))
        {
            *paragraph += &format!(" {comment}");
        } else {
            found.push((index + 1, comment.to_owned()));
            is_inside = true;
        }
    }
    found
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
    let documented = |text: &str| long_documentation("a.rs", &format!("{text}\nfn f() {{}}")).len();
    assert_eq!(documented(&format!("/// {short}\n/// {short}")), 1, "a doc comment on two lines");
    assert_eq!(documented(&format!("/// {short}.\n/// {short}")), 0, "two sentences");
    assert_eq!(documented(&format!("/// {short}\n///\n/// {short}")), 0, "two paragraphs");
    assert_eq!(documented(&format!("/// ```\n/// {short} {short}\n/// ```")), 0, "code");
    assert_eq!(documented(&format!("// {short} {short}")), 0, "no doc comment");
    assert_eq!(phrases("a.rs", "// It waits for\n// ever.").len(), 1, "a phrase on two lines");
    assert_eq!(phrases("a.rs", "// It waits for\n\n// ever.").len(), 0, "two comments");
}
