//! Closes a span that has a progress bar while another span waits for one.

use std::ptr::null_mut;

use tracing::info_span;
use tracing_indicatif::IndicatifLayer;
use tracing_subscriber::layer::SubscriberExt;

fn main() {
    // Bars are shown on a terminal only, so this program brings one along.
    let (mut controller, mut terminal) = (0, 0);
    // SAFETY: the two numbers are written to, and the rest may be null.
    let made = unsafe { libc::openpty(&mut controller, &mut terminal, null_mut(), null_mut(), null_mut()) };
    assert_eq!(made, 0);
    // SAFETY: all of them are open.
    let stderr = unsafe { libc::dup(2) };
    // SAFETY: as above.
    assert_eq!(unsafe { libc::dup2(terminal, 2) }, 2);

    let layer = IndicatifLayer::new().with_max_progress_bars(1, None);
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).expect("the first");
    let first = info_span!(parent: None, "first");
    let second = info_span!(parent: None, "second");
    first.in_scope(|| ());
    second.in_scope(|| ());
    drop(first);
    drop(second);

    // SAFETY: as above.
    assert_eq!(unsafe { libc::dup2(stderr, 2) }, 2);
}
