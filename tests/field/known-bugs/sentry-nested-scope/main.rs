//! Configures the scope from within configuring the scope.

use std::sync::Arc;

use sentry_core::{ClientOptions, Envelope, Hub, Transport};

struct Dropping;

impl Transport for Dropping {
    fn send_envelope(&self, _: Envelope) {}
}

fn main() {
    let options = ClientOptions {
        dsn: "https://key@localhost/1".parse().ok(),
        transport: Some(Arc::new(|_: &ClientOptions| Arc::new(Dropping) as Arc<dyn Transport>)),
        ..Default::default()
    };
    Hub::current().bind_client(Some(Arc::new(options.into())));
    sentry_core::configure_scope(|scope| {
        scope.set_tag("outer", "1");
        sentry_core::configure_scope(|scope| scope.set_tag("inner", "2"));
    });
}
