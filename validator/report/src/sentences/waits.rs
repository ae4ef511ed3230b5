//! What a thread waits for, and for how long.

use lockdep_validator::EventKind;

use lockdep_validator::Mode;

use crate::model::{ThreadWait, WaitKind};
use crate::names::thread_words;

impl WaitKind {
    /// The kind of a wait on an object that other threads bring something to.
    pub(crate) const fn of(kind: EventKind) -> Self {
        match kind {
            EventKind::Notification => Self::Notification,
            EventKind::Message => Self::Message,
            EventKind::Room => Self::Room,
            EventKind::Arrivals => Self::Arrivals,
            EventKind::Token => Self::Unpark,
            EventKind::Time => Self::Time,
            EventKind::Other => Self::Event,
        }
    }
}

impl ThreadWait {
    /// Returns lines about the object that the thread waits on, each with the word before it.
    pub(crate) fn event_lines(&self) -> Vec<(&'static str, String)> {
        let kind = match self.kind {
            WaitKind::Notification => EventKind::Notification,
            WaitKind::Message => EventKind::Message,
            WaitKind::Room => EventKind::Room,
            WaitKind::Arrivals => EventKind::Arrivals,
            _ => EventKind::Other,
        };
        self.event.as_ref().map_or_else(Vec::new, |event| event.lines(kind))
    }

    /// Returns what the thread waits for, in words.
    pub fn words(&self) -> String {
        let lock = self.lock.as_ref().map_or("a lock", |lock| lock.class.as_str());
        match self.kind {
            WaitKind::Lock => self.lock_words(lock),
            WaitKind::Upgrade => format!("the other readers of `{lock}` to leave"),
            WaitKind::Notification => format!("a notification, and then `{lock}`"),
            WaitKind::ThreadEnd => format!("{} to end", thread_words(&self.end_of)),
            WaitKind::ScopeEnd => "the threads of its scope to end".to_owned(),
            WaitKind::Message => "a message".to_owned(),
            WaitKind::Room => "room in a channel".to_owned(),
            WaitKind::Arrivals => "the other threads to reach a barrier".to_owned(),
            WaitKind::Unpark => "another thread to unpark it".to_owned(),
            WaitKind::Time => "time to pass".to_owned(),
            WaitKind::Event => "an event".to_owned(),
            WaitKind::Newer => "something".to_owned(),
        }
    }

    /// A reader says so: who holds the lock for reading as well may keep it out.
    fn lock_words(&self, lock: &str) -> String {
        let is_reader = self.lock.as_ref().is_some_and(|lock| lock.mode != Mode::Exclusive);
        match (is_reader, self.behind.as_str()) {
            (false, _) => format!("`{lock}`"),
            (true, "") => format!("`{lock}` for reading"),
            (true, writer) => format!("`{lock}` for reading, behind the writer in {}", thread_words(writer)),
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
