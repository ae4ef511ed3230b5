//! Takes two metrics of one family in one statement, with the method that gives no guard away.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

struct Counters {
    inbound: Counter,
    outbound: Counter,
}

fn main() {
    let family = Family::<Vec<(String, String)>, Counter>::default();
    let label = |way: &str| vec![("way".to_owned(), way.to_owned())];
    let counters = Counters {
        inbound: family.get_or_create_owned(&label("in")),
        outbound: family.get_or_create_owned(&label("out")),
    };
    counters.inbound.inc();
    counters.outbound.inc();
}
