//! The hang report: what every thread of the process does, when the process seems to hang.
//!
//! Four things ask for it: the command at `--timeout` (a signal), SIGTERM, the signal of
//! `LOCKDEP_HANG_SIGNAL`, and time (`LOCKDEP_HANG_AFTER`, `watcher.rs`). Which handlers there are,
//! and why none of the program's is disturbed, is in `asked.rs`.
//!
//! # Who makes it
//!
//! A signal handler may have interrupted the allocator, the dynamic loader or this crate, and may
//! neither allocate nor lock. A thread that waits in each process for such a day would make
//! every program that forks one of several threads. So the report is made by a *copy of the
//! process*, which nothing can disturb and whose end disturbs nothing:
//!
//! 1. The thread that was asked passes the task on to one that waits in a lock of ours, if there is
//!    one: that one is certainly not inside the allocator (`conduct.rs`).
//! 2. It sends every thread a real-time signal. Its handler says where the thread's signal frame
//!    lies and what the thread's state is, and waits (`stop.rs`). So all threads stand still, and
//!    what is read of them was true at one moment.
//! 3. It makes the copy, by a plain `clone` without a signal at its end: the program's `waitpid`
//!    and its SIGCHLD handler do not see it. No fork handler runs. Then the threads go on.
//! 4. The copy has the memory of every thread as it was. It walks each stack by *going there*: it
//!    jumps into the thread's signal frame, and the unwinder leads from the frame to the
//!    interrupted code (`unwind.rs`). Then it allocates, names functions and writes (`copy.rs`,
//!    `read.rs`).
//! 5. The first process waits for the copy, with a limit. A copy that hangs was made while some
//!    thread held what it needs, such as the lock of the allocator. It is killed, and another one
//!    is made a moment later. If none succeeds, a text without symbols is written that needs no
//!    memory (`minimal.rs`).
//!
//! The alternative, to let a thread that waits in a lock of ours make the report in its handler,
//! needs no copy. But then the report reads memory that others change, and a report that hangs has
//! hung the program.

mod ask;
mod asked;
mod conduct;
mod copy;
mod minimal;
mod read;
mod stop;
mod unwind;
mod watcher;

pub(crate) use ask::forked;
pub(crate) use asked::install;
pub(crate) use watcher::wait_began;
