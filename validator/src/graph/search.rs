//! Strong-path search over (node, only-R) states.
//!
//! A path is *strong* when at none of its joints a recursive read arrives where a reader leaves:
//! everywhere else the arriving task really waits for the leaving one, so a closed strong path is a
//! deadlock and the other way round (the theorem of the kernel's read-lock chapter). A fair read
//! that arrives where a reader leaves waits only while a writer is queued;
//! [`SearchFilter::queued_writer`] says whether that counts.
//!
//! Kernel: its search stamps a class before it looks at how it got there, so that a class first met
//! over a weak edge is never entered again over a strong one. Here a node is entered up to twice,
//! once in each state.

use rustc_hash::FxHashSet;

use super::adjacency::{Adjacency, Direction};
use super::dependency::Gate;
use super::kind::{DependencyKinds, HeldMode, Kind, WantedMode};
use crate::base::id::{ClassId, LockId};
use crate::mutant::{self, Mutant};

/// One edge of a path that a search found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PathStep<N = ClassId> {
    /// The holder.
    pub from: N,
    /// What it acquired.
    pub to: N,
    /// The kind, of those seen, that makes the path strong.
    pub kind: Kind,
}

/// Whether a fair reader that arrives where a reader leaves counts as waiting.
#[derive(Clone, Copy)]
pub enum QueuedWriter<'a> {
    /// Yes: a writer may always be queued in between. The kernel's rule.
    Assumed,
    /// No: only what hangs without any queued writer.
    Ignored,
    /// Yes for the classes of which a blocking writer was seen.
    Seen(&'a dyn Fn(ClassId) -> bool),
}

impl std::fmt::Debug for QueuedWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Assumed => "Assumed",
            Self::Ignored => "Ignored",
            Self::Seen(_) => "Seen",
        })
    }
}

/// Which paths a search may use.
#[derive(Clone, Copy, Debug)]
pub struct SearchFilter<'a> {
    /// Whether waits with a timeout count.
    pub timed: bool,
    /// Whether a queued writer counts between two readers.
    pub queued_writer: QueuedWriter<'a>,
    /// No two dependencies of the cycle may exclude each other by one of these gates. With more
    /// than seven gates nothing is found.
    pub escaping: &'a [LockId],
    /// Only what was seen on objects that another thread could have.
    pub published: bool,
}

impl SearchFilter<'_> {
    /// Everything counts.
    pub const ALL: SearchFilter<'static> =
        SearchFilter { timed: true, queued_writer: QueuedWriter::Assumed, escaping: &[], published: false };
    /// Only what hangs forever and by itself.
    pub const STRICT: SearchFilter<'static> =
        SearchFilter { timed: false, queued_writer: QueuedWriter::Ignored, escaping: &[], published: false };
}

/// A search over node numbers. The closures see numbers; `store` and `instances` translate.
pub(crate) struct Query<'a> {
    pub(crate) direction: Direction,
    pub(crate) root: u32,
    /// Forward: the root is wanted as a recursive reader. Backward: the root is left by a reader.
    pub(crate) root_weak: bool,
    pub(crate) timed: bool,
    /// Whether a fair read arriving at this node waits even for readers.
    pub(crate) fair_waits: &'a dyn Fn(u32) -> bool,
    pub(crate) escaping: &'a [LockId],
    /// Only what was seen on objects that another thread could have.
    pub(crate) published: bool,
    /// What protects the dependency that the path is to close.
    pub(crate) root_gates: &'a [Gate],
    /// Whether a node may be entered.
    pub(crate) enter: &'a dyn Fn(u32) -> bool,
}

/// One end of a path, as the goal of a search sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct End {
    pub(crate) node: u32,
    /// Forward: reached as a recursive reader only. Backward: left by a reader only.
    pub(crate) weak: bool,
}

/// A found path as (from, to, kind), in the direction of the dependencies.
pub(crate) type RawPath = Vec<PathStep<u32>>;

const NO_PARENT: u32 = u32::MAX;
const WEAK: u16 = 1;
/// Two bits for each gate are left in the flags of a state: a dependency under it was passed, and
/// one under it exclusively.
const MAX_GATES: usize = 7;
const UNDER: u16 = 2;
const UNDER_EXCLUSIVELY: u16 = 4;

#[derive(Clone, Copy, Debug)]
struct State {
    node: u32,
    /// [`WEAK`], and two bits for each gate that must be escaped.
    flags: u16,
    parent: u32,
    edge: u32,
    /// The kinds over which the state was entered.
    kinds: DependencyKinds,
}

#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    generation: u32,
    strong: bool,
    weak: bool,
}

/// Buffers that searches share, so that a search allocates nothing once they are large enough.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    marks: Vec<Mark>,
    generation: u32,
    queue: Vec<State>,
    gated: FxHashSet<(u32, u16)>,
    /// Searches for a simple path that ran out of steps; their cycles are not reported.
    n_abandoned: u64,
}

impl Scratch {
    pub(crate) fn n_abandoned(&self) -> u64 {
        self.n_abandoned
    }

    fn reset(&mut self, n_nodes: usize) {
        self.generation = self.generation.wrapping_add(1);
        if self.generation == 0 {
            self.marks.fill(Mark::default());
            self.generation = 1;
        }
        if self.marks.len() < n_nodes {
            self.marks.resize(n_nodes, Mark::default());
        }
        self.queue.clear();
        self.gated.clear();
    }

    /// Marks a state as entered; `false` if it, or a state that can do all it can, was entered
    /// before.
    fn enter(&mut self, node: u32, flags: u16, gated: bool) -> bool {
        if gated {
            return self.gated.insert((node, flags));
        }
        let mark = &mut self.marks[node as usize];
        if mark.generation != self.generation {
            *mark = Mark { generation: self.generation, strong: false, weak: false };
        }
        if mark.strong || (flags & WEAK != 0 && mark.weak) {
            return false;
        }
        if flags & WEAK == 0 {
            mark.strong = true
        } else {
            mark.weak = true
        }
        true
    }
}

impl Query<'_> {
    /// The flags after another dependency, or `None` if it and one that was passed before exclude
    /// each other.
    fn pass(&self, flags: u16, seen_under: &[Gate]) -> Option<u16> {
        let mut after = flags;
        for (index, gate) in self.escaping.iter().enumerate() {
            let Some(gate) = seen_under.iter().find(|seen| seen.lock == *gate) else { continue };
            let (under, exclusively) = (UNDER << (2 * index), UNDER_EXCLUSIVELY << (2 * index));
            if flags & exclusively != 0 || (gate.exclusive && flags & under != 0) {
                return None;
            }
            after |= if gate.exclusive { under | exclusively } else { under };
        }
        Some(after)
    }

    /// What a path may take over an edge.
    #[inline]
    fn kinds<A: Adjacency>(&self, graph: &A, edge: u32) -> DependencyKinds {
        if self.published { graph.published(edge) } else { graph.kinds(edge) }
    }

    /// The kinds that a path in state `weak` at `node` may take over an edge, and whether it then
    /// is weak at `end`.
    ///
    /// Of the usable kinds only those are returned that leave the path in the better of the two
    /// states.
    fn step(
        &self,
        kinds: DependencyKinds,
        weak: bool,
        node: u32,
        end: u32,
    ) -> Option<(DependencyKinds, bool)> {
        let usable = if self.timed { kinds } else { kinds.and(DependencyKinds::UNTIMED) };
        let arrival = if self.direction == Direction::Forward { end } else { node };
        let mut waits = DependencyKinds::WANTS_EXCLUSIVE;
        if !usable.and(DependencyKinds::WANTS_FAIR_READ).is_empty() && (self.fair_waits)(arrival) {
            waits = waits.or(DependencyKinds::WANTS_FAIR_READ);
        }
        let (passes, better) = match self.direction {
            Direction::Forward => (DependencyKinds::HELD_EXCLUSIVE, waits),
            Direction::Backward => (waits, DependencyKinds::HELD_EXCLUSIVE),
        };
        let usable = if weak { usable.and(passes) } else { usable };
        if usable.is_empty() {
            return None;
        }
        let strong = usable.and(better);
        Some(if strong.is_empty() { (usable, true) } else { (strong, false) })
    }

    /// Breadth first, so that the shortest path is found. `goal_fn` is asked once for each state
    /// that is entered.
    pub(crate) fn run<A: Adjacency>(
        &self,
        graph: &A,
        n_nodes: usize,
        scratch: &mut Scratch,
        goal_fn: &mut dyn FnMut(End) -> bool,
    ) -> Option<RawPath> {
        if self.escaping.len() > MAX_GATES {
            return None;
        }
        let gated = !self.escaping.is_empty();
        scratch.reset(n_nodes);
        let root_flags = self.pass(u16::from(self.root_weak) * WEAK, self.root_gates)?;
        scratch.enter(self.root, root_flags, gated);
        let kinds = DependencyKinds::EMPTY;
        scratch.queue.push(State { node: self.root, flags: root_flags, parent: NO_PARENT, edge: 0, kinds });
        let mut next = 0;
        while let Some(&state) = scratch.queue.get(next) {
            let weak = state.flags & WEAK != 0;
            if goal_fn(End { node: state.node, weak }) {
                return self.finish(graph, scratch, next, goal_fn);
            }
            let parent = u32::try_from(next).expect("two states a node, and node numbers are u32");
            let mut list = graph.first(state.node, self.direction);
            while let Some(edge) = list {
                list = graph.next(edge, self.direction);
                let end = graph.end(edge, self.direction);
                if !(self.enter)(end) {
                    continue;
                }
                // Kernel: stamps the class before it looks at the edge, so a weak first look hides
                // every later one.
                if mutant::is(Mutant::SearchShadows) && !scratch.enter(end, 0, false) {
                    continue;
                }
                if gated {
                    self.expand_gated(graph, scratch, state, parent, edge);
                } else if let Some((kinds, weak)) = self.step(self.kinds(graph, edge), weak, state.node, end)
                {
                    let flags = u16::from(weak) * WEAK;
                    if mutant::is(Mutant::SearchShadows) || scratch.enter(end, flags, false) {
                        scratch.queue.push(State { node: end, flags, parent, edge, kinds });
                    }
                }
            }
            next += 1;
        }
        None
    }

    /// With gates each kind is a step of its own: one may have been seen under the gate, another
    /// not.
    fn expand_gated<A: Adjacency>(
        &self,
        graph: &A,
        scratch: &mut Scratch,
        state: State,
        parent: u32,
        edge: u32,
    ) {
        let end = graph.end(edge, self.direction);
        for kind in self.kinds(graph, edge).iter() {
            let one = DependencyKinds::of(kind);
            let Some((kinds, weak)) = self.step(one, state.flags & WEAK != 0, state.node, end) else {
                continue;
            };
            let Some(passed) = self.pass(state.flags & !WEAK, graph.gates(edge, kind)) else { continue };
            let flags = passed | (u16::from(weak) * WEAK);
            if scratch.enter(end, flags, true) {
                scratch.queue.push(State { node: end, flags, parent, edge, kinds });
            }
        }
    }

    fn finish<A: Adjacency>(
        &self,
        graph: &A,
        scratch: &mut Scratch,
        found: usize,
        goal_fn: &mut dyn FnMut(End) -> bool,
    ) -> Option<RawPath> {
        let mut steps = Vec::new();
        let mut at = found;
        while scratch.queue[at].parent != NO_PARENT {
            let state = scratch.queue[at];
            steps.push(self.path_step(graph, state.edge, state.kinds));
            at = state.parent as usize;
        }
        if self.direction == Direction::Forward {
            steps.reverse();
        }
        if is_simple(&steps) {
            return Some(steps);
        }
        // The path passes a node twice: no single lock can be held in both ways at once, so it
        // stands for a deadlock only if there is also a path that does not. In a graph without a
        // strong cycle there always is (cutting the loop out leaves a strong path, or the loop
        // itself is a strong cycle, which was found before).
        if !self.escaping.is_empty() {
            return None;
        }
        self.find_simple(graph, scratch, goal_fn)
    }

    fn path_step<A: Adjacency>(&self, graph: &A, edge: u32, kinds: DependencyKinds) -> PathStep<u32> {
        PathStep {
            from: graph.end(edge, Direction::Backward),
            to: graph.end(edge, Direction::Forward),
            kind: kinds.surest().expect("a state is only entered over a kind"),
        }
    }

    /// Depth first over simple paths. Exponential in theory, so its steps are counted; it runs only
    /// when a strong cycle was reported before and the new path runs through it twice.
    fn find_simple<A: Adjacency>(
        &self,
        graph: &A,
        scratch: &mut Scratch,
        goal_fn: &mut dyn FnMut(End) -> bool,
    ) -> Option<RawPath> {
        const MAX_STEPS: u32 = 1 << 16;
        let mut stack: Vec<(State, Option<u32>)> = Vec::new();
        let root = State {
            node: self.root,
            flags: u16::from(self.root_weak) * WEAK,
            parent: NO_PARENT,
            edge: 0,
            kinds: DependencyKinds::EMPTY,
        };
        stack.push((root, graph.first(self.root, self.direction)));
        let mut n_steps = 0;
        while let Some((state, list)) = stack.last_mut() {
            let Some(edge) = *list else {
                stack.pop();
                continue;
            };
            *list = graph.next(edge, self.direction);
            let (node, weak) = (state.node, state.flags & WEAK != 0);
            let end = graph.end(edge, self.direction);
            n_steps += 1;
            if n_steps > MAX_STEPS {
                scratch.n_abandoned += 1;
                return None;
            }
            if !(self.enter)(end) || stack.iter().any(|(state, _)| state.node == end) {
                continue;
            }
            let Some((kinds, weak)) = self.step(self.kinds(graph, edge), weak, node, end) else { continue };
            let flags = u16::from(weak) * WEAK;
            let state = State { node: end, flags, parent: 0, edge, kinds };
            stack.push((state, graph.first(end, self.direction)));
            if goal_fn(End { node: end, weak }) {
                let steps =
                    stack[1..].iter().map(|(state, _)| self.path_step(graph, state.edge, state.kinds));
                let mut steps: RawPath = steps.collect();
                if self.direction == Direction::Backward {
                    steps.reverse();
                }
                return Some(steps);
            }
        }
        None
    }
}

fn is_simple(steps: &[PathStep<u32>]) -> bool {
    let mut nodes: FxHashSet<u32> = steps.iter().map(|step| step.to).collect();
    nodes.extend(steps.first().map(|step| step.from));
    steps.is_empty() || nodes.len() == steps.len() + 1
}

/// Returns whether a task that arrives by `arrive` waits for one that leaves by `leave`.
pub(crate) fn joint_is_strong(arrive: WantedMode, leave: HeldMode, fair_waits: bool) -> bool {
    match (arrive, leave) {
        (_, HeldMode::Exclusive) | (WantedMode::Exclusive, _) => true,
        (WantedMode::FairRead, HeldMode::Shared) => fair_waits,
        (WantedMode::RecursiveRead, HeldMode::Shared) => false,
    }
}
