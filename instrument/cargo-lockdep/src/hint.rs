//! Advice that needs the source.
//!
//! Two thirds of the repairs of double locks in Rust shorten the life of a guard (Qin et al., PLDI 2020), and the longest
//! lives are those of temporaries. A gate lock is never advised: it is the repair that makes new deadlocks.
//!
//! This reads lines, not syntax trees, so it says nothing where it is not sure: about a guard that a pattern binds, a call
//! inside a closure, or a place whose source cannot be read.

use lockdep_validator::report::model::{Frame, Place, Report};
use lockdep_validator::report::render::index_of_column;

use crate::source::Sources;

/// How far above a lock call the head of its statement is looked for, and below it the rest of it.
const MAX_LINES: usize = 6;

/// How the advice begins that the report gives where nobody looked at the source.
const GENERAL: &str = "a guard in the head of a `match`";

/// Puts what the source shows in front of the report's own advice.
pub(crate) fn add(report: &mut Report, sources: &Sources) {
    let mut advice: Vec<String> = Vec::new();
    let mut was_read = false;
    for sighting in sightings(report) {
        let Some(call) = Call::read(sighting.held, sources) else { continue };
        was_read = true;
        if let Some(sentence) = long_life(&sighting, &call, sources)
            && !advice.contains(&sentence)
        {
            advice.push(sentence);
        }
    }
    // The source decides whether that is it.
    report.help.retain(|sentence| {
        let is_answered = was_read && sentence.starts_with(GENERAL);
        !is_answered && !advice.contains(sentence)
    });
    advice.append(&mut report.help);
    report.help = advice;
}

/// A lock that was held where another was taken.
struct Sighting<'a> {
    class: &'a str,
    held: &'a Place,
    wanted_class: &'a str,
    wanted: &'a Place,
    frames_held: &'a [Frame],
    frames_wanted: &'a [Frame],
}

fn sightings(report: &Report) -> Vec<Sighting<'_>> {
    let of_cycle = report.cycle.iter().map(|step| Sighting {
        class: &step.from,
        held: &step.held_site,
        wanted_class: &step.to,
        wanted: &step.acquire_site,
        frames_held: &step.frames_held.frames,
        frames_wanted: &step.frames_acquire.frames,
    });
    let alone = report.conflict.iter().zip(&report.subject).map(|(held, wanted)| Sighting {
        class: &held.class,
        held: &held.site,
        wanted_class: &wanted.class,
        wanted: &wanted.site,
        frames_held: &held.frames,
        frames_wanted: &wanted.frames,
    });
    // A guard that left the function that made it: what its statement looks like decides nothing.
    of_cycle.chain(alone).filter(|sighting| sighting.held.caller.is_none()).collect()
}

/// A lock call in its source.
struct Call {
    lines: std::rc::Rc<Vec<String>>,
    /// The index of its line.
    index: usize,
    /// The statement up to the call.
    head: String,
    /// The index of the line on which the statement begins.
    start: usize,
    /// The statement from the call on, up to a brace or semicolon, which is the last character if it was found.
    rest: String,
}

impl Call {
    fn read(place: &Place, sources: &Sources) -> Option<Self> {
        let lines = sources.lines(&place.file)?;
        let index = (place.line as usize).checked_sub(1)?;
        let line = lines.get(index)?;
        let split = index_of_column(line, place.column);
        let before: String = line.chars().take(split).collect();
        let after: String = line.chars().skip(split).collect();
        let (head, start) = statement_head(&lines, index, &before);
        let rest = statement_rest(&lines, index, &after);
        // A macro's place stands for everything that it writes.
        let name = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
        if !rest[name..].trim_start().starts_with('(') {
            return None;
        }
        Some(Self { lines, index, head, start, rest })
    }

    /// Whether the guard is not kept by itself: something is called on it, or what it guards is looked at, in passing.
    fn is_temporary(&self) -> bool {
        let receiver = self.head.rfind(|c: char| !(c.is_alphanumeric() || "_.:()[]?".contains(c)));
        let in_front = receiver.and_then(|at| self.head[at..].chars().next());
        if matches!(in_front, Some('*' | '&')) {
            return true;
        }
        // The call itself, and what only takes the guard out of its result.
        let mut rest =
            after_arguments(self.rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'));
        loop {
            rest = rest.trim_start();
            let unwrapping = ["?", ".unwrap", ".expect", ".unwrap_or_else", ".await", ".map_err"];
            let Some(taken) = unwrapping
                .iter()
                .filter_map(|word| rest.strip_prefix(word))
                .find(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
            else {
                break;
            };
            rest = after_arguments(taken);
        }
        rest.starts_with('.') || rest.starts_with('[')
    }
}

/// What follows a list of arguments, if there is one.
fn after_arguments(text: &str) -> &str {
    if !text.starts_with('(') {
        return text;
    }
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' if depth == 1 => return &text[at + 1..],
            ')' => depth -= 1,
            _ => {}
        }
    }
    ""
}

/// Says so if the guard lives longer than the place where it is made suggests.
fn long_life(sighting: &Sighting<'_>, call: &Call, sources: &Sources) -> Option<String> {
    if !call.is_temporary() {
        return None;
    }
    let edition = sources.edition(&sighting.held.file);
    one_statement(sighting, call)
        .or_else(|| in_head(sighting, call, edition))
        .or_else(|| in_tail(sighting, call, edition))
}

/// A temporary in the head of a `match` or its like lives as long as the whole.
fn in_head(sighting: &Sighting<'_>, call: &Call, edition: Option<u16>) -> Option<String> {
    let head = without_label(&call.head);
    let keyword = ["if let", "while let", "match", "for"]
        .into_iter()
        .find(|keyword| head.strip_prefix(keyword).is_some_and(|rest| rest.starts_with([' ', '(', '&'])))?;
    // Behind the pattern stands the expression; a bar in it may begin a closure, whose body is no part of the head.
    let expression = match keyword {
        "match" => head,
        "for" => head.split_once(" in ")?.1,
        _ => head.split_once('=')?.1,
    };
    if expression.contains('|') {
        return None;
    }
    let until = match (keyword, edition) {
        ("if let", Some(2024..)) => "to the end of its block (not of its `else`)".to_owned(),
        ("if let", Some(_)) => {
            "to the end of the whole `if let`, its `else` included, before edition 2024".to_owned()
        }
        ("if let", None) => {
            "to the end of the whole `if let` (before edition 2024 of its `else` too)".to_owned()
        }
        ("for", _) => "through the whole loop".to_owned(),
        (other, _) => format!("to the end of the whole `{other}`"),
    };
    let article = if keyword == "if let" { "an" } else { "a" };
    Some(format!(
        "the guard of `{}` made at {} is a temporary in the head of {article} `{keyword}` (line {}) and lives {until}: \
         put what you need of it into a `let` before it",
        sighting.class,
        sighting.held,
        call.start + 1
    ))
}

/// Two temporaries of one statement live to its end, both of them.
fn one_statement(sighting: &Sighting<'_>, call: &Call) -> Option<String> {
    let wanted = sighting.wanted;
    if wanted.file != sighting.held.file || wanted.caller.is_some() {
        return None;
    }
    let line = (wanted.line as usize).checked_sub(1)?;
    let column = index_of_column(call.lines.get(line)?, wanted.column);
    let held = (call.index, index_of_column(&call.lines[call.index], sighting.held.column));
    let (first, second) = if held < (line, column) { (held, (line, column)) } else { ((line, column), held) };
    let between = text_between(&call.lines, first, second)?;
    if between.contains([';', '{', '}', '|']) || between.contains("=>") || call.head.contains('|') {
        return None;
    }
    Some(format!(
        "the guard of `{}` made at {} is a temporary and lives to the end of its statement, in which `{}` is wanted too: \
         put what you need of it into a `let` of its own, before",
        sighting.class, sighting.held, sighting.wanted_class
    ))
}

fn text_between(lines: &[String], from: (usize, usize), to: (usize, usize)) -> Option<String> {
    if to.0 - from.0 > MAX_LINES {
        return None;
    }
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate().take(to.0 + 1).skip(from.0) {
        let end = if index == to.0 { to.1 } else { line.chars().count() };
        let start = if index == from.0 { from.1 } else { 0 };
        text.extend(line.chars().take(end).skip(start));
        text.push('\n');
    }
    Some(text)
}

/// Before edition 2024 a temporary in the last expression of a block outlives the block's own variables, so that their
/// destructors run under it.
fn in_tail(sighting: &Sighting<'_>, call: &Call, edition: Option<u16>) -> Option<String> {
    if edition.is_none_or(|edition| edition >= 2024) || !call.rest.ends_with('}') {
        return None;
    }
    let is_let = call.head.starts_with("let ") || call.head.starts_with("return");
    let holder = sighting.frames_held.first()?;
    // The other lock is taken by a destructor, which runs where the block of the same function ends.
    let at = sighting.frames_wanted.iter().position(|frame| frame.function == holder.function)?;
    let by_drop = sighting.frames_wanted[..at].iter().any(|frame| frame.function.contains("Drop>::drop"));
    let is_after = sighting.frames_wanted[at].line >= sighting.held.line;
    if is_let || !by_drop || !is_after {
        return None;
    }
    Some(format!(
        "the guard of `{}` made at {} is a temporary in the last expression of its block and, before edition 2024, outlives the \
         block's variables, whose destructor wants `{}`: put the value into a `let`, and the name of it last",
        sighting.class, sighting.held, sighting.wanted_class
    ))
}

/// A labelled loop begins with its label.
fn without_label(head: &str) -> &str {
    match head.split_once(": ") {
        Some((label, rest)) if label.starts_with('\'') => rest,
        _ => head,
    }
}

/// The statement up to the call, and the line it begins on.
fn statement_head(lines: &[String], index: usize, before: &str) -> (String, usize) {
    let mut text = before.trim().to_owned();
    let mut at = index;
    for _ in 0..MAX_LINES {
        // A brace or semicolon inside the line ends an earlier statement.
        if let Some(end) = text.rfind([';', '{', '}']) {
            text = text[end + 1..].trim().to_owned();
            break;
        }
        let Some(above) = at.checked_sub(1) else { break };
        let above = lines[above].split("//").next().unwrap_or_default().trim();
        if above.is_empty() || above.ends_with([';', '{', '}', ',']) || above.ends_with("=>") {
            break;
        }
        text = format!("{above} {text}");
        at -= 1;
    }
    let text = text.strip_prefix("} else ").unwrap_or(&text).trim_start_matches("else ").to_owned();
    (text, at)
}

/// The statement from the call on, to the first brace or semicolon.
fn statement_rest(lines: &[String], index: usize, after: &str) -> String {
    let mut text = String::new();
    let below = lines.iter().skip(index + 1).take(MAX_LINES).map(String::as_str);
    for line in std::iter::once(after).chain(below) {
        let line = line.split("//").next().unwrap_or_default();
        if let Some(end) = line.find([';', '{', '}']) {
            text.push_str(&line[..=end]);
            break;
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of the first `lock()` in the text, which is held when the last one is taken.
    fn advice(text: &str, manifest: &str) -> Option<String> {
        let folder = std::env::temp_dir().join(format!(
            "lockdep-hint-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        std::fs::write(folder.join("a.rs"), text).expect("written");
        std::fs::write(folder.join("Cargo.toml"), manifest).expect("written");
        let sources = Sources::new(vec![folder.clone()]);
        let place = |at: usize| {
            let before = &text[..at];
            let line = before.lines().count().max(1) + usize::from(before.ends_with('\n'));
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            let number = |n: usize| u32::try_from(n).expect("short");
            Place { file: "a.rs".into(), line: number(line), column: number(column), ..Place::default() }
        };
        let (held, wanted) =
            (place(text.find("lock()").expect("a call")), place(text.rfind("lock()").expect("a call")));
        let sighting = Sighting {
            class: "A",
            held: &held,
            wanted_class: "B",
            wanted: &wanted,
            frames_held: &[],
            frames_wanted: &[],
        };
        let call = Call::read(&held, &sources).expect("just written");
        let said = long_life(&sighting, &call, &sources);
        std::fs::remove_dir_all(folder).expect("ours");
        said
    }

    #[test]
    fn temporaries_in_heads_and_statements_are_found_and_nothing_else_is() {
        for (text, words) in [
            ("match *a.lock().unwrap() {\n    1 => b.lock(),", Some("head of a `match`")),
            ("if let Some(x) = self.a.lock().unwrap().pop() {\n    b.lock();", Some("head of an `if let`")),
            (
                "} else if let Some(x) = self.a.lock().unwrap().pop() {\n    b.lock();",
                Some("head of an `if let`"),
            ),
            (
                "while let Some(job) = queue\n    .inner\n    .lock()\n    .unwrap()\n    .pop() {\n    b.lock();",
                Some("(line 1)"),
            ),
            ("'outer: for x in a.lock().unwrap().iter() {\n    b.lock();", Some("through the whole loop")),
            ("*b.lock().unwrap() = *a.lock().unwrap();", Some("end of its statement")),
            ("f(a.lock().len(),\n    b.lock().len());", Some("end of its statement")),
            ("let n = a.lock().unwrap().len() + b.lock().unwrap().len();", Some("end of its statement")),
            // Bound by a pattern or a `let`: that it lives on is what was written.
            ("if let Ok(guard) = a.lock() {\n    b.lock();", None),
            ("match a.lock() {\n    Ok(guard) => b.lock(),", None),
            ("let guard = a.lock().unwrap();\nb.lock();", None),
            ("let (x, y) = (a.lock().unwrap(), b.lock().unwrap());", None),
            // The condition of a plain `if` or `while` is over before the block.
            ("if a.lock().unwrap().is_empty() {\n    b.lock();", None),
            ("while a.lock().unwrap().is_empty() {\n    b.lock();", None),
            ("match x {\n    1 => a.lock().unwrap().len(),\n    2 => b.lock(),", None),
            ("match x { 1 => a.lock().unwrap().len(), }\nb.lock();", None),
            // Inside a closure it ends with the closure.
            ("if let Some(x) = v.iter().find(|x| x.lock().unwrap().ok) {\n    b.lock();", None),
            ("v.iter().map(|x| x.lock().unwrap().n).zip(b.lock().iter());", None),
            ("// match\n\na.lock().unwrap().push(1);\nb.lock();", None),
        ] {
            let said = advice(text, "[package]\n");
            match words {
                Some(words) => {
                    assert!(said.as_ref().is_some_and(|said| said.contains(words)), "{text}: {said:?}")
                }
                None => assert_eq!(said, None, "{text}"),
            }
        }
    }

    #[test]
    fn the_edition_decides_how_long_an_if_let_holds() {
        let text = "if let Some(x) = a.lock().unwrap().pop() {\n    f(x);\n} else {\n    b.lock();";
        let of = |manifest: &str| advice(text, manifest).expect("advice");
        assert!(of("[package]\nedition = \"2021\"\n").contains("its `else` included"));
        assert!(of("[package]\nedition = \"2024\"\n").contains("not of its `else`"));
        assert!(
            of("[package]\nedition.workspace = true\n").contains("before edition 2024 of its `else` too")
        );
        assert!(of("[package]\nname = \"a\"\n").contains("its `else` included"), "2015 is the default");
    }

    #[test]
    fn a_destructor_under_the_last_expression_is_told_before_edition_2024() {
        let frame =
            |function: &str, line| Frame { function: function.into(), file: "a.rs".into(), line, column: 5 };
        let text = "fn f() -> usize {\n    let _t = T;\n    a.lock().unwrap().len()\n}\n";
        let folder = std::env::temp_dir().join(format!("lockdep-tail-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        std::fs::write(folder.join("a.rs"), text).expect("written");
        let held = Place { file: "a.rs".into(), line: 3, column: 7, ..Place::default() };
        let wanted = Place { file: "b.rs".into(), line: 9, column: 7, ..Place::default() };
        let (by_drop, by_call) = (
            [frame("<m::T as core::ops::drop::Drop>::drop", 9), frame("m::f", 4)],
            [frame("m::g", 9), frame("m::f", 4)],
        );
        let said = |edition: &str, frames: &[Frame]| {
            std::fs::write(folder.join("Cargo.toml"), format!("[package]\nedition = \"{edition}\"\n"))
                .expect("written");
            let sources = Sources::new(vec![folder.clone()]);
            let sighting = Sighting {
                class: "A",
                held: &held,
                wanted_class: "B",
                wanted: &wanted,
                frames_held: &[frame("m::f", 3)],
                frames_wanted: frames,
            };
            long_life(&sighting, &Call::read(&held, &sources).expect("just written"), &sources)
        };
        assert!(said("2021", &by_drop).is_some_and(|said| said.contains("last expression of its block")));
        assert_eq!(said("2024", &by_drop), None, "there it is dropped first");
        assert_eq!(said("2021", &by_call), None);
        std::fs::remove_dir_all(folder).expect("ours");
    }

    #[test]
    fn a_guard_that_left_the_function_that_made_it_is_no_temporary() {
        let mut report = crate::records::fixture::inversion_report();
        let n_before = sightings(&report).len();
        report.cycle[0].held_site.caller = Some(Box::new(Place::default()));
        assert_eq!(sightings(&report).len(), n_before - 1);
    }
}
