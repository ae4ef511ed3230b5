//! What threads wait for, and who of them waits for whom.
//!
//! A thread that is about to block says so in a slot of its own: what it waits for, since when, and
//! what it holds meanwhile (`slot.rs`, `publish.rs`). Other threads read the slots while their
//! owners run (`snapshot.rs`). The thread whose wait closes a ring finds the ring by that, because
//! every other thread of it has published its wait before; it looks again for a while and reports
//! (`ring.rs`, LD0100). So no timer, no signal and no thread of ours is needed.
//!
//! What a condition variable, channel or barrier knows of those who brought something to it is in
//! `event.rs`, and what is known of those who unparked a thread in `unparked.rs`. Which thread will
//! bring something cannot be known, so such a wait closes no ring.
//!
//! Only contended operations come here: they try first, and publish if that failed.

mod clock;
mod event;
mod event_messages;
mod event_words;
mod kind;
mod publish;
mod ring;
mod slot;
mod slot_owner;
mod snapshot;
mod stamp;
mod unparked;

pub(crate) use event::unparked;
pub(crate) use event_words::Event;
pub(crate) use publish::{Published, Waiting, Wanted, begin};
pub(crate) use ring::{Looked, has_company, would_close_ring};
#[cfg(hang_report)]
pub(crate) use slot::all as slots;
pub(crate) use slot::{WaitSlot, forked};
#[cfg(hang_report)]
pub(crate) use slot_owner::waiting_threads;
#[cfg(hang_report)]
pub(crate) use snapshot::{Watched, minimal, watched};
pub(crate) use stamp::Stamp;
