//! Traces in the STD form of RAPID and its relatives: one event a line,
//! `thread|operation(operand)|location`.
//!
//! Each operand is a lock of a class of its own. Locks are re-entrant, as Java's monitors are.
//! Memory grows with the number of distinct threads, locks and dependencies, never with the length
//! of the trace.

use rustc_hash::FxHashMap;

use super::ReplayError;
use super::threads::joined;
use lockdep_validator::{
    Acquire, ClassAttributes, Config, LockClassKey, LockId, Mode, NoStacks, Outcome, Site, TaskContext,
    TaskId, Validator, Violation, Wait,
};

/// A trace that is being replayed.
#[derive(Debug)]
pub struct TraceReplay {
    validator: Validator,
    threads: Vec<Thread>,
    /// Threads by name. A joined thread keeps its number, so that a report can name it.
    thread_numbers: FxHashMap<Box<str>, usize>,
    locks: FxHashMap<Box<str>, LockId>,
    n_lines: u64,
}

#[derive(Debug)]
struct Thread {
    name: Box<str>,
    /// Boxed, and gone once the thread was joined: a context is a few kilobytes.
    task: Option<Box<TaskContext>>,
    /// Monitors that the thread is in, and how many times.
    entered: Vec<(LockId, u32)>,
    /// A lock that was requested; its acquisition was shown to the engine then, before the thread
    /// waited.
    requested: Option<LockId>,
    /// Where the thread was started.
    spawned_at: Site,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Request,
    Acquire,
    Release,
    Wait,
    Fork,
    Join,
    /// Reads, writes, notifications: no lock is taken and none is given up.
    Other,
}

const OPERATIONS: &str = "req acq rel fork join r w wait notify notifyAll";

impl TraceReplay {
    /// Nothing was replayed.
    pub fn new(config: Config) -> Self {
        Self {
            validator: Validator::new(config),
            threads: Vec::new(),
            thread_numbers: FxHashMap::default(),
            locks: FxHashMap::default(),
            n_lines: 0,
        }
    }

    /// Replays one line; what it led to, if anything. Empty lines mean nothing.
    ///
    /// # Errors
    ///
    /// If the line is malformed: the error names it by number, and the line had no effect.
    ///
    /// # Examples
    ///
    /// ```
    /// use lockdep_report::replay::trace::TraceReplay;
    /// use lockdep_validator::Config;
    ///
    /// let mut replay = TraceReplay::new(Config::user());
    /// let mut found = Vec::new();
    /// for line in "T0|acq(a)|1 T0|acq(b)|2 T0|rel(b)|3 T0|rel(a)|4 T1|acq(b)|5 T1|acq(a)|6".split(' ') {
    ///     found.extend(replay.line(line)?);
    /// }
    /// assert_eq!(found[0].code.as_str(), "LD0003");
    /// # Ok::<(), lockdep_report::replay::ReplayError>(())
    /// ```
    pub fn line(&mut self, line: &str) -> Result<Vec<Violation>, ReplayError> {
        self.n_lines += 1;
        let line = line.trim();
        if line.is_empty() {
            return Ok(Vec::new());
        }
        let outcome = parse(line)
            .and_then(|(thread, operation, operand, site)| self.event(thread, operation, operand, site))
            .map_err(|error| error.at(format_args!("line {}", self.n_lines)))?;
        Ok(outcome.into_findings().map(|findings| findings.violations).unwrap_or_default())
    }

    /// Returns how many lines were seen, malformed ones included.
    pub fn n_lines(&self) -> u64 {
        self.n_lines
    }

    /// Returns the engine, for reports and counters.
    pub fn validator(&self) -> &Validator {
        &self.validator
    }

    /// Returns the trace's name of a task.
    pub fn thread_name(&self, task: TaskId) -> Option<&str> {
        self.threads.get(task.0 as usize).map(|thread| &*thread.name)
    }

    fn event(
        &mut self,
        thread: &str,
        operation: Operation,
        operand: &str,
        site: Site,
    ) -> Result<Outcome, ReplayError> {
        if operation == Operation::Other {
            return Ok(Outcome::CLEAN);
        }
        let number = self.thread(thread)?;
        if matches!(operation, Operation::Fork | Operation::Join) {
            let child = self.thread(operand)?;
            if child == number {
                return Err(ReplayError::new(format_args!("thread \"{thread}\" cannot fork or join itself")));
            }
            return Ok(self.relate(number, child, operation, site));
        }
        let lock = self.lock(operand)?;
        let Thread { task, entered, requested, .. } = &mut self.threads[number];
        let task = task.get_or_insert_with(|| Box::new(TaskContext::new(task_id(number))));
        let acquire = Acquire::new(lock, Mode::Exclusive, Wait::Blocking, site);
        let depth = entered.iter().position(|(entered, _)| *entered == lock);
        Ok(match (operation, depth) {
            (Operation::Acquire, Some(at)) => {
                entered[at].1 += 1;
                Outcome::CLEAN
            }
            (Operation::Request, None) if requested.is_none() => {
                *requested = Some(lock);
                self.validator.acquire(task, &acquire, &NoStacks)
            }
            (Operation::Acquire, None) => {
                entered.push((lock, 1));
                match requested.take() {
                    Some(shown) if shown == lock => Outcome::CLEAN,
                    // The request was given up: undone before what was acquired instead.
                    other => {
                        if let Some(other) = other {
                            self.validator.acquire_failed(task, other);
                        }
                        self.validator.acquire(task, &acquire, &NoStacks)
                    }
                }
            }
            (Operation::Release, Some(at)) if entered[at].1 > 1 => {
                entered[at].1 -= 1;
                Outcome::CLEAN
            }
            (Operation::Release, at) => {
                if let Some(at) = at {
                    entered.swap_remove(at);
                }
                self.validator.release(task, lock, site)
            }
            (Operation::Wait, Some(_)) => {
                // Gives the monitor up and takes it again, in one event.
                let released = self.validator.release(task, lock, site);
                debug_assert!(released.is_clean(), "an entered monitor is held");
                self.validator.acquire(task, &acquire, &NoStacks)
            }
            _ => Outcome::CLEAN,
        })
    }

    fn relate(&mut self, parent: usize, child: usize, operation: Operation, site: Site) -> Outcome {
        let new = |number| Box::new(TaskContext::new(task_id(number)));
        let mut parent_task = self.threads[parent].task.take().unwrap_or_else(|| new(parent));
        let outcome = if operation == Operation::Fork {
            let segment = self.validator.spawned(&mut parent_task);
            let mut started = self.validator.start_task(task_id(child), Some(segment));
            self.validator.record_acquired(&mut started, false);
            self.threads[child].task = Some(Box::new(started));
            self.threads[child].spawned_at = site;
            Outcome::CLEAN
        } else {
            let Thread { name, task, entered, spawned_at, .. } = &mut self.threads[child];
            let mut child_task = task.take().unwrap_or_else(|| new(child));
            let outcome = joined(&self.validator, &mut parent_task, &mut child_task, name, *spawned_at, site);
            if !entered.is_empty() {
                *task = Some(child_task);
            }
            outcome
        };
        self.threads[parent].task = Some(parent_task);
        outcome
    }

    fn thread(&mut self, name: &str) -> Result<usize, ReplayError> {
        if let Some(number) = self.thread_numbers.get(name) {
            return Ok(*number);
        }
        let number = self.threads.len();
        if u32::try_from(number).is_err() {
            return Err(ReplayError::new("the trace has more threads than the validator can number"));
        }
        let name: Box<str> = name.into();
        self.threads.push(Thread {
            name: name.clone(),
            task: None,
            entered: Vec::new(),
            requested: None,
            spawned_at: Site::UNKNOWN,
        });
        self.thread_numbers.insert(name, number);
        Ok(number)
    }

    fn lock(&mut self, name: &str) -> Result<LockId, ReplayError> {
        if let Some(lock) = self.locks.get(name) {
            return Ok(*lock);
        }
        let key =
            LockClassKey { name: Some(name.to_owned()), kind: "lock".to_owned(), ..LockClassKey::default() };
        let class = self.validator.register_class(&key, Site::UNKNOWN, ClassAttributes::default());
        let class = class
            .ok_or_else(|| ReplayError::new("the trace has more locks than the validator can number"))?;
        let lock = LockId::new(class, 1);
        self.locks.insert(name.into(), lock);
        Ok(lock)
    }
}

fn task_id(number: usize) -> TaskId {
    TaskId(u32::try_from(number).expect("checked when the thread was numbered"))
}

fn parse(line: &str) -> Result<(&str, Operation, &str, Site), ReplayError> {
    let malformed =
        || ReplayError::new(format_args!("\"{line}\" is not of the form thread|operation(operand)|location"));
    let mut fields = line.split('|');
    let (Some(thread), Some(event), location, None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(malformed());
    };
    let (name, operand) =
        event.strip_suffix(')').and_then(|event| event.split_once('(')).ok_or_else(malformed)?;
    if thread.is_empty() || operand.is_empty() {
        return Err(malformed());
    }
    let operation = match name {
        "req" => Operation::Request,
        "acq" => Operation::Acquire,
        "rel" => Operation::Release,
        "wait" => Operation::Wait,
        "fork" => Operation::Fork,
        "join" => Operation::Join,
        "r" | "w" | "notify" | "notifyAll" => Operation::Other,
        other => {
            return Err(ReplayError::new(format_args!(
                "unknown operation \"{other}\"; known are {OPERATIONS}"
            )));
        }
    };
    let site = match location {
        None | Some("") => Site::UNKNOWN,
        Some(number) => Site(
            number
                .parse()
                .map_err(|_| ReplayError::new(format_args!("the location \"{number}\" is not a number")))?,
        ),
    };
    Ok((thread, operation, operand, site))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(trace: &str) -> Vec<&'static str> {
        let mut replay = TraceReplay::new(Config::user());
        let found = trace.split_whitespace().flat_map(|line| replay.line(line).expect("well formed"));
        found.map(|violation| violation.code.as_str()).collect()
    }

    #[test]
    fn inverted_orders_are_found_and_monitors_may_be_entered_again() {
        let inverted = "A|acq(l)|1 A|acq(m)|2 A|rel(m)|3 A|rel(l)|4 B|acq(m)|5 B|acq(l)|6";
        assert_eq!(codes(inverted), ["LD0003"]);
        let reentrant = "A|acq(l)|1 A|acq(m)|2 A|acq(l)|3 A|rel(l)|4 A|rel(m)|5 A|rel(l)|6";
        assert!(codes(reentrant).is_empty());
    }

    #[test]
    fn a_request_is_enough_for_a_thread_that_never_got_the_lock() {
        let hung = "A|req(l)|1 A|acq(l)|1 B|req(m)|2 B|acq(m)|2 A|req(m)|3 B|req(l)|4";
        assert_eq!(codes(hung), ["LD0003"]);
    }

    #[test]
    fn a_wait_takes_its_monitor_again_under_what_else_is_held() {
        assert_eq!(codes("A|acq(m)|1 A|acq(l)|2 A|wait(m)|3"), ["LD0003"]);
        assert!(codes("A|acq(m)|1 A|wait(m)|2 A|notifyAll(m)|3 A|rel(m)|4").is_empty());
    }

    #[test]
    fn malformed_lines_are_named_and_skipped() {
        let mut replay = TraceReplay::new(Config::user());
        assert!(replay.line("").is_ok());
        for (line, text) in [
            ("A|acq(l)", None),
            (
                "A|acq l|1",
                Some("line 3: \"A|acq l|1\" is not of the form thread|operation(operand)|location"),
            ),
            (
                "A|lock(l)|1",
                Some(
                    "line 4: unknown operation \"lock\"; known are req acq rel fork join r w wait notify notifyAll",
                ),
            ),
            ("A|rel(l)|x", Some("line 5: the location \"x\" is not a number")),
            ("A|fork(A)|1", Some("line 6: thread \"A\" cannot fork or join itself")),
            ("A|rel(l)|1", None),
        ] {
            assert_eq!(replay.line(line).err().map(|error| error.to_string()).as_deref(), text, "{line}");
        }
    }
}
