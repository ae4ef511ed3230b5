//! The bench suite's peer `no_deadlocks`.

#[path = "../../common/edges.rs"]
mod edges;
mod imp;
#[path = "../../common/peer.rs"]
mod peer;

fn main() {
    peer::main();
}
