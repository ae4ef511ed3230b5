//! Which nodes lie on a common cycle.
//!
//! A component is named by one of its nodes, its *representative*. Leaving a component costs O(1),
//! whichever node leaves: a hundred thousand locks of one ring go away one after the other.

use rustc_hash::FxHashMap;

/// The components of two nodes or more; any other node is a component of its own.
#[derive(Debug, Default)]
pub(super) struct Components {
    /// For every node of a component of two or more: the component's number, and where the node
    /// stands in `members`.
    places: FxHashMap<u32, (u32, usize)>,
    sets: FxHashMap<u32, Set>,
    next: u32,
}

#[derive(Debug)]
struct Set {
    /// INVARIANT: one of `members`.
    representative: u32,
    /// INVARIANT: at least two nodes; the node at index `i` has the place `(number of the set, i)`.
    members: Vec<u32>,
}

/// What became of a component that a node left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Left {
    /// The node was a component of its own.
    Nothing,
    /// The representative is who it was.
    Unchanged,
    /// The node was the representative; this one is now.
    Heir(u32),
}

impl Components {
    /// The representative of a node's component.
    #[inline]
    pub(super) fn of(&self, node: u32) -> u32 {
        if self.places.is_empty() {
            return node;
        }
        match self.places.get(&node) {
            Some((number, _)) => self.sets.get(number).map_or(node, |set| set.representative),
            None => node,
        }
    }

    /// The nodes of a component, by its representative.
    pub(super) fn members<'a>(&'a self, representative: &'a u32) -> &'a [u32] {
        let set = self.places.get(representative).and_then(|(number, _)| self.sets.get(number));
        set.map_or(std::slice::from_ref(representative), |set| &set.members)
    }

    /// Makes `node` a component of its own.
    pub(super) fn detach(&mut self, node: u32) -> Left {
        let Some((number, index)) = self.places.remove(&node) else { return Left::Nothing };
        let set = self.sets.get_mut(&number).expect("INVARIANT: a place names a set");
        set.members.swap_remove(index);
        if let Some(moved) = set.members.get(index) {
            self.places.insert(*moved, (number, index));
        }
        let left = if set.representative == node {
            set.representative = set.members[0];
            Left::Heir(set.representative)
        } else {
            Left::Unchanged
        };
        if let [only] = set.members[..] {
            self.places.remove(&only);
            self.sets.remove(&number);
        }
        left
    }

    /// Joins the components of `others` (representatives all) to that of `representative`, which
    /// keeps its name.
    pub(super) fn merge(&mut self, representative: u32, others: impl IntoIterator<Item = u32>) {
        let number = match self.places.get(&representative) {
            Some((number, _)) => *number,
            None => {
                let number = self.next;
                self.next = self.next.wrapping_add(1);
                self.places.insert(representative, (number, 0));
                self.sets.insert(number, Set { representative, members: vec![representative] });
                number
            }
        };
        for other in others {
            let moved = match self.places.get(&other) {
                Some((old, _)) => self.sets.remove(old).map_or_else(Vec::new, |set| set.members),
                None => vec![other],
            };
            let set = self.sets.get_mut(&number).expect("made or found above");
            for node in moved {
                self.places.insert(node, (number, set.members.len()));
                set.members.push(node);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_outlives_its_representative() {
        let mut components = Components::default();
        components.merge(3, [1, 2, 7]);
        assert!([1, 2, 3, 7].into_iter().all(|node| components.of(node) == 3));
        let Left::Heir(heir) = components.detach(3) else { panic!("3 was the representative") };
        assert_eq!(components.of(3), 3);
        assert!([1, 2, 7].into_iter().all(|node| components.of(node) == heir));
        let mut members = components.members(&heir).to_vec();
        members.sort_unstable();
        assert_eq!(members, [1, 2, 7]);
    }

    #[test]
    fn the_last_one_is_alone() {
        let mut components = Components::default();
        components.merge(0, [1]);
        assert_eq!(components.detach(1), Left::Unchanged);
        assert_eq!(components.detach(0), Left::Nothing);
        assert!(components.sets.is_empty() && components.places.is_empty());
    }

    #[test]
    fn leaving_a_large_component_is_cheap() {
        let mut components = Components::default();
        let n_nodes = 200_000;
        components.merge(n_nodes - 1, 0..n_nodes - 1);
        // Quadratic work would take minutes; the order is that of a `Vec` that drops its locks.
        for node in 0..n_nodes {
            components.detach(node);
        }
        assert!(components.places.is_empty());
    }
}
