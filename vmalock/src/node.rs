//! The nodes of the VMA tree: an immutable B+tree. An edit copies the path that it changes and shares the rest.

use std::sync::Arc;

use smallvec::SmallVec;

use super::vma::Vma;

/// The largest number of entries or children of a node: four levels hold 100 000 VMAs.
const N_MAX: usize = 31;

/// What a node holds lies in the node: a walk costs one cache miss a level less than with a vector. One more than the
/// largest number, so that an insertion that splits needs no room elsewhere.
type Inline<T> = SmallVec<[T; N_MAX + 1]>;

/// One range of the tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) vma: &'static Vma,
}

/// A node; never empty.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nodes are allocated one by one, and a box would be one more miss a level"
)]
pub(crate) enum Node {
    // INVARIANT: sorted by start, not overlapping.
    Leaf(Inline<Entry>),
    // INVARIANT: sorted by key; all keys of a child lie between its own key and the next one. The first child takes
    // what is below its key, too.
    Inner(Inline<Child>),
}

#[derive(Clone, Debug)]
pub(crate) struct Child {
    key: usize,
    node: Arc<Node>,
}

/// What an insertion made of a node.
enum Inserted {
    One(Node),
    Two(Node, Child),
}

impl Node {
    /// The entry that covers `addr`.
    pub(crate) fn covering(&self, addr: usize) -> Option<Entry> {
        let mut node = self;
        loop {
            match node {
                Self::Leaf(entries) => {
                    let index = entries.partition_point(|entry| entry.start <= addr);
                    return index.checked_sub(1).map(|index| entries[index]).filter(|entry| addr < entry.end);
                }
                Self::Inner(children) => node = &children[child_index(children, addr)].node,
            }
        }
    }

    /// The first entry that ends above `addr`.
    pub(crate) fn ending_above(&self, addr: usize) -> Option<Entry> {
        match self {
            Self::Leaf(entries) => {
                let index = entries.partition_point(|entry| entry.end <= addr);
                entries.get(index).copied()
            }
            Self::Inner(children) => {
                let index = child_index(children, addr);
                // The child may hold `addr` in its key range and still end below it; then it is the next one's first.
                // The depth of the recursion is the height of the tree.
                children[index..].iter().take(2).find_map(|child| child.node.ending_above(addr))
            }
        }
    }

    /// A tree of one entry.
    pub(crate) fn of(entry: Entry) -> Self {
        Self::Leaf(SmallVec::from_iter([entry]))
    }

    /// The tree with `entry` added, or replaced if one starts at the same address.
    pub(crate) fn with(&self, entry: Entry) -> Self {
        match self.insert(entry) {
            Inserted::One(node) => node,
            Inserted::Two(left, right) => {
                let left = Child { key: left.first_key(), node: Arc::new(left) };
                Self::Inner(SmallVec::from_iter([left, right]))
            }
        }
    }

    /// The tree without the entry that starts at `start`; `None` when nothing is left.
    pub(crate) fn without(&self, start: usize) -> Option<Self> {
        let node = self.remove(start)?;
        // A root with a single child is a level too many.
        match node {
            Self::Inner(mut children) if children.len() == 1 => {
                children.pop().map(|child| Arc::unwrap_or_clone(child.node))
            }
            node => Some(node),
        }
    }

    fn insert(&self, entry: Entry) -> Inserted {
        match self {
            Self::Leaf(entries) => {
                let index = entries.partition_point(|other| other.start < entry.start);
                let mut entries = entries.clone();
                match entries.get_mut(index) {
                    Some(same) if same.start == entry.start => *same = entry,
                    _ => entries.insert(index, entry),
                }
                if entries.len() <= N_MAX {
                    return Inserted::One(Self::Leaf(entries));
                }
                let right: Inline<Entry> = entries.drain(N_MAX / 2..).collect();
                let key = right[0].start;
                Inserted::Two(Self::Leaf(entries), Child { key, node: Arc::new(Self::Leaf(right)) })
            }
            Self::Inner(children) => {
                let index = child_index(children, entry.start);
                let mut children = children.clone();
                match children[index].node.insert(entry) {
                    Inserted::One(node) => children[index].node = Arc::new(node),
                    Inserted::Two(left, right) => {
                        children[index].node = Arc::new(left);
                        children.insert(index + 1, right);
                    }
                }
                children[index].key = children[index].key.min(entry.start);
                if children.len() <= N_MAX {
                    return Inserted::One(Self::Inner(children));
                }
                let right: Inline<Child> = children.drain(N_MAX / 2..).collect();
                let key = right[0].key;
                Inserted::Two(Self::Inner(children), Child { key, node: Arc::new(Self::Inner(right)) })
            }
        }
    }

    fn remove(&self, start: usize) -> Option<Self> {
        match self {
            Self::Leaf(entries) => {
                let entries: Inline<Entry> =
                    entries.iter().copied().filter(|entry| entry.start != start).collect();
                (!entries.is_empty()).then_some(Self::Leaf(entries))
            }
            Self::Inner(children) => {
                let index = child_index(children, start);
                let mut children = children.clone();
                match children[index].node.remove(start) {
                    Some(node) => {
                        children[index].node = Arc::new(node);
                        merge_small(&mut children, index);
                    }
                    None => {
                        children.remove(index);
                    }
                }
                (!children.is_empty()).then_some(Self::Inner(children))
            }
        }
    }

    fn first_key(&self) -> usize {
        match self {
            Self::Leaf(entries) => entries.first().map_or(0, |entry| entry.start),
            Self::Inner(children) => children.first().map_or(0, |child| child.key),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Leaf(entries) => entries.len(),
            Self::Inner(children) => children.len(),
        }
    }
}

/// The child in whose key range `addr` lies.
fn child_index(children: &[Child], addr: usize) -> usize {
    children.partition_point(|child| child.key <= addr).saturating_sub(1)
}

/// Merges a child that has become small with its right or left neighbour, if both fit in one node.
fn merge_small(children: &mut Inline<Child>, index: usize) {
    if children[index].node.len() >= N_MAX / 4 || children.len() < 2 {
        return;
    }
    let left = if index + 1 < children.len() { index } else { index - 1 };
    if children[left].node.len() + children[left + 1].node.len() > N_MAX / 2 {
        return;
    }
    let merged = match (&*children[left].node, &*children[left + 1].node) {
        (Node::Leaf(a), Node::Leaf(b)) => Node::Leaf(a.iter().chain(b).copied().collect()),
        (Node::Inner(a), Node::Inner(b)) => Node::Inner(a.iter().chain(b).cloned().collect()),
        // All leaves are at one depth.
        _ => return,
    };
    children[left].node = Arc::new(merged);
    children.remove(left + 1);
}
