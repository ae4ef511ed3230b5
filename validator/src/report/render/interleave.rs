//! The interleaving that hangs: who does what, in which order, as columns.

use crate::report::model::{Place, Report, ReportDependency};
use crate::report::words::needs_writer;

/// A schedule that ends with everybody waiting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interleaving {
    /// The heads of the columns: one a thread.
    pub columns: Vec<String>,
    /// What happens, in this order.
    pub steps: Vec<Step>,
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
    /// The column of the thread that it waits for, for ever; `None` if it goes on.
    pub waits_for: Option<usize>,
}

/// The interleaving in which `report` hangs; `None` for rules about something else.
pub fn interleaving(report: &Report) -> Option<Interleaving> {
    match report.code.as_str() {
        "LD0001" => recursion(report),
        "LD0002" if report.cycle.is_empty() => None,
        "LD0002" | "LD0003" => circular(report),
        "LD0004" => context(report),
        "LD0014" => recursive_read(report),
        _ => None,
    }
}

fn recursion(report: &Report) -> Option<Interleaving> {
    let (held, wanted) = report.conflict.as_ref().zip(report.subject.as_ref())?;
    if held.instance != wanted.instance {
        return None;
    }
    let step = |lock: &crate::report::model::ReportLock, waits_for| Step {
        column: 0,
        action: action(report, &lock.class, &lock.hash, &lock.mode),
        place: lock.site.clone(),
        waits_for,
    };
    Some(Interleaving {
        columns: vec![thread(&report.thread)],
        steps: vec![step(held, None), step(wanted, Some(0))],
    })
}

fn recursive_read(report: &Report) -> Option<Interleaving> {
    let (held, wanted) = report.conflict.as_ref().zip(report.subject.as_ref())?;
    let step = |column, mode: &str, place: &Place, waits_for| Step {
        column,
        action: action(report, &wanted.class, &wanted.hash, mode),
        place: place.clone(),
        waits_for,
    };
    Some(Interleaving {
        columns: vec![thread(&report.thread), "any writer".to_owned()],
        steps: vec![
            step(0, &held.mode, &held.site, None),
            step(1, "exclusive", &Place::default(), Some(0)),
            step(0, &wanted.mode, &wanted.site, Some(1)),
        ],
    })
}

fn context(report: &Report) -> Option<Interleaving> {
    let [inside, enabled] = report.places.as_slice() else { return None };
    let class = report.classes.first()?;
    let step = |column, place: &Place, waits_for| Step {
        column,
        action: action(report, &class.name, &class.hash, "exclusive"),
        place: place.clone(),
        waits_for,
    };
    Some(Interleaving {
        columns: vec!["the thread".to_owned(), "the context, interrupting it".to_owned()],
        steps: vec![step(0, &enabled.place, None), step(1, &inside.place, Some(0))],
    })
}

fn circular(report: &Report) -> Option<Interleaving> {
    let cycle = &report.cycle;
    let last = cycle.len().checked_sub(1)?;
    let mut columns: Vec<String> = cycle.iter().map(|step| thread(&step.thread)).collect();
    number_repeated(&mut columns);
    let mut steps: Vec<Step> = Vec::with_capacity(2 * cycle.len());
    for (column, step) in cycle.iter().enumerate() {
        let action = action(report, &step.from, &step.from_hash, &step.held_mode);
        steps.push(Step { column, action, place: step.held_site.clone(), waits_for: None });
    }
    let queued = queue_writers(report, &mut columns, &mut steps);
    for (column, step) in cycle.iter().enumerate() {
        let holder = if column == last { 0 } else { column + 1 };
        let waits_for = queued.iter().find(|writer| writer.0 == column).map_or(holder, |writer| writer.1);
        let action = action(report, &step.to, &step.to_hash, &step.acquire_mode);
        steps.push(Step { column, action, place: step.acquire_site.clone(), waits_for: Some(waits_for) });
    }
    Some(Interleaving { columns, steps })
}

/// Adds a writer for each reader that only waits because one is queued; gives (waiting column, writer's column).
fn queue_writers(report: &Report, columns: &mut Vec<String>, steps: &mut Vec<Step>) -> Vec<(usize, usize)> {
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
            action: action(report, &arrive.to, &arrive.to_hash, "exclusive"),
            place: Place::default(),
            waits_for: Some(holder),
        });
        columns.push("any writer".to_owned());
    }
    queued
}

fn needs_writer_between(arrive: &ReportDependency, leave: &ReportDependency) -> bool {
    !needs_writer(&[arrive.clone(), leave.clone()]).is_empty()
        && arrive.acquire_mode == "shared"
        && leave.held_mode != "exclusive"
}

fn thread(name: &str) -> String {
    if name.is_empty() { "thread".to_owned() } else { format!("thread `{name}`") }
}

/// Tells columns of one name apart: the same thread was seen in several roles, but it takes several threads to hang.
fn number_repeated(columns: &mut [String]) {
    let names = columns.to_vec();
    for (index, column) in columns.iter_mut().enumerate() {
        if names.iter().filter(|name| *name == column).count() > 1 {
            let nth = names[..=index].iter().filter(|name| **name == names[index]).count();
            *column = format!("{column} ({nth})");
        }
    }
}

/// The call as the program writes it.
fn action(report: &Report, class: &str, hash: &str, mode: &str) -> String {
    let kind = report.classes.iter().find(|known| known.hash == hash && known.name == class);
    let reads_and_writes = kind.is_some_and(|class| class.kind.contains("RwLock"));
    let verb = match mode {
        "shared" => "read",
        "shared-recursive" => "read_recursive",
        _ if reads_and_writes => "write",
        _ => "lock",
    };
    format!("{verb}({class})")
}
