//! Makes a stored value while another one is changed.

use reactive_graph::owner::{Owner, StoredValue};
use reactive_graph::traits::UpdateValue;

fn main() {
    let owner = Owner::new();
    owner.set();
    let outer = StoredValue::new(1);
    outer.update_value(|value| {
        let _inner = StoredValue::new(2);
        *value += 1;
    });
}
