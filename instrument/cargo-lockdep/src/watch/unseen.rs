//! Locks that are in the crate graph and that no façade reaches: said, not hidden.

/// Packages whose own locks we do not see: name, what the versions begin with that it is true for
/// (all, if nothing is given), what is in them.
const UNSEEN: [(&str, &[&str], &str); 15] = [
    ("tokio", &[], "tokio::sync (async)"),
    ("async-lock", &[], "async-lock (async)"),
    ("async-std", &[], "async-std::sync (async)"),
    ("futures-util", &[], "futures::lock (async)"),
    ("event-listener", &[], "event-listener (waits)"),
    ("crossbeam-channel", &[], "crossbeam-channel (waits)"),
    ("flume", &[], "flume (waits)"),
    ("parking_lot_core", &[], "parking_lot_core (Once, raw parking, what a Condvar waits for)"),
    ("parking_lot", &["0.1.", "0.2.", "0.3.", "0.4.", "0.5."], "parking_lot before 0.6"),
    ("spin", &[], "spin's own types (those through lock_api are seen)"),
    (
        "once_cell",
        &[
            "0.", "1.0.", "1.1.", "1.2.", "1.3.", "1.4.", "1.5.", "1.6.", "1.7.", "1.8.", "1.9.", "1.10.",
            "1.11.", "1.12.", "1.13.",
        ],
        "once_cell::sync before 1.14",
    ),
    ("atomic-wait", &[], "atomic-wait (raw futexes)"),
    ("usync", &[], "usync"),
    ("scc", &[], "scc (locks of its own)"),
    ("antidote", &[], "antidote"),
];

/// What is left of tokio's where its locks are watched.
const UNSEEN_OF_OVERLAY: &str = "tokio's channels and Notify (async)";

/// What of it is in this output of `cargo tree --prefix none --format '{p}'`; `is_overlaid` says
/// that the async locks of tokio are watched.
pub(crate) fn unseen_locks(tree: &str, is_overlaid: bool) -> Vec<&'static str> {
    let packages: Vec<(&str, &str)> = tree
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.split_once(" v")?;
            Some((name, rest.split(' ').next().unwrap_or(rest)))
        })
        .collect();
    UNSEEN
        .iter()
        .filter(|(name, lines, _)| {
            let is_meant =
                |version: &str| lines.is_empty() || lines.iter().any(|line| version.starts_with(line));
            packages.iter().any(|(package, version)| package == name && is_meant(version))
        })
        .map(|(name, _, words)| if is_overlaid && *name == "tokio" { UNSEEN_OF_OVERLAY } else { *words })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_there_is_named() {
        let tree = "a v1.0.0 (/p)\nlock_api v0.4.1\ntokio v1.2.3 (*)\n";
        assert_eq!(unseen_locks(tree, false), ["tokio::sync (async)"]);
        assert_eq!(unseen_locks(tree, true), [UNSEEN_OF_OVERLAY]);
        assert_eq!(unseen_locks("parking_lot v0.5.5", false), ["parking_lot before 0.6"]);
        assert_eq!(unseen_locks("once_cell v1.13.1", false), ["once_cell::sync before 1.14"]);
        assert!(unseen_locks("once_cell v1.21.3\nparking_lot v0.6.4\nlock_api v0.1.5", false).is_empty());
    }
}
