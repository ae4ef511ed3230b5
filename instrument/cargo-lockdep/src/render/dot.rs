//! The lock-order graph for graphviz: a cluster a crate, cycles in red.

use std::collections::BTreeMap;

use super::graph::Drawn;
use crate::findings::Findings;

/// The graph in the DOT language.
pub(super) fn render(found: &Findings<'_>) -> String {
    let graph = Drawn::new(found);
    let mut out = String::from(
        "digraph lock_order {\n  // An arrow goes from the lock that was held to the one that was taken.\n  \
         rankdir=LR;\n  node [shape=box, fontname=\"monospace\", fontsize=10];\n  edge [fontsize=9];\n",
    );
    let mut packages: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        packages.entry(&node.package).or_default().push(index);
    }
    for (number, (package, nodes)) in packages.into_iter().enumerate() {
        out.push_str(&format!("  subgraph cluster_{number} {{\n    label={};\n", quoted(package)));
        for index in nodes {
            let node = &graph.nodes[index];
            let colour = if node.in_cycle { ", color=red" } else { "" };
            out.push_str(&format!(
                "    n{index} [label={}, tooltip={}{colour}];\n",
                quoted(&node.label),
                quoted(&node.site)
            ));
        }
        out.push_str("  }\n");
    }
    for edge in &graph.edges {
        let colour = if edge.in_cycle { ", color=red, penwidth=2" } else { "" };
        let tooltip = format!("{} then {}", edge.held_site, edge.acquire_site);
        out.push_str(&format!(
            "  n{} -> n{} [label={}, tooltip={}{colour}];\n",
            edge.from,
            edge.to,
            quoted(&edge.kinds),
            quoted(&tooltip)
        ));
    }
    out.push_str("}\n");
    out
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], " "))
}
