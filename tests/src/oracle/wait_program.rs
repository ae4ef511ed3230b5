//! Small programs of threads that wait for each other: locks, joins, channels, flags.

use super::history::Choices;

/// How many locks, flags and channels there are.
pub(super) const N_LOCKS: usize = 2;
pub(super) const N_FLAGS: usize = 2;
pub(super) const N_CHANNELS: usize = 2;
/// How many threads there are at most; the first one starts the others.
pub(super) const N_THREADS: usize = 3;

/// One operation of a thread.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Operation {
    /// Acquires a lock, for reading or exclusively.
    Acquire {
        /// Which lock.
        lock: usize,
        /// Whether other readers may hold it as well.
        reads: bool,
    },
    /// Releases a lock.
    Release(usize),
    /// Starts the thread with this number.
    Spawn(usize),
    /// Waits for the end of the thread with this number.
    Join(usize),
    /// Sends into a channel.
    Send(usize),
    /// Receives from a channel.
    Receive(usize),
    /// Sets a flag that the engine does not see.
    Set(usize),
    /// Waits for a flag, in a loop that yields at least once.
    Await(usize),
    /// Sleeps, at a place where no thread sleeps twice.
    Sleep,
}

/// What the threads do, and how many messages each channel holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    /// The operations of each thread; the first one is there from the start.
    pub threads: Vec<Vec<Operation>>,
    /// The bounds of the channels. Channel `n` is received from by thread `n` alone.
    pub bounds: [Option<usize>; N_CHANNELS],
}

/// Makes a program of two or three threads.
pub fn make(choices: &mut dyn Choices) -> Program {
    let n_threads = 2 + below(choices, N_THREADS - 1);
    let bounds = [(); N_CHANNELS].map(|()| match below(choices, 5) {
        0 => None,
        n => Some((n - 1) % 3),
    });
    let mut threads = Vec::new();
    for thread in 0..n_threads {
        let mut operations = Vec::new();
        if thread == 0 {
            operations.extend((1..n_threads).map(Operation::Spawn));
        }
        let mut unjoined: Vec<usize> = if thread == 0 { (1..n_threads).collect() } else { Vec::new() };
        let mut held = Vec::new();
        for _ in 0..2 + choices.below(5) {
            operation(thread, &mut operations, &mut held, &mut unjoined, choices);
        }
        let mut n_left = 2;
        while !held.is_empty() {
            // Waits belong under locks as often as behind them.
            if n_left > 0 && choices.below(2) == 0 {
                n_left -= 1;
                operation(thread, &mut operations, &mut held, &mut unjoined, choices);
            }
            operations.extend(held.pop().map(Operation::Release));
        }
        operations.extend(unjoined.into_iter().map(Operation::Join));
        threads.push(operations);
    }
    Program { threads, bounds }
}

/// Adds an operation. A lock that is acquired is not held yet.
fn operation(
    thread: usize,
    operations: &mut Vec<Operation>,
    held: &mut Vec<usize>,
    unjoined: &mut Vec<usize>,
    choices: &mut dyn Choices,
) {
    let new = match choices.below(12) {
        0..=3 => {
            let lock = below(choices, N_LOCKS);
            if held.contains(&lock) {
                return;
            }
            held.push(lock);
            Operation::Acquire { lock, reads: choices.below(4) == 0 }
        }
        4 if !held.is_empty() => Operation::Release(held.remove(below(choices, held.len()))),
        4 | 5 if !unjoined.is_empty() => Operation::Join(unjoined.remove(below(choices, unjoined.len()))),
        4..=7 => {
            let channel = below(choices, N_CHANNELS);
            if channel == thread { Operation::Receive(channel) } else { Operation::Send(channel) }
        }
        8 | 9 => Operation::Sleep,
        10 => Operation::Set(below(choices, N_FLAGS)),
        _ => Operation::Await(below(choices, N_FLAGS)),
    };
    operations.push(new);
}

pub(super) fn below(choices: &mut dyn Choices, limit: usize) -> usize {
    usize::try_from(choices.below(limit as u64)).expect("below a usize")
}
