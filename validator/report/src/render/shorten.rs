//! Long names of types: written in full once, and short everywhere else.

use crate::model::{Report, ReportClass};
use crate::names::short_type;

/// Names of more letters are shortened.
const MAX_LETTERS: usize = 32;

/// Returns the report with short names for its classes, and the short and the full name of each
/// class that has both.
pub fn shortened(report: &Report) -> (Report, Vec<(String, String)>) {
    let short: Vec<Option<String>> = report.classes.iter().map(|class| short_name(&class.name)).collect();
    let is_only = |name: &String| {
        let same = short.iter().flatten().filter(|other| *other == name).count();
        same == 1 && report.classes.iter().all(|class| class.name != *name)
    };
    let named = report.classes.iter().zip(&short).filter_map(|(class, short)| {
        let short = short.as_ref().filter(|short| is_only(short))?;
        Some((class, short.clone()))
    });
    let named: Vec<(&ReportClass, String)> = named.collect();
    let mut changed = report.clone();
    // A longer one may contain a shorter one.
    let mut in_turn: Vec<(&str, &str)> =
        named.iter().map(|(class, short)| (class.name.as_str(), short.as_str())).collect();
    in_turn.sort_by_key(|(long, _)| std::cmp::Reverse(long.len()));
    changed.each_text(&mut |text| {
        for (long, short) in &in_turn {
            if text.contains(long) {
                *text = text.replace(long, short);
            }
        }
    });
    let names = named.iter().map(|(class, short)| (short.clone(), full(class))).collect();
    (changed, names)
}

/// The name of a class as it is where nothing was cut.
fn full(class: &ReportClass) -> String {
    match class.name.split_once('…') {
        Some((start, rest)) if !class.type_name.is_empty() && start.starts_with(class.kind.as_str()) => {
            format!("{}<{}>{rest}", class.kind, short_type(&class.type_name))
        }
        _ => class.name.clone(),
    }
}

/// The name without the arguments of its inner types; `None` if it is short as it is.
fn short_name(name: &str) -> Option<String> {
    let (name, place) = match name.find(" at ") {
        Some(at) => name.split_at(at),
        None => (name, ""),
    };
    if name.chars().count() <= MAX_LETTERS {
        return None;
    }
    let (mut short, mut depth, mut before) = (String::new(), 0_usize, ' ');
    for letter in name.chars() {
        let closes = matches!(letter, ')' | ']') || letter == '>' && before != '-';
        depth -= usize::from(closes && depth > 0);
        if depth < 2 {
            short.push(letter);
        } else if !short.ends_with('…') {
            short.push('…');
        }
        depth += usize::from(matches!(letter, '<' | '(' | '['));
        before = letter;
    }
    // A name that was cut before has lost its end.
    for _ in 0..depth.min(2) {
        short.push('>');
    }
    (short.chars().count() < name.chars().count()).then(|| short + place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_arguments_of_long_names_are_left_out() {
        for (long, short) in [
            ("RwLock<RawTable<(u32, SharedValue<u32>)>>", Some("RwLock<RawTable<…>>")),
            ("Mutex<dyn MockGetter<(u32,), u32>>", Some("Mutex<dyn MockGetter<…>>")),
            ("Mutex<Box<dyn Fn(&mut Vec<String>) -> Option<u8> + Send>>", Some("Mutex<Box<…>>")),
            (
                "RwLock<HashMap<Vec<(String, String)>, Counter>> at a.rs:7",
                Some("RwLock<HashMap<…>> at a.rs:7"),
            ),
            (
                "Mutex<CountedOwnedTasksInner<Arc<Handle<Current>, Thread…",
                Some("Mutex<CountedOwnedTasksInner<…>>"),
            ),
            ("Mutex<Vec<u32>>", None),
            ("the lock of all connections that are open now", None),
        ] {
            assert_eq!(short_name(long).as_deref(), short, "{long}");
        }
    }
}
