//! The kinds of waits as they are published.

use lockdep_validator::EventKind;

pub(super) const LOCK: u64 = 1;
pub(super) const UPGRADE: u64 = 2;
pub(super) const NOTIFICATION: u64 = 3;
pub(super) const END: u64 = 4;
pub(super) const SCOPE_END: u64 = 5;
pub(super) const INITIALISER: u64 = 6;
pub(super) const MESSAGE: u64 = 7;
pub(super) const ROOM: u64 = 8;
pub(super) const ARRIVALS: u64 = 9;
pub(super) const TOKEN: u64 = 10;
pub(super) const TIME: u64 = 11;
pub(super) const OTHER: u64 = 12;
/// Beside one of those: the wait ends by itself.
pub(super) const TIMED: u64 = 1 << 8;

/// The number of a kind of wait on an object.
pub(super) const fn of(kind: EventKind) -> u64 {
    match kind {
        EventKind::Notification => NOTIFICATION,
        EventKind::Message => MESSAGE,
        EventKind::Room => ROOM,
        EventKind::Arrivals => ARRIVALS,
        EventKind::Token => TOKEN,
        EventKind::Time => TIME,
        EventKind::Other => OTHER,
    }
}

/// The kind behind the number.
pub(super) const fn event(kind: u64) -> Option<EventKind> {
    Some(match kind & !TIMED {
        NOTIFICATION => EventKind::Notification,
        MESSAGE => EventKind::Message,
        ROOM => EventKind::Room,
        ARRIVALS => EventKind::Arrivals,
        TOKEN => EventKind::Token,
        TIME => EventKind::Time,
        OTHER => EventKind::Other,
        _ => return None,
    })
}
