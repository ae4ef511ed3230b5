//! The graph against brute force, and what each search promises.

use proptest::prelude::*;

use super::*;
use crate::base::acquisition::Acquisition;
use crate::base::id::{LockId, Subclass, TaskId};
use crate::base::mode::{Mode, Wait};
use crate::base::site::Site;
use crate::graph::kind::DependencyKinds;

fn class_number(index: u8) -> ClassId {
    class(u32::from(index))
}

fn witness() -> Witness {
    let class = class_number(0);
    let acquisition = Acquisition {
        lock: LockId::new(class, 1),
        class,
        subclass: Subclass::ZERO,
        mode: Mode::Exclusive,
        wait: Wait::Blocking,
        address: 0,
        site: Site::UNKNOWN,
        stack: None,
        stack_exact: true,
    };
    Witness { from: acquisition, to: acquisition, task: TaskId(1), segment: 0 }
}

fn kind(bits: u8) -> Kind {
    let mode = |n| [Mode::Exclusive, Mode::Shared, Mode::SharedRecursive][usize::from(n) % 3];
    Kind::new(mode(bits), mode(bits / 3), if bits >= 9 { Wait::Timed } else { Wait::Blocking })
}

/// Every strong simple path from `at` to `goal`, by trying everything.
fn brute_force(
    graph: &Graph,
    filter: &SearchFilter<'_>,
    (at, arrived): (ClassId, Kind),
    (goal, leaves): (ClassId, Kind),
    passed: &mut Vec<ClassId>,
) -> bool {
    let fair = |class| fair_waits_fn(filter.queued_writer)(number(class));
    if at == goal {
        return joint_is_strong(arrived.wanted, leaves.held, fair(at));
    }
    passed.push(at);
    let next: Vec<(ClassId, DependencyKinds)> =
        graph.dependencies_of(at).map(|(to, d)| (to, d.kinds())).collect();
    let found = next.iter().any(|&(to, kinds)| {
        kinds.iter().filter(|kind| filter.timed || !kind.timed).any(|kind| {
            joint_is_strong(arrived.wanted, kind.held, fair(at))
                && !passed.contains(&to)
                && brute_force(graph, filter, (to, kind), (goal, leaves), passed)
        })
    });
    passed.pop();
    found
}

fn check_path(
    graph: &Graph,
    filter: &SearchFilter<'_>,
    closing: (ClassId, ClassId, Kind),
    path: &[PathStep],
) {
    let (from, to, kind) = closing;
    let all: Vec<PathStep> = path.iter().copied().chain([PathStep { from, to, kind }]).collect();
    for (index, step) in all.iter().enumerate() {
        let next = all[(index + 1) % all.len()];
        assert_eq!(step.to, next.from, "a path is connected");
        let fair = fair_waits_fn(filter.queued_writer)(number(step.to));
        assert!(joint_is_strong(step.kind.wanted, next.kind.held, fair), "weak joint in {all:?}");
        let kinds = graph.edge(step.from, step.to).expect("a path uses edges").kinds();
        assert!(kinds.contains(step.kind) && (filter.timed || !step.kind.timed));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_strong_cycle_is_found_exactly_when_there_is_one(
        edges in prop::collection::vec((0_u8..7, 0_u8..7, 0_u8..12), 1..40),
        timed in any::<bool>(),
        writers in prop::option::of(0_u8..128),
    ) {
        let mut graph = Graph::new();
        let seen = |class: ClassId| writers.is_some_and(|bits| bits >> class.index() & 1 == 1);
        let queued_writer = if writers.is_some() { QueuedWriter::Seen(&seen) } else { QueuedWriter::Assumed };
        let filter = SearchFilter { timed, queued_writer, ..SearchFilter::ALL };
        for (from, to, bits) in edges {
            let (from, to, kind) = (class_number(from), class_number(to), kind(bits));
            if graph.add(from, to, kind, &witness()) == Added::Known {
                continue;
            }
            let found = graph.strong_cycle(from, to, kind, &filter);
            let usable = timed || !kind.timed;
            let wanted = usable && brute_force(&graph, &filter, (to, kind), (from, kind), &mut Vec::new());
            prop_assert_eq!(found.is_some(), wanted, "{:?} -> {:?} {:?}", from, to, kind);
            if let Some(path) = found {
                check_path(&graph, &filter, (from, to, kind), &path);
            }
        }
    }

    #[test]
    fn removing_a_class_keeps_what_runs_through_it(
        edges in prop::collection::vec((0_u8..6, 0_u8..6, 0_u8..12), 1..25),
        gone in 0_u8..6,
    ) {
        let gone = class_number(gone);
        let mut graph = Graph::new();
        for (from, to, bits) in edges {
            let (from, to, kind) = (class_number(from), class_number(to), kind(bits));
            // Once a strong cycle was reported, a bridge may join what passed the class twice.
            if !brute_force(&graph, &SearchFilter::ALL, (to, kind), (from, kind), &mut Vec::new()) {
                graph.add(from, to, kind, &witness());
            }
        }
        let probe = Kind::new(Mode::Exclusive, Mode::Exclusive, Wait::Blocking);
        let weakest = Kind { held: HeldMode::Shared, ..probe };
        let connected = |graph: &Graph, leaves: Kind| -> Vec<bool> {
            let all = (0..36).map(|pair| (class_number(pair / 6), class_number(pair % 6)));
            all.filter(|(from, to)| from != to && *from != gone && *to != gone)
                .map(|(from, to)| {
                    brute_force(graph, &SearchFilter::ALL, (from, probe), (to, leaves), &mut Vec::new())
                })
                .collect()
        };
        let before = (connected(&graph, probe), connected(&graph, weakest));
        prop_assert_eq!(graph.remove_class(gone, true), Removed::Bridged);
        prop_assert_eq!(graph.dependencies_of(gone).count(), 0);
        prop_assert_eq!((connected(&graph, probe), connected(&graph, weakest)), before);
        let edges: Vec<_> = graph.dependencies().map(|(from, to, _)| (from, to)).collect();
        for (from, to) in edges {
            prop_assert!(graph.edge(from, to).is_some() && from != gone && to != gone);
        }
    }
}

#[test]
fn a_class_first_met_over_a_weak_edge_is_met_again_over_a_strong_one() {
    // The kernel's shadowing hole: A(R)->B, A(W)->C, C->B, and then B takes A as a recursive
    // reader.
    let [a, b, c] = [0, 1, 2].map(class_number);
    let edge = |held, wanted| Kind::new(held, wanted, Wait::Blocking);
    let mut graph = Graph::new();
    graph.add(a, b, edge(Mode::SharedRecursive, Mode::Exclusive), &witness());
    graph.add(a, c, edge(Mode::Exclusive, Mode::Exclusive), &witness());
    graph.add(c, b, edge(Mode::Exclusive, Mode::Exclusive), &witness());
    let closing = edge(Mode::Exclusive, Mode::SharedRecursive);
    assert_eq!(graph.add(b, a, closing, &witness()), Added::New { closes: true });
    let path = graph.strong_cycle(b, a, closing, &SearchFilter::ALL).expect("A -> C -> B -> A is strong");
    assert_eq!(path.iter().map(|step| step.to).collect::<Vec<_>>(), [c, b]);
}

#[test]
fn a_cycle_under_one_gate_is_distinguished_from_one_that_escapes_it() {
    let [a, b, c] = [0, 1, 2].map(class_number);
    let gate = LockId::new(class_number(9), 1);
    let plain = Kind::new(Mode::Exclusive, Mode::Exclusive, Wait::Blocking);
    let mut graph = Graph::new();
    let gated = |graph: &mut Graph, from, to| {
        graph.add(from, to, plain, &witness());
        let edge = graph.edge_mut(from, to).expect("just added");
        let under = crate::graph::Gate { lock: gate, exclusive: true };
        edge.sighting_mut(plain).expect("just added").gates = crate::graph::Gates::new(&[under]);
    };
    gated(&mut graph, a, b);
    gated(&mut graph, b, a);
    let escaping = SearchFilter { escaping: &[gate], ..SearchFilter::ALL };
    assert!(graph.strong_cycle(b, a, plain, &SearchFilter::ALL).is_some());
    assert!(graph.strong_cycle(b, a, plain, &escaping).is_none());
    gated(&mut graph, a, c);
    graph.add(c, b, plain, &witness());
    assert!(graph.strong_cycle(b, a, plain, &escaping).is_none(), "A -> C and B -> A exclude each other");
    let d = class_number(3);
    graph.add(a, d, plain, &witness());
    graph.add(d, b, plain, &witness());
    let path = graph.strong_cycle(b, a, plain, &escaping).expect("A -> D -> B was seen without the gate");
    assert_eq!(path.iter().map(|step| step.to).collect::<Vec<_>>(), [d, b]);
}

#[test]
fn searches_by_usage_see_who_is_reached_only_as_a_reader() {
    let [a, b, c] = [0, 1, 2].map(class_number);
    let mut graph = Graph::new();
    graph.add(a, b, Kind::new(Mode::Shared, Mode::SharedRecursive, Wait::Blocking), &witness());
    graph.add(b, c, Kind::new(Mode::Shared, Mode::Exclusive, Wait::Blocking), &witness());
    let mut met = Vec::new();
    let mut collect = |class, weak| {
        met.push((class, weak));
        false
    };
    assert!(graph.find_forward(a, false, &SearchFilter::ALL, &mut collect, &|_| false).is_none());
    assert_eq!(met, [(a, false), (b, true)], "C is behind a weak joint");
    met.clear();
    let mut collect = |class, weak| {
        met.push((class, weak));
        class == b
    };
    let path = graph.find_backward(c, false, &SearchFilter::ALL, &mut collect, &|_| false);
    assert_eq!(path.expect("B is next to C").len(), 1);
    assert_eq!(met, [(c, false), (b, true)]);
}
