//! Every interleaving of a small program: whether one of them hangs forever.

use std::collections::VecDeque;

use rustc_hash::FxHashSet;

use super::wait_program::{N_CHANNELS, N_THREADS, Operation, Program};

/// Where the threads are, and what is on its way between them.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct State {
    /// The next operation of each thread; `None` before it is started.
    pub(super) at: [Option<usize>; N_THREADS],
    /// Whether the message of a thread's next operation is in its channel already.
    sends: [bool; N_THREADS],
    /// The senders of the messages in each channel. Those past the bound wait for room.
    pub(super) queues: [VecDeque<usize>; N_CHANNELS],
    flags: u8,
}

impl State {
    pub(super) fn start() -> Self {
        Self { at: [Some(0), None, None], ..Self::default() }
    }

    /// Whether the thread has started, and has operations left.
    pub(super) fn is_running(&self, program: &Program, thread: usize) -> bool {
        self.next(program, thread).is_some()
    }

    /// Whether the thread has ended.
    pub(super) fn has_ended(&self, program: &Program, thread: usize) -> bool {
        self.at[thread].is_some_and(|at| at == program.threads[thread].len())
    }

    /// The next operation of a thread that runs.
    pub(super) fn next(&self, program: &Program, thread: usize) -> Option<Operation> {
        program.threads.get(thread)?.get(self.at[thread]?).copied()
    }

    /// Whether each thread has ended.
    fn is_over(&self, program: &Program) -> bool {
        (0..program.threads.len()).all(|thread| self.has_ended(program, thread))
    }

    /// Whether the thread holds the lock: for reading or not.
    fn holds(&self, program: &Program, thread: usize, lock: usize) -> Option<bool> {
        let done = &program.threads[thread][..self.at[thread]?];
        done.iter().rev().find_map(|operation| match *operation {
            Operation::Acquire { lock: acquired, reads } if acquired == lock => Some(Some(reads)),
            Operation::Release(released) if released == lock => Some(None),
            _ => None,
        })?
    }

    /// The thread begins its next operation: a message goes where it waits for room.
    pub(super) fn begin(&mut self, program: &Program, thread: usize) {
        if let Some(Operation::Send(channel)) = self.next(program, thread)
            && !self.sends[thread]
            && !self.has_ended(program, channel)
        {
            self.queues[channel].push_back(thread);
            self.sends[thread] = true;
        }
    }

    /// Does the next operation of the thread, which has begun, if it does not have to wait.
    pub(super) fn finish(&mut self, program: &Program, thread: usize) -> bool {
        let Some(operation) = self.next(program, thread) else { return false };
        let others = || (0..program.threads.len()).filter(|other| *other != thread);
        let is_ready = match operation {
            Operation::Acquire { lock, reads } => others().all(|other| {
                let held = self.holds(program, other, lock);
                held.is_none_or(|other_reads| reads && other_reads)
            }),
            Operation::Join(child) => self.has_ended(program, child),
            Operation::Send(channel) => !self.waits_for_room(program, thread, channel),
            Operation::Receive(channel) => {
                !self.queues[channel].is_empty()
                    || others().all(|other| self.has_sent_all(program, other, channel))
            }
            Operation::Await(flag) => self.flags >> flag & 1 != 0,
            Operation::Release(_) | Operation::Spawn(_) | Operation::Set(_) | Operation::Sleep => true,
        };
        if !is_ready {
            return false;
        }
        match operation {
            Operation::Spawn(child) => self.at[child] = Some(0),
            Operation::Set(flag) => self.flags |= 1 << flag,
            Operation::Receive(channel) => drop(self.queues[channel].pop_front()),
            Operation::Send(_) => self.sends[thread] = false,
            _ => {}
        }
        self.at[thread] = self.at[thread].map(|at| at + 1);
        true
    }

    /// Whether the message of the thread is in no place of the channel yet.
    fn waits_for_room(&self, program: &Program, thread: usize, channel: usize) -> bool {
        let Some(bound) = program.bounds[channel] else { return false };
        let is_gone = self.has_ended(program, channel);
        !is_gone
            && self.queues[channel].iter().skip(bound).any(|sender| *sender == thread)
            && self.queues[channel].iter().rposition(|sender| *sender == thread) >= Some(bound)
    }

    /// Whether the thread has a sender no more: it was started, and has ended; or it sends nothing.
    fn has_sent_all(&self, program: &Program, thread: usize, channel: usize) -> bool {
        !program.threads[thread].contains(&Operation::Send(channel)) || self.has_ended(program, thread)
    }
}

/// Whether some interleaving of the program hangs forever.
pub(super) fn hangs(program: &Program) -> bool {
    let mut todo = vec![State::start()];
    let mut seen = FxHashSet::default();
    while let Some(state) = todo.pop() {
        if !seen.insert(state.clone()) {
            continue;
        }
        let mut is_stuck = true;
        for thread in 0..program.threads.len() {
            let mut next = state.clone();
            next.begin(program, thread);
            let has_begun = next != state;
            if next.finish(program, thread) || has_begun {
                is_stuck = false;
                todo.push(next);
            }
        }
        if is_stuck && !state.is_over(program) {
            return true;
        }
    }
    false
}
