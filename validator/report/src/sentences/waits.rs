//! What a thread waits for, and for how long.

use crate::model::{ThreadWait, WaitKind};

impl ThreadWait {
    /// Returns what the thread waits for, in words.
    pub fn words(&self) -> String {
        let lock = self.lock.as_ref().map_or("a lock", |lock| lock.class.as_str());
        match self.kind {
            WaitKind::Lock => format!("`{lock}`"),
            WaitKind::Upgrade => format!("the other readers of `{lock}` to leave"),
            WaitKind::Notification => format!("a notification, and then `{lock}`"),
            WaitKind::ThreadEnd => format!("thread `{}` to end", self.end_of),
            WaitKind::ScopeEnd => "the threads of its scope to end".to_owned(),
            WaitKind::Newer => "something".to_owned(),
        }
    }

    /// Returns for how long the thread has waited, in words.
    pub fn time(&self) -> String {
        match self.waited_ms {
            0..1_000 => format!("{}.{} s", self.waited_ms / 1000, self.waited_ms % 1000 / 100),
            _ => format!("{} s", self.waited_ms / 1000),
        }
    }
}
