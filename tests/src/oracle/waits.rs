//! Small programs of threads that wait for each other, in every interleaving: an error about a wait
//! (LD0101) must have one that hangs forever.
//!
//! A program runs once along an interleaving that ends, and the engine sees that one alone.

use lockdep_validator::{Code, Level};

use super::history::Choices;
pub use super::wait_program::{Operation, Program, make};
use super::wait_run::run;
use super::wait_world;

/// What was found out about a program that ended.
#[derive(Clone, Copy, Debug)]
pub struct Judged {
    /// Whether some interleaving hangs forever.
    pub hangs: bool,
    /// The highest level of what was said about waits.
    pub level: Option<Level>,
    /// Whether anything else was said, about locks alone.
    pub other: bool,
}

/// Runs the program once, and judges it; `None` if that run hangs.
pub fn judge(program: &Program, choices: &mut dyn Choices) -> Option<Judged> {
    let found = run(program, choices)?;
    let is_wait = |code: Code| code == Code::WaitHoldingLock;
    Some(Judged {
        hangs: wait_world::hangs(program),
        level: found.iter().filter(|found| is_wait(found.code)).map(|found| found.level).max(),
        other: found.iter().any(|found| !is_wait(found.code)),
    })
}
