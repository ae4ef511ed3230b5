//! The object that a thread waits on: a condition variable, a channel, a barrier, or its own token.

use lockdep_validator::{EventKind, EventUse, Provision, Site, TaskId};
use serde::{Deserialize, Serialize};

use crate::names::thread_words;
use crate::place::Place;

/// What is known of an object that threads wait on, and who brought something to it last.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WaitEvent {
    /// What tells the object from others of its process.
    pub number: u64,
    /// Where the object was made.
    pub created: Place,
    /// Who brought last what the wait is for: notified, sent, received (for room), arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provided: Option<WaitProvision>,
    /// Who took a message last; for room, who sent one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken: Option<WaitProvision>,
    /// How many senders the channel has; for room, how many receivers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub providers: Option<u64>,
    /// How many threads have arrived at the barrier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrived: Option<u64>,
    /// How many threads the barrier needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needed: Option<u64>,
}

/// What a thread brought or took.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WaitProvision {
    /// The thread, by name; empty if unknown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub thread: String,
    /// The place.
    pub site: Place,
    /// Whether it came before the last wait on the object began.
    pub before_wait: bool,
}

impl WaitEvent {
    /// What is known of the object; `None` if nothing is.
    pub(crate) fn of(
        event: &EventUse,
        place: &dyn Fn(Site) -> Place,
        name: &dyn Fn(TaskId) -> String,
    ) -> Option<Self> {
        let provision = |provision: Provision| WaitProvision {
            thread: provision.task.map_or_else(String::new, name),
            site: place(provision.site),
            before_wait: provision.is_before_wait,
        };
        (event.number != 0).then(|| Self {
            number: event.number,
            created: place(event.created),
            provided: event.provided.map(provision),
            taken: event.taken.map(provision),
            providers: event.n_providers,
            arrived: event.arrived.map(|(arrived, _)| arrived),
            needed: event.arrived.map(|(_, needed)| needed),
        })
    }

    /// Returns the places, and the names of threads, to be changed.
    pub(crate) fn parts(&mut self) -> (Vec<&mut Place>, Vec<&mut String>) {
        let (mut places, mut names) = (vec![&mut self.created], Vec::new());
        for provision in [&mut self.provided, &mut self.taken].into_iter().flatten() {
            names.push(&mut provision.thread);
            places.push(&mut provision.site);
        }
        (places, names)
    }

    /// Returns lines about the object, each with the word before it.
    pub(crate) fn lines(&self, kind: EventKind) -> Vec<(&'static str, String)> {
        let (object, provided, taken, providers) = match kind {
            EventKind::Notification => ("condition variable", "last notified", "", ""),
            EventKind::Message => ("channel", "last sent", "last received", "senders"),
            EventKind::Room => ("channel", "last received", "last sent", "receivers"),
            EventKind::Arrivals => ("barrier", "last arrived", "", ""),
            EventKind::Token => ("", "last unparked", "", ""),
            EventKind::Time | EventKind::Other => ("object", "last brought", "", ""),
        };
        let mut lines = Vec::new();
        if !object.is_empty() {
            lines.push((object, format!("made at {}", self.created)));
        }
        if let (Some(arrived), Some(needed)) = (self.arrived, self.needed) {
            lines.push(("arrived", format!("{arrived} of {needed} threads")));
        }
        if let Some(n_providers) = self.providers {
            lines.push((providers, n_providers.to_string()));
        }
        // Who has a handle of std's own can unpark a thread unseen.
        let none = if kind == EventKind::Token { "no unpark was seen" } else { "never" };
        lines.push((provided, self.provided.as_ref().map_or_else(|| none.to_owned(), words)));
        if !taken.is_empty() {
            lines.push((taken, self.taken.as_ref().map_or_else(|| "never".to_owned(), words)));
        }
        lines
    }
}

fn words(provision: &WaitProvision) -> String {
    let who = thread_words(&provision.thread);
    let by = if who.is_empty() { String::new() } else { format!("by {who} ") };
    let when = if provision.before_wait { ", before the last wait began" } else { "" };
    format!("{by}at {}{when}", provision.site)
}
