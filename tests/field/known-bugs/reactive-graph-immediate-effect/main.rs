//! An effect that runs at once reads the memo that tells it of a change.

use reactive_graph::computed::Memo;
use reactive_graph::effect::ImmediateEffect;
use reactive_graph::owner::Owner;
use reactive_graph::signal::RwSignal;
use reactive_graph::traits::{Get, Set};

fn main() {
    let owner = Owner::new();
    owner.set();
    let source = RwSignal::new(0);
    let even = Memo::new(move |_| source.get() % 2 == 0);
    let _effect = ImmediateEffect::new(move || {
        let _ = even.get();
    });
    source.set(1);
}
