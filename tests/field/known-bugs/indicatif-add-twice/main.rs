//! Adds one bar twice.

use indicatif::{MultiProgress, ProgressBar};

fn main() {
    let progress = MultiProgress::new();
    let bar = ProgressBar::new(0);
    progress.add(bar.clone());
    progress.add(bar.clone());
    bar.finish();
}
