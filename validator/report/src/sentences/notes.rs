//! What a note says.

use std::fmt;

use crate::names::thread_words;
use crate::note::{GateEffect, MovableEffect, Note, SeenWriter};
use lockdep_validator::Ordered;

impl fmt::Display for Note {
    #[expect(clippy::too_many_lines, reason = "one match with a sentence each")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fixed = match self {
            Self::OwnOrder => "the class has an order of its own, so no opposite acquisition is needed",
            Self::WaitEnds => "the wait has a timeout, so the thread does not block forever",
            Self::SameObjects => "the lock objects seen here close the cycle themselves",
            Self::Interchangeable => {
                "the locks of each class are interchangeable: declared so by name, or there was only one of them"
            }
            Self::OtherObjects => {
                "the lock objects seen so far do not close the cycle; other objects of the same classes could"
            }
            Self::PlacesOfOthers => {
                "the places of some of these lock objects were not recorded: those of other objects of the same classes \
                 are shown for them"
            }
            Self::Sibling => {
                "the two locks are at the same offset from each other in both orders, so they are probably fields of one \
                 struct"
            }
            Self::ApartWhenSeen => {
                "another lock kept the two sides apart in these observations, so they could not deadlock. It was not held \
                 every time these classes met."
            }
            Self::NeedsTimeout => {
                "the cycle needs an acquisition with a timeout: the threads block until it ends, not forever"
            }
            Self::NoWriterYet => {
                "no writer of this class was seen yet. The first one makes this an error, unless a lock that both hold \
                 keeps them apart."
            }
            Self::WriterSeen { writer } => {
                f.write_str("a writer of this class was seen")?;
                if let Some(SeenWriter { thread, place }) = writer {
                    let thread = thread_words(thread);
                    write!(f, " at {place}{}{thread}", if thread.is_empty() { "" } else { " in " })?;
                }
                ": a reader queues behind the writer, which waits for the first read"
            }
            Self::Movable { effect } => movable(*effect),
            Self::DroppedByOwner => {
                "the owner is dropping the lock, so no thread can be waiting now. Until this point, any thread that \
                 wanted it would have blocked forever."
            }
            Self::InterruptsHolder => {
                "the context may interrupt the thread that holds the end of the path below. It then waits for the lock \
                 at the start."
            }
            Self::TwoFutures => {
                "one task made both acquisitions. Their stacks do not show that one future of the task made them in \
                 turn. If two futures made them (`join!`, `select!`), one does not wait for the other, and this is no \
                 order. The level is lower for that reason."
            }
            Self::Beside => {
                "the task polls other futures beside this wait, and one of them may end it. The level is lower for that \
                 reason."
            }
            Self::RingStays => {
                "these threads wait for each other now. Each waits for what the next one does not give up before it \
                 goes on, so none of them goes on."
            }
            Self::RingOpens => {
                "a wait of the ring has a timeout: the threads block until it ends, not forever"
            }
            Self::DeclaredOrder => "the lock-order file decides, so no opposite acquisition is needed",
            Self::SeparateProcesses => {
                "each side was seen in a process of its own, with locks of its own. This deadlocks if one process runs \
                 both sides on the same locks."
            }
            Self::Ordered { by } => ordered(*by),
            Self::Gate { gate, with_writers, effect } => {
                let steps = if *with_writers { "waiting steps" } else { "dependencies" };
                let rest = so(*effect, "these locks cannot deadlock");
                return write!(f, "`{gate}` was held whenever two of the {steps} were observed, {rest}");
            }
            Self::GatedReads { gate, effect } => {
                let rest = so(*effect, "these locks cannot deadlock");
                return write!(
                    f,
                    "every writer of this class held `{gate}`, which is held around these reads, {rest}"
                );
            }
            Self::OnlyReaders { classes } => {
                let (these, rest) =
                    (classes.join("`, `"), "this deadlocks once a writer queues between them");
                return write!(f, "only readers of `{these}` were seen: {rest}");
            }
            Self::PathNotRecorded { class } => {
                return write!(
                    f,
                    "the path on which `{class}` was acquired was not recorded. lockdep records the path of the first \
                     acquisition under the same locks, and that was another one."
                );
            }
            Self::JustMade | Self::Owned { .. } | Self::Fresh { .. } => return out_of_reach(self, f),
            Self::OrderUnseen { class } => {
                return write!(
                    f,
                    "the other thread acquired `{class}` before this one did. No spawn, join or message of a std \
                     channel made it do so. lockdep does not see atomic flags and messages of other crates. If one of \
                     them guarantees that order, this cannot deadlock."
                );
            }
            Self::NothingOrders { class } => {
                return write!(
                    f,
                    "the other thread acquired `{class}` before this one had slept. Since then, this thread joined no \
                     thread, received nothing, acquired no other lock and never yielded. So the order was chance, \
                     and the next run can take the other one."
                );
            }
            Self::FillUnknown => {
                return write!(
                    f,
                    "the send waits only if the channel is full, and in this run that was not certain: no send was \
                     seen to wait there, or the channel has several senders, or the messages that were counted do not \
                     fill it. Another run, or a slower receiver, may fill it."
                );
            }
            Self::CycleCut { n_steps, n_left_out } => {
                return write!(
                    f,
                    "the cycle has {n_steps} dependencies; {n_left_out} in the middle are left out"
                );
            }
            Self::HeldCut { n_held, n_left_out } => {
                return write!(f, "{n_held} locks were held; {n_left_out} in the middle are left out");
            }
            Self::Verbatim { sentence } => sentence,
        };
        f.write_str(fixed)
    }
}

/// What follows from a lock that keeps two steps apart.
fn so(effect: GateEffect, these: &str) -> String {
    match effect {
        GateEffect::Safe => {
            "so they cannot overlap. This cannot deadlock while that remains true.".to_owned()
        }
        GateEffect::SafeForThese => format!(
            "so {these}. Other locks of the gate's class exist, and code that runs under those is not checked again."
        ),
        GateEffect::Unsaid => "so they cannot overlap".to_owned(),
    }
}

const fn ordered(by: Ordered) -> &'static str {
    match by {
        Ordered::Program => {
            "one thread ran both sides in turn. The level stays, because code that ran in turn can also run in parallel."
        }
        Ordered::Spawn => {
            "one side ran before the other side's thread was spawned. The level stays, because the next run may differ."
        }
        Ordered::Join => {
            "one side's thread was joined before the other side ran. The level stays, because the next run may differ."
        }
    }
}

/// The run or the source shows that no other thread can reach a lock.
fn out_of_reach(note: &Note, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match note {
        Note::Owned { method, receiver, lock, place, is_lowered } => {
            write!(
                f,
                "`{method}({receiver})` has `{lock}` to itself at {place}. No other thread can hold that lock or wait for \
                 it meanwhile, so the observed order cannot deadlock."
            )?;
            let why = " The level is `warning` for that reason, because other code may take these locks in the same order.";
            f.write_str(if *is_lowered { why } else { "" })
        }
        Note::Fresh { function, lock, place, is_lowered } => {
            write!(
                f,
                "`{function}` makes `{lock}` itself and has not returned it at {place}. Unless an earlier call passed it \
                 on, no other thread can hold it or wait for it, so the observed order cannot deadlock."
            )?;
            f.write_str(if *is_lowered { " The level is `warning` for that reason." } else { "" })
        }
        Note::JustMade => f.write_str(
            "one side took a lock that was just made and lay on the stack of the thread that took it. No other thread \
             could hold it, so the observed order cannot deadlock. The level rises once another thread is seen at that \
             lock, or the same order on a lock that others can reach.",
        ),
        _ => Ok(()),
    }
}

fn movable(effect: MovableEffect) -> &'static str {
    match effect {
        MovableEffect::OwnThread => {
            "the guard of this lock can be sent to another thread, which may hold it now. If none does, this acquisition \
             never returns."
        }
        MovableEffect::OneReader => {
            "the guard of the first read can be sent to another thread. This becomes an error once the thread that made \
             the read is seen to end it."
        }
        MovableEffect::OneWait => {
            "the guard of this lock can be sent to another thread, which may have dropped it before the wait"
        }
        MovableEffect::OneOrder => {
            "the guard of a held lock can be sent to another thread. This becomes an error once the thread that acquired \
             the lock is seen to release it."
        }
    }
}
