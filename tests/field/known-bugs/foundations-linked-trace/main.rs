//! Starts a trace while another one is going on.

use foundations::telemetry::{tracing, TelemetryContext};

fn main() {
    let context = TelemetryContext::test();
    let _scope = context.scope();
    let _first = tracing::start_trace("first", Default::default());
    tracing::add_span_tags!("key" => "value");
    let _second = tracing::start_trace("second", Default::default());
}
