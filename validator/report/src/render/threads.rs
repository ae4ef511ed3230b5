//! The threads of a deadlock that has happened: what each waits for, and what it holds.

use crate::model::{Report, ReportLock, WaitingThread};
use crate::names::thread_words;

/// The lock that `waiter` waits for, as `holder` holds it.
pub(super) fn given<'a>(waiter: &WaitingThread, holder: &'a WaitingThread) -> Option<&'a ReportLock> {
    let wanted = waiter.wait.lock.as_ref()?;
    holder.holds.iter().rfind(|held| (&held.hash, held.instance) == (&wanted.hash, wanted.instance))
}

/// The whole ring, a line a thread.
pub(super) fn ring_lines(report: &Report) -> Vec<String> {
    report.threads.iter().map(sentence).collect()
}

/// What a thread waits for, and for whom.
pub(super) fn sentence(thread: &WaitingThread) -> String {
    let who = thread_words(&thread.thread);
    let next = thread_words(&thread.waits_for);
    let (time, what) = (thread.wait.time(), thread.wait.words());
    format!("{who} has waited {time} for {what}, and waits for {next}")
}

/// What the threads of the ring hold besides what the excerpts show: for each its thread.
pub(super) fn unasked_holds(report: &Report) -> Vec<(String, &ReportLock)> {
    let n_threads = report.threads.len();
    let mut all = Vec::new();
    for (index, thread) in report.threads.iter().enumerate() {
        let before = &report.threads[(index + n_threads - 1) % n_threads];
        let shown = given(before, thread).map(|lock| (&lock.hash, lock.instance));
        let others = thread.holds.iter().filter(|lock| Some((&lock.hash, lock.instance)) != shown);
        all.extend(others.map(|lock| (thread_words(&thread.thread), lock)));
    }
    all
}
