//! A log message of `tracing`, inside of a span.

struct Quiet;

impl log::Log for Quiet {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let _ = record.args().to_string();
    }

    fn flush(&self) {}
}

fn main() {
    log::set_logger(&Quiet).expect("the first");
    log::set_max_level(log::LevelFilter::Trace);
    tracing::subscriber::set_global_default(tracing_log::TraceLogger::new()).expect("the first");
    let span = tracing::info_span!("outer", answer = 42);
    let _entered = span.enter();
    tracing::info!("inside");
}
