//! Several locks of one class in one report: each gets a number, so that a reader knows which is
//! meant.

use rustc_hash::FxHashMap;

use crate::model::Report;

/// The report with a number behind the name of each lock of whose class it shows several.
///
/// Numbers count the locks of a class in the order in which the report names them. A class of which
/// it shows one lock keeps its name.
pub fn numbered(report: &Report) -> Report {
    let mut locks: FxHashMap<String, Vec<u64>> = FxHashMap::default();
    let mut note = |hash: &str, instance: u64| {
        let known = locks.entry(hash.to_owned()).or_default();
        if !hash.is_empty() && !known.contains(&instance) {
            known.push(instance);
        }
    };
    for thread in &report.threads {
        thread.wait.lock.iter().chain(&thread.holds).for_each(|lock| note(&lock.hash, lock.instance));
    }
    for step in &report.cycle {
        note(&step.from_hash, step.instances.0);
        note(&step.to_hash, step.instances.1);
    }
    for lock in [&report.conflict, &report.subject].into_iter().flatten() {
        note(&lock.hash, lock.instance);
    }
    let mut report = report.clone();
    if locks.values().all(|known| known.len() < 2) {
        return report;
    }
    let name = |name: &mut String, hash: &str, instance: u64| {
        let known = locks.get(hash).filter(|known| known.len() > 1);
        let number = known.and_then(|known| known.iter().position(|lock| *lock == instance));
        if let Some(number) = number {
            *name = format!("{name} #{}", number + 1);
        }
    };
    for step in &mut report.cycle {
        name(&mut step.from, &step.from_hash, step.instances.0);
        name(&mut step.to, &step.to_hash, step.instances.1);
    }
    for lock in report.conflict.iter_mut().chain(&mut report.subject).chain(&mut report.held) {
        name(&mut lock.class, &lock.hash, lock.instance);
    }
    for thread in &mut report.threads {
        let locks = thread.wait.lock.iter_mut().chain(&mut thread.holds);
        locks.for_each(|lock| name(&mut lock.class, &lock.hash, lock.instance));
    }
    report
}
