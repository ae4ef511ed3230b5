//! Signals by name.

/// Those that a user may choose, and that a process may get from outside.
const NAMES: [(&str, libc::c_int); 8] = [
    ("HUP", libc::SIGHUP),
    ("INT", libc::SIGINT),
    ("QUIT", libc::SIGQUIT),
    ("USR1", libc::SIGUSR1),
    ("USR2", libc::SIGUSR2),
    ("WINCH", libc::SIGWINCH),
    ("URG", libc::SIGURG),
    ("IO", libc::SIGIO),
];

/// Reads a name, with or without `SIG`; `RTMIN+3` is one too.
pub(crate) fn parse(name: &str) -> Option<libc::c_int> {
    let name = name.strip_prefix("SIG").unwrap_or(name);
    if let Some((_, signal)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Some(*signal);
    }
    let number: libc::c_int = name.strip_prefix("RTMIN+")?.parse().ok()?;
    let signal = libc::SIGRTMIN().checked_add(number)?;
    (number >= 0 && signal <= libc::SIGRTMAX()).then_some(signal)
}

/// The name of a signal as people write it.
pub(crate) fn of(signal: libc::c_int) -> String {
    if signal == libc::SIGTERM {
        return "SIGTERM".to_owned();
    }
    match NAMES.iter().find(|(_, known)| *known == signal) {
        Some((name, _)) => format!("SIG{name}"),
        None if signal >= libc::SIGRTMIN() => format!("SIGRTMIN+{}", signal - libc::SIGRTMIN()),
        None => format!("signal {signal}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_with_and_without_their_beginning() {
        assert_eq!([parse("USR1"), parse("SIGUSR1")], [Some(libc::SIGUSR1); 2]);
        assert_eq!(parse("RTMIN+1"), Some(libc::SIGRTMIN() + 1));
        assert_eq!([parse("TERM"), parse("KILL"), parse("RTMIN+-1"), parse("RTMIN+99")], [None; 4]);
        assert_eq!([of(libc::SIGTERM), of(libc::SIGQUIT)], ["SIGTERM", "SIGQUIT"]);
    }
}
