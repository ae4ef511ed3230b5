//! Compares two network graphs, and compares them the other way round.

use std::sync::Arc;

use bitcoin::Network;
use lightning::routing::gossip::NetworkGraph;
use lightning::util::logger::{Logger, Record};

struct Quiet;

impl Logger for Quiet {
    fn log(&self, _: &Record<'_>) {}
}

fn main() {
    let logger = Arc::new(Quiet);
    let one = NetworkGraph::new(Network::Regtest, Arc::clone(&logger));
    let other = NetworkGraph::new(Network::Regtest, logger);
    assert!(one == other);
    assert!(other == one);
}
