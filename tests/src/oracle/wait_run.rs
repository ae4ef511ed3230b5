//! One run of a small program of threads that wait for each other, as the engine sees it.

use std::collections::VecDeque;

use lockdep_validator::{
    Acquire, BoundedSend, ClassAttributes, ClassId, Config, EndedTask, LockClassKey, LockId, Mode, NoStacks,
    Noted, Outcome, Segment, Site, TaskContext, TaskId, Validator, Violation, Wait,
};

use super::history::Choices;
use super::wait_program::{N_CHANNELS, N_LOCKS, N_THREADS, Operation, Program, below};
use super::wait_world::State;

/// A message that was sent.
struct Sent {
    segment: Segment,
    site: Site,
    acquired: Vec<Noted>,
}

struct Run<'a> {
    program: &'a Program,
    validator: Validator,
    locks: Vec<LockId>,
    tasks: Vec<TaskContext>,
    messages: [VecDeque<Sent>; N_CHANNELS],
    /// What a thread had acquired when it ended.
    ended: Vec<Vec<Noted>>,
    state: State,
    found: Vec<Violation>,
}

/// Runs the program along one interleaving; `None` if that hangs.
pub(super) fn run(program: &Program, choices: &mut dyn Choices) -> Option<Vec<Violation>> {
    let mut run = Run::new(program);
    let mut has_begun = [false; N_THREADS];
    loop {
        let running: Vec<usize> =
            (0..program.threads.len()).filter(|thread| run.state.is_running(program, *thread)).collect();
        if running.is_empty() {
            return Some(run.found);
        }
        let can_go = |thread: &usize| {
            let mut next = run.state.clone();
            !has_begun[*thread] || next.finish(program, *thread)
        };
        let able: Vec<usize> = running.iter().copied().filter(can_go).collect();
        if able.is_empty() {
            return None;
        }
        let thread = able[below(choices, able.len())];
        let operation = run.state.next(program, thread)?;
        if !has_begun[thread] {
            run.begin(thread, operation);
            has_begun[thread] = true;
            // Others run while it sleeps.
            if operation == Operation::Sleep {
                continue;
            }
        }
        if run.state.finish(program, thread) {
            has_begun[thread] = false;
            run.finish(thread, operation);
        }
    }
}

impl<'a> Run<'a> {
    fn new(program: &'a Program) -> Self {
        let validator = Validator::new(Config::user());
        let mut main = TaskContext::new(TaskId(1));
        let mut new_lock = |number: usize| {
            let class = class(&validator, &format!("lock {number}"), "Mutex").expect("few classes");
            validator.new_lock(&mut main, class)
        };
        let locks = (0..N_LOCKS).map(&mut new_lock).collect();
        let tasks: Vec<TaskContext> = (1..).take(N_THREADS).map(|n| TaskContext::new(TaskId(n))).collect();
        let mut run = Self {
            program,
            validator,
            locks,
            tasks,
            messages: Default::default(),
            ended: vec![Vec::new(); N_THREADS],
            state: State::start(),
            found: Vec::new(),
        };
        run.validator.note_acquired(&mut run.tasks[0]);
        run
    }

    /// A place of its own for each operation.
    fn site(&self, thread: usize) -> Site {
        Site((thread * 100 + self.state.at[thread].unwrap_or(0) + 1) as u64)
    }

    fn take(&mut self, outcome: Outcome) {
        self.found.extend(outcome.into_findings().map(|found| found.violations).unwrap_or_default());
    }

    /// What is announced before an operation waits.
    fn begin(&mut self, thread: usize, operation: Operation) {
        let site = self.site(thread);
        let (validator, task) = (&self.validator, &mut self.tasks[thread]);
        match operation {
            Operation::Acquire { lock, reads } => {
                let mode = if reads { Mode::Shared } else { Mode::Exclusive };
                let acquire = Acquire::new(self.locks[lock], mode, Wait::Blocking, site);
                let outcome = validator.acquire(task, &acquire, &NoStacks);
                self.take(outcome);
            }
            Operation::Await(_) => validator.idled(task),
            Operation::Sleep => validator.sleeps(task, site, true),
            Operation::Send(channel) => self.send(thread, channel, site),
            _ => {}
        }
    }

    fn send(&mut self, thread: usize, channel: usize, site: Site) {
        if self.state.has_ended(self.program, channel) {
            self.validator.idled(&mut self.tasks[thread]);
            return;
        }
        let number = channel as u64 + 1;
        let (validator, task) = (&self.validator, &mut self.tasks[thread]);
        validator.note_acquired(task);
        let mut outcome = Outcome::CLEAN;
        if let Some(bound) = self.program.bounds[channel] {
            let send = BoundedSend { channel: number, capacity: bound as u64, waits: true, site };
            outcome = validator.sends(task, &send, &mut || room(validator, channel), &NoStacks);
        }
        let acquired = validator.acquired(task).to_vec();
        let segment = validator.spawned(task);
        self.state.begin(self.program, thread);
        let mut next = self.state.clone();
        if !next.finish(self.program, thread) {
            validator.send_waits(task, number);
        }
        self.messages[channel].push_back(Sent { segment, site, acquired });
        self.take(outcome);
    }

    /// What is announced once an operation is over. `self.state` is that after it.
    fn finish(&mut self, thread: usize, operation: Operation) {
        let site = self.site(thread);
        let (validator, task) = (&self.validator, &mut self.tasks[thread]);
        let mut outcome = Outcome::CLEAN;
        match operation {
            Operation::Release(lock) => outcome = validator.release(task, self.locks[lock], site),
            Operation::Spawn(child) => {
                let segment = validator.spawned(task);
                let id = self.tasks[child].id();
                let mut started = validator.start_task(id, Some(segment));
                validator.record_acquired(&mut started, false);
                self.tasks[child] = started;
            }
            Operation::Join(child) => {
                let (id, acquired) = (self.tasks[child].id(), std::mem::take(&mut self.ended[child]));
                let ended =
                    EndedTask { task: id, spawned_at: site, acquired: &acquired, is_only_provider: true };
                let (validator, task) = (&self.validator, &mut self.tasks[thread]);
                let mut class_fn = || class(validator, &format!("end of {child}"), "JoinHandle");
                outcome = validator.waited_for_end(task, &[ended], site, &mut class_fn, &NoStacks);
                validator.joined(task, id);
            }
            Operation::Receive(channel) => outcome = self.receive(thread, channel, site),
            Operation::Sleep => validator.slept(task),
            Operation::Send(channel) if self.program.bounds[channel].is_some() => validator.had_room(task),
            _ => {}
        }
        self.take(outcome);
        if self.state.has_ended(self.program, thread) {
            self.end(thread);
        }
    }

    fn receive(&mut self, thread: usize, channel: usize, site: Site) -> Outcome {
        let is_one = self.has_one_sender(channel);
        let (validator, task) = (&self.validator, &mut self.tasks[thread]);
        // All senders are gone.
        let Some(sent) = self.messages[channel].pop_front() else {
            validator.idled(task);
            return Outcome::CLEAN;
        };
        let mut outcome = Outcome::CLEAN;
        if self.program.bounds[channel].is_some() {
            validator.note_acquired(task);
            outcome = validator.takes(task, channel as u64 + 1, site, &mut || room(validator, channel));
        }
        let sender = EndedTask {
            task: sent.segment.task,
            spawned_at: sent.site,
            acquired: &sent.acquired,
            is_only_provider: is_one,
        };
        let mut class_fn = || class(validator, &format!("channel {channel}"), "Channel");
        outcome.append(validator.waited_for_end(task, &[sender], site, &mut class_fn, &NoStacks));
        validator.received(task, sent.segment);
        outcome
    }

    /// Whether the sender was never cloned.
    fn has_one_sender(&self, channel: usize) -> bool {
        self.program.threads.iter().filter(|thread| thread.contains(&Operation::Send(channel))).count() == 1
    }

    fn end(&mut self, thread: usize) {
        if thread < N_CHANNELS {
            let is_exact = self.has_one_sender(thread);
            let (validator, task) = (&self.validator, &self.tasks[thread]);
            let mut class_fn = || room(validator, thread);
            let outcome =
                validator.receiver_ends(task, thread as u64 + 1, Site::UNKNOWN, is_exact, &mut class_fn);
            self.take(outcome);
        }
        self.ended[thread] = self.validator.take_acquired(&mut self.tasks[thread]);
    }
}

fn room(validator: &Validator, channel: usize) -> Option<ClassId> {
    class(validator, &format!("room in {channel}"), "ChannelRoom")
}

fn class(validator: &Validator, name: &str, kind: &str) -> Option<ClassId> {
    let key = LockClassKey { name: Some(name.to_owned()), kind: kind.to_owned(), ..LockClassKey::default() };
    validator.register_class(&key, Site::UNKNOWN, ClassAttributes::default())
}
