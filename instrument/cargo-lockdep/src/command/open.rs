//! Opening a page in the user's browser.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::output::say;

/// What opens a file on the systems that we know.
const OPENERS: [&str; 4] = ["xdg-open", "open", "gio", "wslview"];

/// Opens the page with the program of `BROWSER`, or with what the system has for that; says where
/// the page is if nothing opens it.
pub(super) fn open(page: &Path) {
    let chosen = std::env::var("BROWSER").ok().filter(|browser| !browser.is_empty());
    let starts = |program: &str| {
        let mut command = Command::new(program);
        if program == "gio" {
            command.arg("open");
        }
        let command = command.arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // A browser may stay; an opener ends at once and says whether it could.
        command.spawn().is_ok()
    };
    let is_open = match &chosen {
        Some(browser) => browser.split(':').any(starts),
        None => OPENERS.into_iter().any(starts),
    };
    let opened = if is_open { "opened" } else { "no browser was found (BROWSER names one); the page is" };
    say(format_args!("{opened} {}", page.display()));
}
