//! The bench suite's peer `tracing_mutex`.

#[path = "../../common/cases.rs"]
mod cases;
#[path = "../../common/edges.rs"]
mod edges;
#[macro_use]
#[path = "../../common/operations.rs"]
mod operations;

mod imp;
#[path = "../../common/peer.rs"]
mod peer;

fn main() {
    peer::main();
}
