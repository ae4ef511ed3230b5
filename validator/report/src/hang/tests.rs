//! The order in which a report shows the threads of a hang.

use super::graph::Graph;
use crate::hang_report::HangRole;

fn order(waits_for: &[&[usize]]) -> (Vec<usize>, Vec<HangRole>, Vec<usize>) {
    let waits_for: Vec<Vec<usize>> = waits_for.iter().map(|targets| targets.to_vec()).collect();
    let n_threads = vec![1; waits_for.len()];
    let ordered = Graph { waits_for: &waits_for, n_threads: &n_threads }.ordered();
    (ordered.order, ordered.roles, ordered.n_waiters)
}

#[test]
fn the_thread_that_all_wait_for_comes_first_and_then_the_nearest() {
    // Nothing, a waiter for a waiter, a waiter, the root.
    let (order, roles, n_waiters) = order(&[&[], &[2], &[3], &[]]);
    assert_eq!(order, [3, 2, 1, 0]);
    assert_eq!(roles, [HangRole::Other, HangRole::Waiter, HangRole::Waiter, HangRole::Root]);
    assert_eq!(n_waiters, [0, 0, 1, 2]);
}

#[test]
fn a_ring_is_a_root_and_is_told_along_itself() {
    let (order, roles, n_waiters) = order(&[&[2], &[0], &[3], &[0], &[]]);
    assert_eq!(order, [0, 2, 3, 1, 4]);
    assert_eq!(roles[0..4], [HangRole::Ring, HangRole::Waiter, HangRole::Ring, HangRole::Ring]);
    assert_eq!(n_waiters, [3, 0, 3, 3, 0]);
}

#[test]
fn threads_folded_into_one_entry_can_wait_for_each_other() {
    let waits_for = [vec![0]];
    let ordered = Graph { waits_for: &waits_for, n_threads: &[2] }.ordered();
    assert_eq!((ordered.roles, ordered.n_waiters), (vec![HangRole::Ring], vec![1]));
}
