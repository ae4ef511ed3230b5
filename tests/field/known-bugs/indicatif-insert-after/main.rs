//! Inserts a bar after another one, and draws: one thread, so that nothing can hang.

use indicatif::{MultiProgress, ProgressBar};

fn main() {
    let progress = MultiProgress::new();
    let first = progress.add(ProgressBar::new(10));
    let second = progress.insert_after(&first, ProgressBar::new(10));
    first.tick();
    second.tick();
}
