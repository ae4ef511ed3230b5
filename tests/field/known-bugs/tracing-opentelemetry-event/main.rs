//! An event with a field whose text comes from the extensions of the span that it happens in.

use tracing_error::{ErrorLayer, SpanTrace};
use tracing_subscriber::prelude::*;

fn main() {
    let subscriber =
        tracing_subscriber::registry().with(ErrorLayer::default()).with(tracing_opentelemetry::layer());
    tracing::subscriber::set_global_default(subscriber).expect("the first one");
    let span = tracing::info_span!("request", number = 1);
    let _entered = span.enter();
    tracing::info!(trace = %SpanTrace::capture(), "it went wrong");
}
