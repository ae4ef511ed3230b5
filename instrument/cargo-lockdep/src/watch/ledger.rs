//! What the watched processes counted in the ledger beside their records: how many they were, and
//! what they lost.

pub(super) use lockdep_report::record::ledger::Ledger;

use crate::count::counted;

/// What was counted after `before`: a directory of the user's own has the ledger of earlier runs.
pub(super) fn since(now: Ledger, before: Ledger) -> Ledger {
    Ledger {
        n_announced: now.n_announced.wrapping_sub(before.n_announced),
        n_ended: now.n_ended.wrapping_sub(before.n_ended),
        n_lost_records: now.n_lost_records.wrapping_sub(before.n_lost_records),
        n_lost_reports: now.n_lost_reports.wrapping_sub(before.n_lost_reports),
        n_unwatched_children: now.n_unwatched_children.wrapping_sub(before.n_unwatched_children),
    }
}

/// Adds what a second run counted.
pub(super) fn sum(first: Ledger, second: Ledger) -> Ledger {
    Ledger {
        n_announced: first.n_announced.saturating_add(second.n_announced),
        n_ended: first.n_ended.saturating_add(second.n_ended),
        n_lost_records: first.n_lost_records.saturating_add(second.n_lost_records),
        n_lost_reports: first.n_lost_reports.saturating_add(second.n_lost_reports),
        n_unwatched_children: first.n_unwatched_children.saturating_add(second.n_unwatched_children),
    }
}

/// What has to be said about it; `n_records` processes left a record, and of these so many lines
/// cannot be read.
pub(super) fn sentences(ledger: &Ledger, n_records: usize, n_unreadable: usize) -> Vec<String> {
    let mut sentences = Vec::new();
    let processes = |n: u32| counted(n, "process", "processes");
    let n_lost = ledger.n_lost_records;
    if n_lost > 0 {
        sentences.push(format!(
            "error: {} could not be opened or written in full, so a report may be missing (exit code {}): is the disk \
             full, or does a process have too few file descriptors? LOCKDEP_DIR names another place",
            counted(n_lost, "record", "records"),
            crate::exit::RECORD_LOST
        ));
    }
    if n_unreadable > 0 {
        sentences.push(format!(
            "error: {} of records cannot be read, so a report may be missing (exit code {})",
            counted(n_unreadable, "line", "lines"),
            crate::exit::RECORD_LOST
        ));
    }
    let n_without = usize::try_from(ledger.n_announced).unwrap_or(usize::MAX).saturating_sub(n_records);
    if n_without > n_lost as usize {
        sentences.push(format!(
            "{} took a lock and left no record",
            counted(n_without - n_lost as usize, "process", "processes")
        ));
    }
    let n_open = ledger.n_announced.saturating_sub(ledger.n_ended).saturating_sub(n_lost);
    if n_open > 0 {
        sentences.push(format!(
            "{} ended without the last line of a record (`_exit`, exec, or killed): what was seen before counts",
            processes(n_open)
        ));
    }
    let n_children = ledger.n_unwatched_children;
    if n_children > 0 {
        sentences.push(format!(
            "{} of a process with several threads took locks and was not validated",
            counted(n_children, "forked child", "forked children")
        ));
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_reported_and_an_early_end_is_no_loss() {
        let of = |announced, ended, lost| {
            let ledger =
                Ledger { n_announced: announced, n_ended: ended, n_lost_records: lost, ..Ledger::default() };
            sentences(&ledger, (announced - lost) as usize, 0).join("\n")
        };
        assert_eq!(of(3, 3, 0), "");
        let unreadable = sentences(&Ledger::default(), 1, 2).join("\n");
        assert!(unreadable.starts_with("error: 2 lines of records cannot be read"), "{unreadable}");
        assert!(
            of(3, 2, 1).starts_with("error: 1 record could not be opened or written in full"),
            "{}",
            of(3, 2, 1)
        );
        assert!(!of(3, 2, 1).contains("without the last line"), "it is reported once");
        assert!(of(3, 1, 0).starts_with("2 processes ended without the last line"), "{}", of(3, 1, 0));
    }

    #[test]
    fn only_what_this_run_counted_is_reported() {
        let before = Ledger { n_announced: 5, n_ended: 4, n_lost_records: 1, ..Ledger::default() };
        let now = Ledger { n_announced: 7, n_ended: 6, n_lost_records: 1, ..Ledger::default() };
        let run = since(now, before);
        assert_eq!(run, Ledger { n_announced: 2, n_ended: 2, ..Ledger::default() });
        assert_eq!(sum(run, run).n_announced, 4);
    }
}
