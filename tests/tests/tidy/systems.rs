//! Where the code asks which operating system it is built for.

use super::{is_product, refuse, sources, without_tests};

/// The command line, which asks in one file.
const COMMAND_LINE: &str = "instrument/cargo-lockdep/src/";

/// The room that hides the operating system from the others.
const SEAM: &str = "instrument/src/runtime/system/";

/// Files outside of the seam that may ask, each with its reason.
const BESIDE_THE_SEAM: &[(&str, &str)] = &[
    ("instrument/src/runtime/task/again/mod.rs", "the fast path's own assembly"),
    ("instrument/src/runtime/task/pointer.rs", "the thread's word is a part of the fast path"),
    ("instrument/src/runtime/wait/clock.rs", "the clock of waits stands beside its only user"),
    ("instrument/src/runtime/wait/slot.rs", "a wait is published with the number of its thread"),
    ("instrument/cargo-lockdep/src/watch/tree.rs", "the command line has one such place, which is this"),
];

#[test]
fn linux_is_asked_for_in_one_room() {
    let mut offences = Vec::new();
    let mut n_seen = 0;
    let is_looked_at = |name: &str| is_product(name) || name.starts_with(COMMAND_LINE);
    for (name, text) in sources(&["rs"]).into_iter().filter(|(name, _)| is_looked_at(name)) {
        let lines = without_tests(text);
        let asks = lines.iter().position(|line| line.contains("target_os"));
        let Some(at) = asks else { continue };
        n_seen += 1;
        if !name.starts_with(SEAM) && !BESIDE_THE_SEAM.iter().any(|(file, _)| *file == name) {
            offences.push(format!("{name}:{}: ask in {SEAM}", at + 1));
        }
    }
    assert!(n_seen > 0, "no file asks for the system, so this check looks at nothing");
    refuse("conditions on the operating system outside of the seam", &offences);
}
