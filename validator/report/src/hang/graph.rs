//! Who waits for whom, and in which order a reader wants to see it.

use std::collections::VecDeque;

use crate::hang_report::HangRole;

/// A graph of entries: for each those that it waits for, and how many threads it stands for.
#[derive(Debug)]
pub(super) struct Graph<'a> {
    pub(super) waits_for: &'a [Vec<usize>],
    pub(super) n_threads: &'a [usize],
}

/// What part each entry has, and the order in which they are shown.
#[derive(Debug)]
pub(super) struct Ordered {
    pub(super) order: Vec<usize>,
    pub(super) roles: Vec<HangRole>,
    pub(super) n_waiters: Vec<usize>,
}

impl Graph<'_> {
    /// The thread that the others wait for first, then who waits for it, nearest first, then the
    /// next such thread; at the end those that have no part in any wait for another.
    pub(super) fn ordered(&self) -> Ordered {
        let n = self.waits_for.len();
        let mut waited_by = vec![Vec::new(); n];
        for (from, targets) in self.waits_for.iter().enumerate() {
            targets.iter().for_each(|to| waited_by[*to].push(from));
        }
        let behind: Vec<Vec<usize>> = (0..n).map(|at| reached(&waited_by, at)).collect();
        let ahead: Vec<Vec<usize>> = (0..n).map(|at| reached(self.waits_for, at)).collect();
        let is_on_ring = |at: usize| ahead[at].contains(&at);
        let n_waiters: Vec<usize> = (0..n)
            .map(|at| {
                let others = behind[at].iter().filter(|other| **other != at);
                let own = if self.waits_for[at].contains(&at) { self.n_threads[at] - 1 } else { 0 };
                others.map(|other| self.n_threads[*other]).sum::<usize>() + own
            })
            .collect();
        // Everything that a root waits for waits for it.
        let is_root = |at: usize| {
            !behind[at].is_empty() && ahead[at].iter().all(|other| *other == at || behind[at].contains(other))
        };
        let roles: Vec<HangRole> = (0..n)
            .map(|at| match (is_root(at), is_on_ring(at), self.waits_for[at].is_empty()) {
                (true, true, _) => HangRole::Ring,
                (true, false, _) => HangRole::Root,
                (false, _, false) => HangRole::Waiter,
                (false, _, true) => HangRole::Other,
            })
            .collect();
        let mut roots: Vec<usize> = (0..n).filter(|at| is_root(*at)).collect();
        roots.sort_by_key(|at| (std::cmp::Reverse(n_waiters[*at]), roles[*at]));
        let mut order = Vec::new();
        for root in roots {
            self.add(root, &ahead, &waited_by, &mut order);
        }
        order.extend((0..n).filter(|at| !order.contains(at)).collect::<Vec<usize>>());
        Ordered { order, roles, n_waiters }
    }

    /// Adds a root, the ring that it is on in the order of the ring, and who waits for them.
    fn add(&self, root: usize, ahead: &[Vec<usize>], waited_by: &[Vec<usize>], order: &mut Vec<usize>) {
        if order.contains(&root) {
            return;
        }
        let first = order.len();
        order.push(root);
        let mut at = root;
        while let Some(next) = self.waits_for[at]
            .iter()
            .copied()
            .find(|next| ahead[*next].contains(&root) && !order.contains(next))
        {
            order.push(next);
            at = next;
        }
        let mut to_look_at: VecDeque<usize> = order[first..].iter().copied().collect();
        while let Some(at) = to_look_at.pop_front() {
            for waiter in &waited_by[at] {
                if !order.contains(waiter) {
                    order.push(*waiter);
                    to_look_at.push_back(*waiter);
                }
            }
        }
    }
}

/// Everything that can be reached from `start`; `start` itself only by a way that leads back.
fn reached(edges: &[Vec<usize>], start: usize) -> Vec<usize> {
    let mut is_seen = vec![false; edges.len()];
    let mut seen = Vec::new();
    let mut to_look_at = vec![start];
    while let Some(at) = to_look_at.pop() {
        for next in &edges[at] {
            if !is_seen[*next] {
                is_seen[*next] = true;
                seen.push(*next);
                to_look_at.push(*next);
            }
        }
    }
    seen
}
