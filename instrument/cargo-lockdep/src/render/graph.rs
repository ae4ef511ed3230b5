//! The lock-order graph for drawing: classes with labels, dependencies between them, layers.

use std::collections::BTreeMap;

use lockdep_validator::{ClassHash, Code};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;

use crate::findings::Findings;
use crate::records::labels::{Labels, crate_of};

/// A class as a node.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Node {
    pub(super) label: String,
    /// The crate it is made in.
    pub(super) package: String,
    /// The file it is made in.
    pub(super) file: String,
    pub(super) site: String,
    /// Whether it is never held while another is taken.
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
    /// How many dependencies are not drawn, because locks that were taken in between connect their
    /// ends anyway.
    #[serde(skip)]
    pub(super) n_implied: usize,
}

impl Drawn {
    pub(super) fn new(found: &Findings<'_>) -> Self {
        let union = found.union;
        let labels = Labels::new(union.classes.values());
        let mut cyclic: FxHashSet<(String, String)> = FxHashSet::default();
        for one in found.reports.iter().filter(|one| one.report.code == Code::CircularDependency) {
            cyclic.extend(one.report.cycle.iter().map(|step| (step.from_hash.clone(), step.to_hash.clone())));
        }
        let mut classes: Vec<_> = union.classes.values().collect();
        classes.sort_by_cached_key(|class| (labels.label(class.hash), class.hash));
        let index: FxHashMap<ClassHash, usize> =
            classes.iter().enumerate().map(|(index, class)| (class.hash, index)).collect();
        let mut edges: BTreeMap<(usize, usize), Edge> = BTreeMap::new();
        let mut implied: FxHashSet<(usize, usize)> = FxHashSet::default();
        for (key, seen) in &union.dependencies {
            let (Some(&from), Some(&to)) = (index.get(&key.from), index.get(&key.to)) else { continue };
            let in_cycle = cyclic.contains(&(key.from.to_string(), key.to.to_string()));
            if !seen.first.direct && !in_cycle {
                implied.insert((from, to));
                continue;
            }
            let kind =
                lockdep_validator::Kind::new(seen.first.from.mode, seen.first.to.mode, seen.first.to.wait);
            let edge = edges.entry((from, to)).or_insert_with(|| Edge {
                from,
                to,
                kinds: String::new(),
                n_runs: 0,
                held_site: seen.first.from.site.to_string(),
                acquire_site: seen.first.to.site.to_string(),
                tests: Vec::new(),
                in_cycle,
            });
            if !edge.kinds.split(' ').any(|known| known == kind.named().as_str()) {
                edge.kinds = format!("{} {}", edge.kinds, kind.named().as_str()).trim().to_owned();
            }
            edge.n_runs = edge.n_runs.max(seen.n_runs);
            for (run, thread) in &seen.threads {
                let test = format!("{} {thread}", union.run_label(*run));
                if edge.tests.len() < 8 && !edge.tests.contains(&test) {
                    edge.tests.push(test);
                }
            }
        }
        implied.retain(|pair| !edges.contains_key(pair));
        let n_implied = implied.len();
        let edges: Vec<Edge> = edges.into_values().collect();
        let outer: FxHashSet<usize> =
            edges.iter().filter(|edge| edge.from != edge.to).map(|edge| edge.from).collect();
        let cyclic: FxHashSet<usize> =
            edges.iter().filter(|edge| edge.in_cycle).flat_map(|edge| [edge.from, edge.to]).collect();
        let nodes = classes
            .iter()
            .enumerate()
            .map(|(node, class)| Node {
                label: labels.label(class.hash),
                package: crate_of(&class.file).0.to_owned(),
                file: class.site.file.clone(),
                site: class.site.to_string(),
                is_leaf: !outer.contains(&node),
                in_cycle: cyclic.contains(&node),
            })
            .collect();
        Self { nodes, edges, n_implied }
    }
}
