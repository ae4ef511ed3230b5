//! Spans are flushed from the only thread of a tokio runtime. The flush blocks this thread, and
//! waits for a task of it.

use futures_util::future::BoxFuture;
use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use opentelemetry_sdk::export::trace::{ExportResult, SpanData, SpanExporter};
use opentelemetry_sdk::runtime::Tokio;
use opentelemetry_sdk::trace::TracerProvider;

#[derive(Debug)]
struct Nowhere;

impl SpanExporter for Nowhere {
    fn export(&mut self, _batch: Vec<SpanData>) -> BoxFuture<'static, ExportResult> {
        Box::pin(async { Ok(()) })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let provider = TracerProvider::builder().with_batch_exporter(Nowhere, Tokio).build();
    provider.tracer("driver").in_span("work", |_| {});
    for result in provider.force_flush() {
        result.unwrap();
    }
}
