//! The lock-order graph for drawing: classes with labels, dependencies between them, layers.

use std::collections::BTreeMap;

use lockdep_validator::ClassHash;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;

use super::Findings;
use crate::order::{Labels, crate_of};

/// A class as a node.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Node {
    pub(super) label: String,
    /// The crate it is made in.
    pub(super) package: String,
    pub(super) site: String,
    /// Classes taken first have layer zero.
    pub(super) layer: usize,
    /// Whether it is held while another is taken.
    pub(super) is_leaf: bool,
    /// Whether it is part of a reported cycle.
    pub(super) in_cycle: bool,
}

/// A dependency as an arrow.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Kinds as the kernel names them.
    pub(super) kinds: String,
    pub(super) n_runs: usize,
    pub(super) held_site: String,
    pub(super) acquire_site: String,
    pub(super) tests: Vec<String>,
    pub(super) in_cycle: bool,
}

/// The whole graph, in a stable order.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Drawn {
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
}

impl Drawn {
    pub(super) fn new(found: &Findings<'_>) -> Self {
        let union = found.union;
        let labels = Labels::new(union.classes.values());
        let mut cyclic: FxHashSet<(String, String)> = FxHashSet::default();
        for one in found.reports.iter().filter(|one| one.report.code == "LD0003") {
            cyclic.extend(one.report.cycle.iter().map(|step| (step.from_hash.clone(), step.to_hash.clone())));
        }
        let mut classes: Vec<_> = union.classes.values().collect();
        classes.sort_by_cached_key(|class| (labels.label(class.hash), class.hash));
        let index: FxHashMap<ClassHash, usize> =
            classes.iter().enumerate().map(|(index, class)| (class.hash, index)).collect();
        let mut edges: BTreeMap<(usize, usize), Edge> = BTreeMap::new();
        for (key, seen) in &union.dependencies {
            let (Some(&from), Some(&to)) = (index.get(&key.from), index.get(&key.to)) else { continue };
            let kind = lockdep_validator::graph::Kind::new(
                seen.first.from.mode,
                seen.first.to.mode,
                seen.first.to.wait,
            );
            let edge = edges.entry((from, to)).or_insert_with(|| Edge {
                from,
                to,
                kinds: String::new(),
                n_runs: 0,
                held_site: seen.first.from.site.to_string(),
                acquire_site: seen.first.to.site.to_string(),
                tests: Vec::new(),
                in_cycle: cyclic.contains(&(key.from.to_string(), key.to.to_string())),
            });
            if !edge.kinds.split(' ').any(|known| known == kind.kernel_name()) {
                edge.kinds = format!("{} {}", edge.kinds, kind.kernel_name()).trim().to_owned();
            }
            edge.n_runs = edge.n_runs.max(seen.n_runs);
            for (run, thread) in &seen.threads {
                let test = format!("{} {thread}", union.run_label(*run));
                if edge.tests.len() < 8 && !edge.tests.contains(&test) {
                    edge.tests.push(test);
                }
            }
        }
        let edges: Vec<Edge> = edges.into_values().collect();
        let layers = layers(classes.len(), &edges);
        let nodes = classes
            .iter()
            .enumerate()
            .map(|(node, class)| Node {
                label: labels.label(class.hash),
                package: crate_of(&class.file).0.to_owned(),
                site: class.site.to_string(),
                layer: layers[node],
                is_leaf: !edges.iter().any(|edge| edge.from == node && edge.to != node),
                in_cycle: edges.iter().any(|edge| edge.in_cycle && (edge.from == node || edge.to == node)),
            })
            .collect();
        Self { nodes, edges }
    }
}

/// The longest way to each node, where every cycle counts as one place: what is taken first comes first.
fn layers(n_nodes: usize, edges: &[Edge]) -> Vec<usize> {
    let mut graph = petgraph::Graph::<(), ()>::with_capacity(n_nodes, edges.len());
    let nodes: Vec<_> = (0..n_nodes).map(|_| graph.add_node(())).collect();
    for edge in edges {
        graph.add_edge(nodes[edge.from], nodes[edge.to], ());
    }
    // Tarjan gives components in reverse topological order.
    let components = petgraph::algo::tarjan_scc(&graph);
    let mut of_node = vec![0; n_nodes];
    for (number, component) in components.iter().enumerate() {
        for node in component {
            of_node[node.index()] = number;
        }
    }
    let mut layer = vec![0_usize; components.len()];
    for (number, component) in components.iter().enumerate().rev() {
        for node in component {
            for next in graph.neighbors(*node) {
                let other = of_node[next.index()];
                if other != number {
                    layer[other] = layer[other].max(layer[number] + 1);
                }
            }
        }
    }
    of_node.into_iter().map(|component| layer[component]).collect()
}
