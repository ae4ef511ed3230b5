//! Logs a value to a file; formatting the value logs something as well.

use std::fmt;

struct Talkative;

impl fmt::Display for Talkative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        log::info!("a logger looks at me");
        f.write_str("me")
    }
}

fn main() {
    let path = std::env::temp_dir().join(format!("fern-nested-logging-{}", std::process::id()));
    let file = fern::log_file(&path).expect("the file can be made");
    fern::Dispatch::new().chain(file).apply().expect("the first logger");
    log::info!("{}", Talkative);
    let _ = std::fs::remove_file(&path);
}
