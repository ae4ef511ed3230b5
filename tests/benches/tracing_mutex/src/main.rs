//! The bench suite's peer `tracing_mutex`.

#[path = "../../common/edges.rs"]
mod edges;
mod imp;
#[path = "../../common/peer.rs"]
mod peer;

fn main() {
    peer::main();
}
