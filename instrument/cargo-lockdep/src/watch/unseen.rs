//! Locks that are in the crate graph and that no façade reaches: said, not hidden.

/// Packages whose own locks we do not see: name, the start of the versions it is true for, what is in them.
const UNSEEN: [(&str, &str, &str); 15] = [
    ("tokio", "", "tokio::sync (async)"),
    ("async-lock", "", "async-lock (async)"),
    ("async-std", "", "async-std::sync (async)"),
    ("futures-util", "", "futures::lock (async)"),
    ("event-listener", "", "event-listener (waits)"),
    ("crossbeam-channel", "", "crossbeam-channel (waits)"),
    ("flume", "", "flume (waits)"),
    ("parking_lot_core", "", "parking_lot_core (Condvar, Once, raw parking)"),
    ("lock_api", "0.3.", "lock_api 0.3"),
    ("lock_api", "0.2.", "lock_api 0.2"),
    ("lock_api", "0.1.", "lock_api 0.1"),
    ("spin", "", "spin's own types (those through lock_api are seen)"),
    ("once_cell", "", "once_cell::sync"),
    ("atomic-wait", "", "atomic-wait (raw futexes)"),
    ("antidote", "", "antidote"),
];

/// What of it is in this output of `cargo tree --prefix none --format '{p}'`.
pub(crate) fn unseen_locks(tree: &str) -> Vec<&'static str> {
    let packages: Vec<(&str, &str)> = tree
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.split_once(" v")?;
            Some((name, rest.split(' ').next().unwrap_or(rest)))
        })
        .collect();
    UNSEEN
        .iter()
        .filter(|(name, line, _)| {
            packages.iter().any(|(package, version)| package == name && version.starts_with(line))
        })
        .map(|(_, _, words)| *words)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_there_is_named() {
        let tree = "a v1.0.0 (/p)\nlock_api v0.4.1\ntokio v1.2.3 (*)\n";
        assert_eq!(unseen_locks(tree), ["tokio::sync (async)"]);
        assert_eq!(unseen_locks("lock_api v0.3.4"), ["lock_api 0.3"]);
    }
}
