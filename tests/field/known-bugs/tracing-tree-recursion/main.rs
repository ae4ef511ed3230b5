//! A field of an event makes an event while it is written.

use std::fmt;
use tracing_subscriber::layer::SubscriberExt;

struct Loud;

impl fmt::Debug for Loud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        tracing::info!("from inside");
        f.write_str("loud")
    }
}

fn main() {
    let layer = tracing_tree::HierarchicalLayer::new(2);
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).expect("the first");
    tracing::info!(value = ?Loud, "outside");
}
