//! What all threads wait for, read while they run.

use lockdep_validator::{
    Awaited, EventKind, EventUse, HeldRecord, Site, StackId, TaskId, Validator, Waiting as Tasks, WaitingTask,
};

use super::clock::now_ms;
use super::event_words::Event;
use super::kind;
use super::slot::{Published, WaitSlot, all};
use super::unparked;
use crate::runtime::identity::stack::Stacks;
use crate::runtime::system::thread_state;

/// A wait as it was read.
#[derive(Debug)]
pub(super) struct Seen {
    slot: &'static WaitSlot,
    version: u64,
}

impl Seen {
    /// Whether the wait is still the one that was read.
    fn is_same(&self) -> bool {
        self.slot.version() == self.version
    }
}

/// A ring of threads that wait: the first is the thread that asked.
#[derive(Debug)]
pub(super) struct Ring {
    seen: Vec<Seen>,
    pub(super) tasks: Vec<WaitingTask>,
    pub(super) order: Vec<usize>,
}

impl Ring {
    /// Looks for a ring through the owner of `own`, which has published its wait.
    ///
    /// All versions are read again after the last wait was read. If they are the same, each of
    /// these waits was going on at that moment, so that the ring was closed then.
    pub(super) fn find(validator: &Validator, own: &'static WaitSlot) -> Option<Self> {
        let (mut seen, mut tasks, mut start) = (Vec::new(), Vec::new(), None);
        for slot in all() {
            let Some((version, published)) = slot.read() else { continue };
            let Some(task) =
                slot.owner().and_then(|task| waiting_task(validator, slot, task, version, &published))
            else {
                continue;
            };
            if std::ptr::eq(slot, own) {
                start = Some(tasks.len());
            }
            seen.push(Seen { slot, version });
            tasks.push(task);
        }
        let order = Tasks(&tasks).ring(start?)?;
        let ring = Self { seen, tasks, order };
        ring.is_closed().then_some(ring)
    }

    /// Whether its threads still wait as they did. A writer outside the ring, behind which a reader
    /// of it queues, has to wait as well.
    pub(super) fn is_closed(&self) -> bool {
        let is_on_ring = |index: usize| self.order.contains(&index);
        // Only of a lock that a thread of the ring waits for: other threads come and go meanwhile.
        let is_writer = |index: usize| {
            let awaited = self.tasks[index].awaited.lock().filter(|lock| lock.is_exclusive());
            let mut of_ring = self.order.iter().filter_map(|on_ring| self.tasks[*on_ring].awaited.lock());
            awaited.is_some_and(|wanted| of_ring.any(|lock| lock.lock() == wanted.lock()))
        };
        let mut needed = (0..self.seen.len()).filter(|index| is_on_ring(*index) || is_writer(*index));
        needed.all(|index| self.seen[index].is_same())
    }

    /// The stacks that its report shows.
    pub(super) fn stacks(&self) -> impl Iterator<Item = StackId> {
        let of_task = |task: &WaitingTask| {
            let wanted = task.awaited.lock().into_iter();
            wanted.chain(&task.held).filter_map(|lock| lock.acquisition.stack).collect::<Vec<StackId>>()
        };
        self.order.iter().flat_map(move |index| of_task(&self.tasks[*index]))
    }

    /// Forgets the stacks whose functions are not named yet: the places stay.
    pub(super) fn forget_unnamed(&mut self, stacks: &Stacks) {
        for task in &mut self.tasks {
            let wanted = match &mut task.awaited {
                Awaited::Lock(wanted)
                | Awaited::Upgrade(wanted)
                | Awaited::Notification { mutex: wanted, .. } => Some(wanted),
                Awaited::Event(_) | Awaited::End(_) | Awaited::ScopeEnd(_) => None,
            };
            for lock in wanted.into_iter().chain(&mut task.held) {
                lock.acquisition.stack = lock.acquisition.stack.filter(|stack| stacks.is_named(*stack));
            }
        }
    }

    /// Whether a wait of the ring has a limit.
    pub(super) fn ends_by_itself(&self) -> bool {
        self.order.iter().any(|index| self.tasks[*index].is_timed)
    }

    /// Whether every thread but the asking one sleeps. One that runs may have got what it waited
    /// for, and had no time yet to say so.
    pub(super) fn sleeps(&self) -> bool {
        let mut others = self.order[1..].iter().map(|index| self.seen[*index].slot.os_id());
        others.all(|thread| thread_state::is_running(thread) != Some(true))
    }
}

/// A watched thread: what the system calls it, and what it says.
#[cfg(hang_report)]
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) os_id: u32,
    pub(crate) task: TaskId,
    pub(crate) scope: u64,
    /// The thread that led to it; the thread itself if none did.
    pub(crate) origin: TaskId,
    /// Where the word lies that leads to its state; zero if that is unknown.
    pub(crate) word: usize,
    pub(crate) wait: Option<WaitingTask>,
}

/// Every watched thread.
#[cfg(hang_report)]
pub(crate) fn watched(validator: &Validator) -> impl Iterator<Item = Watched> {
    all().filter_map(|slot| {
        let task = slot.owner()?;
        let wait = slot
            .read()
            .and_then(|(version, published)| waiting_task(validator, slot, task, version, &published));
        Some(Watched {
            os_id: slot.os_id(),
            task,
            scope: slot.scope(),
            origin: slot.origin().unwrap_or(task),
            word: slot.word(),
            wait,
        })
    })
}

/// What a thread waits for in few words, where, and for how many milliseconds, without memory or a
/// lock; `None` if it does not wait.
#[cfg(hang_report)]
pub(crate) fn minimal(slot: &WaitSlot) -> Option<(&'static str, Site, u64)> {
    slot.owner()?;
    let (_, published) = slot.read()?;
    let what = match published.kind & !kind::TIMED {
        kind::LOCK => "a lock",
        kind::UPGRADE => "the other readers of a lock",
        kind::INITIALISER => "an initialiser",
        kind::NOTIFICATION => "a notification",
        kind::END => "the end of a thread",
        kind::SCOPE_END => "the end of a scope",
        kind::MESSAGE => "a message",
        kind::ROOM => "room in a channel",
        kind::ARRIVALS => "a barrier",
        kind::TOKEN => "an unpark",
        kind::TIME => "time to pass",
        _ => "an event",
    };
    Some((what, Site(published.site), now_ms().saturating_sub(published.since_ms)))
}

fn waiting_task(
    validator: &Validator,
    slot: &WaitSlot,
    task: TaskId,
    version: u64,
    published: &Published,
) -> Option<WaitingTask> {
    let recalled = |words| HeldRecord::from_words(words).map(|record| validator.recalled(&record));
    let wanted = recalled(published.wanted);
    let event = kind::event(published.kind).map(|kind| {
        let event = match kind {
            EventKind::Token => Some(unparked::read(published.target)),
            _ => Event::at(published.target).map(|event| event.read(kind)),
        };
        // The object may be gone by now, if the wait is.
        event.filter(|_| slot.is_still(version)).unwrap_or(EventUse::unknown(kind))
    });
    let awaited = match published.kind & !kind::TIMED {
        kind::LOCK | kind::INITIALISER => Awaited::Lock(wanted?),
        kind::UPGRADE => Awaited::Upgrade(wanted?),
        kind::NOTIFICATION => Awaited::Notification { mutex: wanted?, event: event? },
        kind::END => Awaited::End(TaskId(u32::try_from(published.target).ok()?)),
        kind::SCOPE_END => Awaited::ScopeEnd(published.target),
        _ => Awaited::Event(event?),
    };
    let n_held = published.held.len().min(published.n_held as usize);
    let is_mutex_awaited = matches!(awaited, Awaited::Notification { .. });
    Some(WaitingTask {
        task,
        awaited,
        site: Site(published.site),
        waited_ms: now_ms().saturating_sub(published.since_ms),
        // The limit is on the notification; the mutex is waited for without one.
        is_timed: published.kind & kind::TIMED != 0 && !is_mutex_awaited,
        held: published.held[..n_held].iter().rev().filter_map(|words| recalled(*words)).collect(),
        scope: slot.scope(),
        behind: None,
    })
}

#[cfg(test)]
mod tests {
    use lockdep_validator::{
        AcquireFlags, Acquisition, ClassId, LockId, LockUse, Mode, N_WORDS, Subclass, Wait,
    };

    use super::*;

    fn lock(number: u64) -> LockUse {
        let class = ClassId::from_index(0).expect("small");
        let acquisition = Acquisition {
            lock: LockId::new(class, number),
            class,
            subclass: Subclass::ZERO,
            mode: Mode::Exclusive,
            wait: Wait::Blocking,
            address: 0,
            site: Site::UNKNOWN,
            stack: None,
            stack_exact: false,
        };
        LockUse { acquisition, flags: AcquireFlags::NONE }
    }

    fn begins_to_wait(slot: &WaitSlot) {
        slot.publish([kind::LOCK, 0, 0, 0], [1; N_WORDS], std::iter::empty());
    }

    /// Three threads that wait for these locks; the first two are a ring.
    fn ring(wanted: [u64; 3]) -> Ring {
        let waits = |(index, number): (u32, u64)| {
            let slot = WaitSlot::claim(TaskId(1000 + index));
            begins_to_wait(slot);
            let task = WaitingTask {
                task: TaskId(1000 + index),
                awaited: Awaited::Lock(lock(number)),
                site: Site::UNKNOWN,
                waited_ms: 0,
                is_timed: false,
                held: Vec::new(),
                scope: 0,
                behind: None,
            };
            (Seen { slot, version: slot.version() }, task)
        };
        let (seen, tasks) = (0..).zip(wanted).map(waits).unzip();
        Ring { seen, tasks, order: vec![0, 1] }
    }

    #[test]
    fn a_ring_stays_closed_while_other_threads_wait_for_other_locks() {
        let other = ring([1, 2, 3]);
        assert!(other.is_closed());
        begins_to_wait(other.seen[2].slot);
        assert!(other.is_closed(), "it contends for a lock that no thread of the ring wants");
        let writer = ring([1, 2, 2]);
        begins_to_wait(writer.seen[2].slot);
        assert!(!writer.is_closed(), "a reader of the ring may have queued behind it");
        let on_ring = ring([1, 2, 3]);
        begins_to_wait(on_ring.seen[1].slot);
        assert!(!on_ring.is_closed());
    }
}
