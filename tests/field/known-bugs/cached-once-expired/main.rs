//! Calls a function whose value is cached for a second, until it has expired.

use cached::proc_macro::once;

#[once(time = 1, sync_writes = true)]
fn number() -> u32 {
    7
}

fn main() {
    let began = std::time::Instant::now();
    while began.elapsed() < std::time::Duration::from_secs(2) {
        assert_eq!(number(), 7);
        std::thread::yield_now();
    }
}
