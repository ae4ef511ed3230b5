//! A list whose places can be compared in O(1): order maintenance with 64-bit labels.
//!
//! Each node of the list has a label between those of its neighbours. When no number is left
//! between two of them, the smallest stretch around them that is sparse enough is spread out evenly
//! (Bender, Cole, Demaine, Farach-Colton, Zito, "Two Simplified Algorithms for Maintaining Order in
//! a List", 2002).

const NONE: u32 = u32::MAX;
/// How far from the last node a new one is placed: room for 2^28 of them at each end, and for 35
/// halvings in between.
const STEP: u64 = 1 << 35;

#[derive(Clone, Copy, Debug)]
struct Links {
    prev: u32,
    next: u32,
}

/// Nodes 0, 1, 2 … in an order of their own. A node may be out of the list.
#[derive(Debug)]
pub(crate) struct LabelList {
    labels: Vec<u64>,
    /// A node out of the list links to itself.
    links: Vec<Links>,
    first: u32,
    last: u32,
}

impl Default for LabelList {
    fn default() -> Self {
        Self { labels: Vec::new(), links: Vec::new(), first: NONE, last: NONE }
    }
}

impl LabelList {
    /// The place of a node, to be compared with that of another; valid until the list changes.
    #[inline]
    pub(crate) fn label(&self, node: u32) -> u64 {
        self.labels[node as usize]
    }

    /// Adds the next node at the end.
    pub(crate) fn push_back(&mut self) {
        let node = u32::try_from(self.labels.len()).expect("nodes are numbered with u32");
        if self.labels.len() == self.labels.capacity() {
            // An eighth more each time: doubling would leave half of the memory unused.
            let more = self.labels.len() / 8 + 64;
            self.labels.reserve_exact(more);
            self.links.reserve_exact(more);
        }
        self.labels.push(0);
        self.links.push(Links { prev: node, next: node });
        self.push_back_again(node);
    }

    /// Puts a node that is out of the list at its end.
    pub(crate) fn push_back_again(&mut self, node: u32) {
        self.insert_after(self.last, &[node]);
    }

    pub(crate) fn move_to_back(&mut self, node: u32) {
        if self.last != node {
            self.unlink(node);
            self.push_back_again(node);
        }
    }

    /// Moves nodes, in the order given, to directly behind `place`, which is not one of them.
    pub(crate) fn move_after(&mut self, place: u32, nodes: &[u32]) {
        for node in nodes {
            self.unlink(*node);
        }
        self.insert_after(place, nodes);
    }

    /// Moves nodes, in the order given, to directly before `place`, which is not one of them.
    pub(crate) fn move_before(&mut self, place: u32, nodes: &[u32]) {
        for node in nodes {
            self.unlink(*node);
        }
        self.insert_after(self.links[place as usize].prev, nodes);
    }

    /// Puts `new`, which is out of the list, where `old` was; `old` is out of it then.
    pub(crate) fn replace(&mut self, old: u32, new: u32) {
        self.labels[new as usize] = self.labels[old as usize];
        let Links { prev, next } = self.links[old as usize];
        self.links[old as usize] = Links { prev: old, next: old };
        self.links[new as usize] = Links { prev, next };
        self.set_next(prev, new);
        self.set_prev(next, new);
    }

    fn is_unlinked(&self, node: u32) -> bool {
        self.links[node as usize].next == node
    }

    /// Takes a node out of the list.
    pub(crate) fn unlink(&mut self, node: u32) {
        debug_assert!(!self.is_unlinked(node), "node {node} is out of the list already");
        let Links { prev, next } = self.links[node as usize];
        self.set_next(prev, next);
        self.set_prev(next, prev);
        self.links[node as usize] = Links { prev: node, next: node };
    }

    fn set_next(&mut self, node: u32, next: u32) {
        if node == NONE { self.first = next } else { self.links[node as usize].next = next }
    }

    fn set_prev(&mut self, node: u32, prev: u32) {
        if node == NONE { self.last = prev } else { self.links[node as usize].prev = prev }
    }

    /// Inserts nodes that are out of the list behind `place`, or at the front if that is `NONE`.
    fn insert_after(&mut self, place: u32, nodes: &[u32]) {
        if nodes.is_empty() {
            return;
        }
        let n_nodes = nodes.len() as u64;
        let (low, step) = loop {
            let next = if place == NONE { self.first } else { self.links[place as usize].next };
            let low = if place == NONE { 0 } else { self.label(place) };
            let high = if next == NONE { u64::MAX } else { self.label(next) };
            let step = (high - low) / (n_nodes + 1);
            if step == 0 {
                self.spread(if place == NONE { next } else { place }, n_nodes);
                continue;
            }
            // At the ends of the list only a step is taken, so that there is room for many more.
            match (place, next) {
                (NONE, NONE) => break (u64::MAX / 2, step.min(STEP)),
                (NONE, _) if step > STEP => break (high - (n_nodes + 1) * STEP, STEP),
                (_, NONE) => break (low, step.min(STEP)),
                _ => break (low, step),
            }
        };
        let mut prev = place;
        let mut label = low;
        let next = if place == NONE { self.first } else { self.links[place as usize].next };
        for &node in nodes {
            label += step;
            self.labels[node as usize] = label;
            self.links[node as usize].prev = prev;
            self.set_next(prev, node);
            prev = node;
        }
        self.links[prev as usize].next = next;
        self.set_prev(next, prev);
    }

    /// Spreads out the smallest stretch of labels around `node` that is sparse enough to take
    /// `n_more` between any two.
    fn spread(&mut self, node: u32, n_more: u64) {
        let at = self.label(node);
        let (mut leftmost, mut rightmost, mut n_nodes) = (node, node, 1_u64);
        // A stretch of 2^bits labels may hold (4/3)^bits nodes; 64 bits then hold a hundred
        // million.
        let mut limit = 1.0_f64;
        for bits in 1..=64_u32 {
            limit *= 4.0 / 3.0;
            let width = 1_u128 << bits;
            let base = u128::from(at) & !(width - 1);
            let within = |label: u64| u128::from(label) >= base && u128::from(label) < base + width;
            while let Some(prev) = self.within(self.links[leftmost as usize].prev, &within) {
                leftmost = prev;
                n_nodes += 1;
            }
            while let Some(next) = self.within(self.links[rightmost as usize].next, &within) {
                rightmost = next;
                n_nodes += 1;
            }
            let gap = width / u128::from(n_nodes + 1);
            let sparse = (n_nodes as f64) < limit && gap > u128::from(n_more) + 1;
            if sparse || bits == 64 {
                let mut label = base;
                let mut node = leftmost;
                loop {
                    label += gap;
                    self.labels[node as usize] = u64::try_from(label)
                        .expect("the stretch lies within 64 bits and keeps a gap at its end");
                    if node == rightmost {
                        return;
                    }
                    node = self.links[node as usize].next;
                }
            }
        }
    }

    fn within(&self, node: u32, within: &dyn Fn(u64) -> bool) -> Option<u32> {
        (node != NONE && within(self.label(node))).then_some(node)
    }

    #[cfg(test)]
    pub(crate) fn check(&self) {
        let (mut node, mut before) = (self.first, None);
        let mut prev = NONE;
        while node != NONE {
            assert!(before < Some(self.label(node)), "labels must rise along the list");
            assert_eq!(self.links[node as usize].prev, prev);
            before = Some(self.label(node));
            (prev, node) = (node, self.links[node as usize].next);
        }
        assert_eq!(self.last, prev);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squeezing_many_nodes_into_one_place_spreads_the_labels() {
        let mut list = LabelList::default();
        for _ in 0..5000 {
            list.push_back();
        }
        for node in 2..5000 {
            // Always directly behind node 0: halves the same gap each time.
            list.move_after(0, &[node]);
        }
        list.check();
        assert!(list.label(0) < list.label(4999) && list.label(4999) < list.label(2));
        list.move_before(0, &[7, 9, 8]);
        list.check();
        assert!(
            list.label(7) < list.label(9) && list.label(9) < list.label(8) && list.label(8) < list.label(0)
        );
    }

    #[test]
    fn the_front_takes_as_many_as_the_back() {
        let mut list = LabelList::default();
        for node in 0..2000 {
            list.push_back();
            if node > 0 {
                list.move_before(node - 1, &[node]);
            }
        }
        list.check();
        assert!(list.label(1999) < list.label(0));
    }
}
