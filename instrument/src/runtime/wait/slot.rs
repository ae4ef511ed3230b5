//! The place in which a thread says what it waits for.
//!
//! Each watched thread owns one slot, which only it and its signal handlers write. Any thread may
//! read any slot at any time. A slot is a *sequence lock* of atomics: its version is odd while it
//! is written, and a reader that finds the same even version before and after has read what belongs
//! together. There is no data race, since every word is an atomic; there is no wait, since a reader
//! that meets a writer gives up after a few tries.
//!
//! Slots are made when a thread finds none free, are listed forever, and are used again by later
//! threads: a reader never meets freed memory.

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

use lockdep_validator::{N_WORDS, TaskId};

/// How many held locks a slot has room for; the newest are in it.
pub(super) const MAX_HELD: usize = 32;

/// How often a reader looks again when it meets a writer.
const N_TRIES: usize = 64;

/// Every slot that was ever made, the newest first.
static FIRST: AtomicPtr<WaitSlot> = AtomicPtr::new(ptr::null_mut());

type Record = [AtomicU64; N_WORDS];

/// See the top of the file.
#[derive(Debug)]
pub(crate) struct WaitSlot {
    /// The next slot of the list. INVARIANT: written before the slot is listed.
    next: AtomicPtr<WaitSlot>,
    /// The number of the thread that owns the slot; zero if none does.
    owner: AtomicU32,
    /// What the operating system calls the thread.
    os_id: AtomicU32,
    /// The scope whose thread it is, or zero.
    scope: AtomicU64,
    /// The thread that started it, directly or through others, and that no watched thread started;
    /// zero if it is that one itself.
    pub(super) origin: AtomicU32,
    /// Where the word of the owner lies that leads to its state; zero if that is unknown.
    pub(super) word: AtomicUsize,
    /// Odd while the words below are written.
    version: AtomicU64,
    /// What kind of wait it is, and whether it is timed; zero while the thread does not wait.
    kind: AtomicU64,
    /// What is waited for, if it is not a lock.
    target: AtomicU64,
    /// Where.
    site: AtomicU64,
    /// Since when.
    since_ms: AtomicU64,
    /// The wanted lock; zeros if it is none.
    wanted: Record,
    /// How many locks are held.
    n_held: AtomicU32,
    /// They, newest first.
    held: [Record; MAX_HELD],
}

/// What a slot says.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(super) kind: u64,
    pub(super) target: u64,
    pub(super) site: u64,
    pub(super) since_ms: u64,
    pub(super) wanted: [u64; N_WORDS],
    pub(super) n_held: u32,
    pub(super) held: [[u64; N_WORDS]; MAX_HELD],
}

impl WaitSlot {
    fn new(owner: u32) -> Self {
        let record = || [const { AtomicU64::new(0) }; N_WORDS];
        Self {
            next: AtomicPtr::default(),
            owner: AtomicU32::new(owner),
            os_id: AtomicU32::new(0),
            scope: AtomicU64::new(0),
            origin: AtomicU32::new(0),
            word: AtomicUsize::new(0),
            version: AtomicU64::new(0),
            kind: AtomicU64::new(0),
            target: AtomicU64::new(0),
            site: AtomicU64::new(0),
            since_ms: AtomicU64::new(0),
            wanted: record(),
            n_held: AtomicU32::new(0),
            held: std::array::from_fn(|_| record()),
        }
    }

    /// Gives the running thread a slot.
    pub(crate) fn claim(task: TaskId) -> &'static Self {
        let slot = Self::claim_free(task.0).unwrap_or_else(|| Self::list(Self::new(task.0)));
        // ORDERING: Relaxed: read for texts and for a look at the thread, which may be too late
        // anyway.
        slot.os_id.store(os_id(), Ordering::Relaxed);
        // ORDERING: Relaxed: written by the owner alone, before its first wait is published.
        slot.scope.store(0, Ordering::Relaxed);
        slot.origin.store(0, Ordering::Relaxed); // ORDERING: as in `os_id`
        slot.word.store(0, Ordering::Relaxed); // ORDERING: as in `os_id`
        slot
    }

    fn claim_free(task: u32) -> Option<&'static Self> {
        all().find(|slot| {
            // ORDERING: Relaxed: a look that the exchange repeats.
            slot.owner.load(Ordering::Relaxed) == 0
                // ORDERING: Acquire pairs with the Release in `free`: what the last owner wrote is
                // before what this one writes.
                && slot.owner.compare_exchange(0, task, Ordering::Acquire, Ordering::Relaxed).is_ok()
        })
    }

    fn list(slot: Self) -> &'static Self {
        let slot: &'static Self = Box::leak(Box::new(slot));
        // ORDERING: Relaxed: the exchange below publishes.
        let mut first = FIRST.load(Ordering::Relaxed);
        loop {
            // ORDERING: Relaxed, as above.
            slot.next.store(first, Ordering::Relaxed);
            // ORDERING: Release pairs with the Acquire in `all`: a reader sees the whole slot.
            match FIRST.compare_exchange_weak(
                first,
                ptr::from_ref(slot).cast_mut(),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return slot,
                Err(newer) => first = newer,
            }
        }
    }

    /// The thread ends.
    pub(crate) fn free(&self) {
        self.withdraw();
        // ORDERING: Release pairs with the Acquire in `claim_free`.
        self.owner.store(0, Ordering::Release);
    }

    /// Who owns the slot.
    pub(super) fn owner(&self) -> Option<TaskId> {
        // ORDERING: Relaxed: what a wait says is read with its version, which the next owner
        // changes.
        let owner = self.owner.load(Ordering::Relaxed);
        (owner != 0).then_some(TaskId(owner))
    }

    /// What the operating system calls the owner.
    pub(crate) fn os_id(&self) -> u32 {
        // ORDERING: Relaxed, as in `claim`.
        self.os_id.load(Ordering::Relaxed)
    }

    /// The scope whose thread the owner is; zero for none.
    pub(super) fn scope(&self) -> u64 {
        // ORDERING: Relaxed: written before the wait that it is read with was published.
        self.scope.load(Ordering::Relaxed)
    }

    /// The owner is a thread of this scope now; zero for none.
    pub(crate) fn set_scope(&self, scope: u64) {
        // ORDERING: Relaxed, as in `scope`.
        self.scope.store(scope, Ordering::Relaxed);
    }

    /// Whether a wait of the owner is published.
    pub(super) fn is_waiting(&self) -> bool {
        // ORDERING: Relaxed: asked by the owner, or as a first look.
        self.kind.load(Ordering::Relaxed) != 0
    }

    /// Whether the owner, which asks, was interrupted while it wrote.
    pub(super) fn is_being_written(&self) -> bool {
        // ORDERING: Relaxed: only the owner writes it.
        !self.version.load(Ordering::Relaxed).is_multiple_of(2)
    }

    /// The version of what is published.
    pub(super) fn version(&self) -> u64 {
        // ORDERING: Acquire: what is read after it is not older.
        self.version.load(Ordering::Acquire)
    }

    /// Whether the version is still this one, after other words were read that belong to what is
    /// published.
    pub(super) fn is_still(&self, version: u64) -> bool {
        // ORDERING: Acquire pairs with the Release fence of who changes those words.
        fence(Ordering::Acquire);
        // ORDERING: Relaxed: the fence orders it after the words.
        self.version.load(Ordering::Relaxed) == version
    }

    /// Writes, as the owner. `write_fn` stores Relaxed.
    #[inline(always)]
    pub(super) fn write(&self, write_fn: impl FnOnce(&Self)) {
        // ORDERING: Relaxed: only the owner writes it.
        let version = self.version.load(Ordering::Relaxed);
        // ORDERING: Relaxed: the fence below orders it before the words.
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        // ORDERING: Release: a reader that sees one of the new words, and then passes its Acquire
        // fence, sees the odd version as well.
        fence(Ordering::Release);
        write_fn(self);
        // ORDERING: Release pairs with the Acquire in `read`: who sees this version sees the words.
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }

    /// Publishes a wait. The held locks come newest first.
    pub(super) fn publish(
        &self,
        [kind, target, site, since_ms]: [u64; 4],
        wanted: [u64; N_WORDS],
        held: impl Iterator<Item = [u64; N_WORDS]>,
    ) -> u32 {
        let mut n_held = 0_u32;
        self.write(|slot| {
            for record in held {
                if let Some(room) = slot.held.get(n_held as usize) {
                    store(room, record);
                }
                n_held += 1;
            }
            store(&slot.wanted, wanted);
            // ORDERING: Relaxed, here and in the lines below: `write` orders them.
            slot.n_held.store(n_held, Ordering::Relaxed);
            slot.target.store(target, Ordering::Relaxed); // ORDERING: as above
            slot.site.store(site, Ordering::Relaxed); // ORDERING: as above
            slot.since_ms.store(since_ms, Ordering::Relaxed); // ORDERING: as above
            slot.kind.store(kind, Ordering::Relaxed); // ORDERING: as above
        });
        n_held
    }

    /// What is waited for besides the lock.
    pub(super) fn set_target(&self, target: u64) {
        // ORDERING: Relaxed: `write` orders it.
        self.write(|slot| slot.target.store(target, Ordering::Relaxed));
    }

    /// The wait is over. A few stores, and no call: who waited has an acquired lock in registers.
    #[inline(always)]
    pub(super) fn withdraw(&self) {
        // ORDERING: Relaxed: `write` orders it.
        self.write(|slot| slot.kind.store(0, Ordering::Relaxed));
    }

    /// Reads what is published, with its version; `None` if nothing is, or if the owner is writing.
    pub(super) fn read(&self) -> Option<(u64, Published)> {
        for _ in 0..N_TRIES {
            let version = self.version();
            if !self.is_waiting() {
                return None;
            }
            if version.is_multiple_of(2) {
                let published = self.copy();
                // If a word was a newer one, the version is not the old one.
                if self.is_still(version) {
                    return (published.kind != 0).then_some((version, published));
                }
            }
            std::hint::spin_loop();
        }
        None
    }

    fn copy(&self) -> Published {
        // ORDERING: Relaxed, here and below: `read` orders them, and throws away what does not
        // belong together.
        let word = |word: &AtomicU64| word.load(Ordering::Relaxed);
        let record = |words: &Record| std::array::from_fn(|index| word(&words[index]));
        let n_held = self.n_held.load(Ordering::Relaxed); // ORDERING: as above
        let mut held = [[0; N_WORDS]; MAX_HELD];
        for (to, from) in held.iter_mut().zip(&self.held).take(n_held as usize) {
            *to = record(from);
        }
        Published {
            kind: word(&self.kind),
            target: word(&self.target),
            site: word(&self.site),
            since_ms: word(&self.since_ms),
            wanted: record(&self.wanted),
            n_held,
            held,
        }
    }

    /// Whether the owner seems to hold the lock while it waits: a first look, which may be wrong.
    pub(super) fn seems_to_hold(&self, lock: u64) -> bool {
        // ORDERING: Relaxed: a first look; `read` looks again.
        let n_held = self.n_held.load(Ordering::Relaxed) as usize;
        // ORDERING: Relaxed, as above.
        self.is_waiting() && self.held.iter().take(n_held).any(|held| held[0].load(Ordering::Relaxed) == lock)
    }
}

fn store(words: &Record, record: [u64; N_WORDS]) {
    for (word, value) in words.iter().zip(record) {
        // ORDERING: Relaxed: `write` orders it.
        word.store(value, Ordering::Relaxed);
    }
}

/// Every slot that was listed.
pub(crate) fn all() -> impl Iterator<Item = &'static WaitSlot> {
    // ORDERING: Acquire pairs with the Release in `list`.
    let mut at = FIRST.load(Ordering::Acquire);
    std::iter::from_fn(move || {
        // SAFETY: null, or a slot that was leaked before it was listed.
        let slot: &'static WaitSlot = unsafe { at.as_ref() }?;
        // ORDERING: Acquire: the next slot was listed before this one, by any thread.
        at = slot.next.load(Ordering::Acquire);
        Some(slot)
    })
}

/// The process is the child of a fork: the only thread has another number.
pub(crate) fn forked() {
    for slot in all().filter(|slot| slot.owner().is_some()) {
        // ORDERING: Relaxed: the child has one thread.
        slot.os_id.store(os_id(), Ordering::Relaxed);
    }
}

#[cfg(target_os = "linux")]
fn os_id() -> u32 {
    // SAFETY: only returns a number.
    u32::try_from(unsafe { libc::gettid() }).unwrap_or(0)
}

#[cfg(not(target_os = "linux"))]
fn os_id() -> u32 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gets_what_belongs_together_or_nothing() {
        use std::sync::atomic::AtomicBool;
        let slot = WaitSlot::new(1);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut n_read = 0;
                while n_read < 1000 {
                    let Some((_, said)) = slot.read() else { continue };
                    n_read += 1;
                    assert_eq!(said.wanted, [said.target; N_WORDS]);
                    assert!(said.held[..said.n_held as usize].iter().all(|held| *held == said.wanted));
                }
                stop.store(true, Ordering::Relaxed); // ORDERING: a flag
            });
            let mut n = 1;
            // ORDERING: Relaxed: a flag.
            while !stop.load(Ordering::Relaxed) {
                let held = std::iter::repeat_n([n; N_WORDS], (n % 40) as usize);
                slot.publish([1, n, 0, 0], [n; N_WORDS], held.take(MAX_HELD));
                if n % 3 == 0 {
                    slot.withdraw();
                }
                n += 1;
            }
        });
    }
}
