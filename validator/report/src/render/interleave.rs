//! The interleaving that hangs: which thread does what, in which order, as columns.

use std::fmt;

use crate::model::{Awaited, Report, ReportDependency};
use crate::modes::needs_writer;
use crate::names::{is_named, thread_words};
use crate::place::Place;
use lockdep_validator::{Code, Level, Mode};

/// A schedule that ends with every thread waiting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interleaving {
    /// The columns: one a thread.
    pub columns: Vec<Column>,
    /// What happens, in this order.
    pub steps: Vec<Step>,
}

/// A thread of a schedule; what it displays is the head of its column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Column {
    /// What the other columns call it.
    pub name: String,
    /// The thread that was seen in this role, if one thread was seen in several.
    pub seen_as: Option<String>,
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.seen_as.as_ref().map_or(Ok(()), |thread| write!(f, " (as {thread})"))
    }
}

impl From<&str> for Column {
    fn from(name: &str) -> Self {
        Self { name: name.to_owned(), seen_as: None }
    }
}

/// One thread's next action.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// Whose, as an index into [`Interleaving::columns`].
    pub column: usize,
    /// What, as in `lock(accounts)`.
    pub action: String,
    /// Where; unknown for a step that was never seen but only has to be possible.
    pub place: Place,
    /// The column of the thread that it waits for, forever; `None` if it goes on.
    pub waits_for: Option<usize>,
}

/// Returns what the interleaving of `report` shows, as a heading.
pub fn how_it_hangs(report: &Report) -> &'static str {
    match &report.evidence {
        evidence if evidence.is_out_of_reach() => "how it would hang if others could reach every lock",
        evidence if evidence.gate.is_some() && report.level != Level::Error => {
            "how it would hang without the gate"
        }
        _ => "how it hangs",
    }
}

/// Returns the interleaving in which `report` hangs; `None` for rules about something else.
pub fn interleaving(report: &Report) -> Option<Interleaving> {
    match report.code.known()? {
        Code::Recursion => recursion(report),
        Code::SameClassOrder if report.cycle.is_empty() => None,
        Code::SameClassOrder | Code::CircularDependency => circular(report),
        Code::InconsistentContext => context(report),
        Code::RecursiveFairRead => recursive_read(report),
        Code::WaitHoldingLock => wait(report),
        _ => None,
    }
}

fn recursion(report: &Report) -> Option<Interleaving> {
    let (held, wanted) = report.conflict.as_ref().zip(report.subject.as_ref())?;
    if held.instance != wanted.instance {
        return None;
    }
    let step = |lock: &crate::model::ReportLock, waits_for| Step {
        column: 0,
        action: action(report, &lock.class, &lock.hash, lock.mode),
        place: lock.site.outside_wrapper().clone(),
        waits_for,
    };
    Some(Interleaving {
        columns: vec![thread(&report.thread)],
        steps: vec![step(held, None), step(wanted, Some(0))],
    })
}

fn recursive_read(report: &Report) -> Option<Interleaving> {
    let (held, wanted) = report.conflict.as_ref().zip(report.subject.as_ref())?;
    let step = |column, mode, place: &Place, waits_for| Step {
        column,
        action: action(report, &wanted.class, &wanted.hash, mode),
        place: place.outside_wrapper().clone(),
        waits_for,
    };
    Some(Interleaving {
        columns: vec![thread(&report.thread), "any writer".into()],
        steps: vec![
            step(0, held.mode, &held.site, None),
            step(1, Mode::Exclusive, &Place::default(), Some(0)),
            step(0, wanted.mode, &wanted.site, Some(1)),
        ],
    })
}

/// The waiting thread and the awaited one. The first acquires the lock, the second wants it.
fn wait(report: &Report) -> Option<Interleaving> {
    let [provision, wait] = report.cycle.as_slice() else { return None };
    let lock = |step: &ReportDependency, column, is_wanted: bool| {
        let (class, hash, mode, site) = if is_wanted {
            (&step.to, &step.to_hash, step.acquire_mode, &step.acquire_site)
        } else {
            (&step.from, &step.from_hash, step.held_mode, &step.held_site)
        };
        let place = site.outside_wrapper().clone();
        Step { column, action: action(report, class, hash, mode), place, waits_for: None }
    };
    let columns = columns(&[&wait.thread, &provision.thread]);
    let action = match report.awaited_kind() {
        Some(Awaited::Scope) => "end of the scope".to_owned(),
        Some(Awaited::Message) => "receive".to_owned(),
        Some(Awaited::Room) => "send, channel full".to_owned(),
        _ => "join".to_owned(),
    };
    let place = wait.acquire_site.outside_wrapper().clone();
    Some(Interleaving {
        columns,
        steps: vec![
            lock(wait, 0, false),
            Step { column: 0, action, place, waits_for: Some(1) },
            Step { waits_for: Some(0), ..lock(provision, 1, true) },
        ],
    })
}

fn context(report: &Report) -> Option<Interleaving> {
    let [inside, enabled] = report.places.as_slice() else { return None };
    let class = report.classes.first()?;
    let step = |column, place: &Place, waits_for| Step {
        column,
        action: action(report, &class.name, &class.hash, Mode::Exclusive),
        place: place.outside_wrapper().clone(),
        waits_for,
    };
    Some(Interleaving {
        columns: vec!["the thread".into(), "the context, interrupting it".into()],
        steps: vec![step(0, &enabled.place, None), step(1, &inside.place, Some(0))],
    })
}

fn circular(report: &Report) -> Option<Interleaving> {
    let cycle = &report.cycle;
    let last = cycle.len().checked_sub(1)?;
    let mut columns = columns(&cycle.iter().map(|step| &*step.thread).collect::<Vec<_>>());
    let mut steps: Vec<Step> = Vec::with_capacity(2 * cycle.len());
    for (column, step) in cycle.iter().enumerate() {
        let action = action(report, &step.from, &step.from_hash, step.held_mode);
        steps.push(Step { column, action, place: step.held_site.outside_wrapper().clone(), waits_for: None });
    }
    let queued = queue_writers(report, &mut columns, &mut steps);
    for (column, step) in cycle.iter().enumerate() {
        let holder = if column == last { 0 } else { column + 1 };
        let waits_for = queued.iter().find(|writer| writer.0 == column).map_or(holder, |writer| writer.1);
        let action = action(report, &step.to, &step.to_hash, step.acquire_mode);
        steps.push(Step {
            column,
            action,
            place: step.acquire_site.outside_wrapper().clone(),
            waits_for: Some(waits_for),
        });
    }
    Some(Interleaving { columns, steps })
}

/// Adds a writer for each reader that only waits because one is queued; gives (waiting column,
/// writer's column).
fn queue_writers(report: &Report, columns: &mut Vec<Column>, steps: &mut Vec<Step>) -> Vec<(usize, usize)> {
    let n_dependencies = report.cycle.len();
    let mut queued = Vec::new();
    for (column, arrive) in report.cycle.iter().enumerate() {
        let holder = (column + 1) % n_dependencies;
        if !needs_writer_between(arrive, &report.cycle[holder]) {
            continue;
        }
        queued.push((column, columns.len()));
        steps.push(Step {
            column: columns.len(),
            action: action(report, &arrive.to, &arrive.to_hash, Mode::Exclusive),
            place: Place::default(),
            waits_for: Some(holder),
        });
        columns.push("any writer".into());
    }
    queued
}

fn needs_writer_between(arrive: &ReportDependency, leave: &ReportDependency) -> bool {
    !needs_writer(&[arrive.clone(), leave.clone()]).is_empty()
        && arrive.acquire_mode == Mode::Shared
        && leave.held_mode != Mode::Exclusive
}

/// The longest name of a thread that is written in full: it stands in each of its lines.
const MAX_NAME: usize = 32;

fn thread(name: &str) -> Column {
    let name = if name.is_empty() { UNNAMED.to_owned() } else { thread_words(&cut(name)) };
    Column { name, seen_as: None }
}

/// A thread of which no name is known.
const UNNAMED: &str = "a thread";

fn cut(name: &str) -> String {
    match name.char_indices().nth(MAX_NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// The columns of these threads. They have letters if two are one thread: it was seen in several
/// roles, but it takes several threads to hang.
fn columns(threads: &[&str]) -> Vec<Column> {
    let shown: Vec<String> = threads.iter().map(|name| cut(name)).collect();
    let is_repeated = (1..shown.len()).any(|index| shown[..index].contains(&shown[index]));
    if !is_repeated {
        return threads.iter().map(|name| thread(name)).collect();
    }
    let lettered = |(index, thread): (usize, String)| {
        let seen_as = match () {
            () if thread.is_empty() => UNNAMED.to_owned(),
            () if is_named(&thread) => format!("`{thread}`"),
            () => thread,
        };
        Column { name: format!("thread {}", letters(index)), seen_as: Some(seen_as) }
    };
    shown.into_iter().enumerate().map(lettered).collect()
}

/// A, B … Z, AA …
fn letters(index: usize) -> String {
    let last = char::from(b'A' + u8::try_from(index % 26).expect("a remainder of 26 is small"));
    if index < 26 { last.to_string() } else { format!("{}{last}", letters(index / 26 - 1)) }
}

/// The call as the program writes it.
fn action(report: &Report, class: &str, hash: &str, mode: Mode) -> String {
    let kind = report.classes.iter().find(|known| known.hash == hash);
    let reads_and_writes = kind.is_some_and(|class| class.kind.contains("RwLock"));
    let verb = match mode {
        Mode::Shared => "read",
        Mode::SharedRecursive => "read_recursive",
        Mode::Exclusive if reads_and_writes => "write",
        Mode::Exclusive => "lock",
    };
    format!("{verb}({class})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_one_thread_are_lettered() {
        let heads =
            |threads: &[&str]| -> Vec<String> { columns(threads).iter().map(ToString::to_string).collect() };
        assert_eq!(
            heads(&["main", "thread 2", "main"]),
            ["thread A (as `main`)", "thread B (as thread 2)", "thread C (as `main`)"]
        );
        assert_eq!(heads(&["", ""]), ["thread A (as a thread)", "thread B (as a thread)"]);
        assert_eq!(columns(&["main", "main"])[1].name, "thread B");
        assert_eq!(heads(&["thread 1", "thread 2"]), ["thread 1", "thread 2"]);
        assert_eq!(heads(&[""]), ["a thread"]);
        let long = "\u{e9}".repeat(MAX_NAME);
        assert_eq!(heads(&[&format!("{long}\u{e9}")]), [format!("thread `{long}…`")]);
        assert_eq!(heads(&[&long]), [format!("thread `{long}`")]);
        assert_eq!([letters(0), letters(25), letters(26), letters(52)], ["A", "Z", "AA", "BA"]);
    }
}
