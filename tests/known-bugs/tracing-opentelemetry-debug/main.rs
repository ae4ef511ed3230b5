//! Logs a value that knows in which spans it was made.

use tracing_error::{ErrorLayer, SpanTrace};
use tracing_subscriber::prelude::*;

fn main() {
    tracing_subscriber::registry().with(ErrorLayer::default()).with(tracing_opentelemetry::layer()).init();
    let span = tracing::info_span!("work", size = 1);
    let _entered = span.enter();
    let trace = SpanTrace::capture();
    tracing::info!(?trace, "done");
}
