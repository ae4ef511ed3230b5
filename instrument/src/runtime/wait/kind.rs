//! The kinds of waits as they are published.

pub(super) const LOCK: u64 = 1;
pub(super) const UPGRADE: u64 = 2;
pub(super) const NOTIFICATION: u64 = 3;
pub(super) const END: u64 = 4;
pub(super) const SCOPE_END: u64 = 5;
pub(super) const INITIALISER: u64 = 6;
/// Beside one of those: the wait ends by itself.
pub(super) const TIMED: u64 = 1 << 8;
