//! What advice says.
//!
//! A gate lock is never advised: serialising two orders behind a third lock is the repair that
//! makes new deadlocks.

use std::fmt;

use crate::advice::{Advice, General, Role, Scope, Spot, Way};

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::General { rule } => f.write_str(general(*rule)),
            Self::ReadRecursively { class } => {
                write!(
                    f,
                    "`read_recursive` on `{class}`, if the lock has it, never waits for a queued writer"
                )
            }
            Self::MaskContext { context, class } => write!(f, "mask `{context}` while `{class}` is held"),
            Self::AvoidInContext { context, class } => write!(
                f,
                "or do not acquire `{class}` inside `{context}`: hand the work to a thread, or use a try-lock there"
            ),
            Self::Remedy { sentence } | Self::Verbatim { sentence } => f.write_str(sentence),
            Self::FollowDeclared { wanted, held, since } => {
                write!(
                    f,
                    "acquire `{wanted}` before `{held}`, or release `{held}` (held since {since}) first"
                )
            }
            Self::ReleaseBeforeWait { class, at } => {
                write!(f, "drop the guard of `{class}` before the wait at {at}")
            }
            Self::DropGuard { made } => write!(
                f,
                "drop the guard acquired at {made} before this point, or pass it on instead of locking again"
            ),
            Self::OneOrder { .. }
            | Self::OwnKey { .. }
            | Self::KeyFirst { .. }
            | Self::SortEverywhere { .. }
            | Self::TakeBefore { .. }
            | Self::ChangeOther { .. }
            | Self::TryLock { .. } => about_order(self, f),
            Self::UnderCall { class, call, destructor: Some(destructor) } => write!(
                f,
                "the guard of `{class}` is alive during the call at {call}, where `{destructor}` comes back to the lock: \
                 move the value out under the guard, and drop it after the guard"
            ),
            Self::UnderCall { class, call, destructor: None } => write!(
                f,
                "the guard of `{class}` is alive during the call at {call}, which comes back to the lock: drop the guard \
                 before that call"
            ),
            Self::ForeignCall { .. } => foreign_call(self, f),
            Self::InInitialiser { class, cell, at } => write!(
                f,
                "the initialiser of `{cell}` runs at {at} under the guard of `{class}` and comes back to the lock: \
                 initialise it before the guard is made"
            ),
            Self::MacroOfBoth { .. }
            | Self::KeptGuard { .. }
            | Self::Temporary { .. }
            | Self::GetMut { .. } => from_source(self, f),
        }
    }
}

/// Advice about code that the one who calls it does not know.
fn foreign_call(advice: &Advice, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Advice::ForeignCall { class, call, out, callee, back, inside, destructor, role } = advice else {
        return Ok(());
    };
    let at = inside.as_ref().map_or_else(String::new, |inside| format!(" (at {inside})"));
    let callback = if *role == Some(Role::Callback) { "the callback " } else { "" };
    match call {
        None => write!(f, "{callback}`{callee}`{at} runs under the guard of `{class}`: it")?,
        Some(call) => write!(
            f,
            "the guard of `{class}` is alive during the call at {call}. There {callback}`{callee}`{at} runs: it"
        )?,
    }
    let through = destructor.as_ref().map_or_else(String::new, |drop| format!(", through `{drop}`"));
    write!(f, " is called at {out} and comes back to the lock at {back}{through}. {}", remedy(*role))
}

/// How to keep foreign code from coming back to the lock.
const fn remedy(role: Option<Role>) -> &'static str {
    match role {
        None | Some(Role::Callback) => {
            "Call it after the guard is dropped, or keep it from using what the lock protects."
        }
        Some(Role::Format) => {
            "Format the value before the guard is made, or keep `fmt` from taking the lock."
        }
        Some(Role::Key) => "Keep `Hash`, `Eq` and `Ord` of a key from taking locks.",
        Some(Role::Clone) => "Clone the value without the guard, or keep `clone` from taking the lock.",
        Some(Role::Iterator) => {
            "Collect the items before the guard is made, or keep `next` from taking the lock."
        }
        Some(Role::Serialization) => {
            "Serialise a copy after the guard is dropped, or keep `serialize` from taking the lock."
        }
        Some(Role::Wake) => "Take the wakers out under the guard, and wake them after it is dropped.",
        Some(Role::Future) => "Poll the future after the guard is dropped.",
    }
}

/// Advice about an order of locks.
fn about_order(advice: &Advice, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match advice {
        Advice::OneOrder { class } => write!(
            f,
            "give the locks of `{class}` one order, for example by address or by key, and sort before locking"
        ),
        Advice::OwnKey { class } => write!(f, "give each lock of `{class}` a key of its own"),
        Advice::KeyFirst { key } => {
            write!(f, "acquire the lock with key {key} first: sort by key before locking")
        }
        Advice::SortEverywhere { class } => {
            write!(f, "take the locks of `{class}` in one order everywhere, for example by address")
        }
        Advice::TakeBefore { first, second, at } => {
            write!(f, "take `{first}` before `{second}`, or release `{second}` first, at {at}")
        }
        Advice::ChangeOther { release, at } => {
            write!(f, "or, if that order is intended, release `{release}` first, at {at}")
        }
        Advice::TryLock { class, release, at: Some(at) } => {
            write!(f, "or take `{class}` with a try-lock at {at}, and release `{release}` when it fails")
        }
        Advice::TryLock { class, release, at: None } => {
            write!(f, "or take `{class}` with a try-lock there, and release `{release}` when it fails")
        }
        _ => Ok(()),
    }
}

/// Advice for which the source was read.
fn from_source(advice: &Advice, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match advice {
        Advice::MacroOfBoth { site } => write!(
            f,
            "both acquisitions come from the macro expanded at {site} (`cargo expand` shows it). The fix belongs in the \
             crate that defines the macro; check for a newer version."
        ),
        Advice::KeptGuard { variable, wrapper, given, again } => write!(
            f,
            "`{variable}`, which `{wrapper}` returned at {given}, is alive when `{wrapper}` is called again at {again}: \
             drop it before, or pass it on"
        ),
        Advice::GetMut { lock, place, method, receiver } => write!(
            f,
            "`{lock}.get_mut()` at {place} needs no lock, because `{method}` takes `{receiver}`: without the lock there \
             is no order"
        ),
        Advice::Temporary { class, made, scope: Scope::Head { keyword, line, edition } } => {
            let article = if keyword == "if let" { "an" } else { "a" };
            let until = until(keyword, *edition);
            write!(
                f,
                "the guard of `{class}` made at {made} is a temporary in the head of {article} `{keyword}` (line {line}) \
                 and lives {until}: put what you need of it into a `let` before it"
            )
        }
        Advice::Temporary { class, made, scope: Scope::Statement { wanted } } => write!(
            f,
            "the guard of `{class}` made at {made} is a temporary and lives to the end of its statement, in which \
             `{wanted}` is wanted too: put what you need of it into a `let` of its own, before"
        ),
        Advice::Temporary { class, made, scope: Scope::Tail { wanted } } => write!(
            f,
            "the guard of `{class}` made at {made} is a temporary in the last expression of its block. Before edition \
             2024 it outlives the block's variables, whose destructor wants `{wanted}`: bind the value with `let`, and \
             return that."
        ),
        _ => Ok(()),
    }
}

/// How long a temporary in a head lives.
fn until(keyword: &str, edition: Option<u16>) -> String {
    match (keyword, edition) {
        ("if let", Some(2024..)) => "to the end of its block (not of its `else`)".to_owned(),
        ("if let", Some(_)) => {
            "to the end of the whole `if let`, its `else` included, before edition 2024".to_owned()
        }
        ("if let", None) => {
            "to the end of the whole `if let` (before edition 2024 of its `else` too)".to_owned()
        }
        ("for", _) => "through the whole loop".to_owned(),
        (other, _) => format!("to the end of the whole `{other}`"),
    }
}

/// What a rule advises, whatever the locks.
#[expect(clippy::too_many_lines, reason = "one match with a sentence each")]
const fn general(rule: General) -> &'static str {
    use General as G;
    match rule {
        G::PassGuardOn => "pass the guard on instead of reading again, or drop it first",
        G::ReadRecursively => {
            "if the lock has `read_recursive`, take the inner read with it: it never waits for a queued writer"
        }
        G::LongerWaitFirst => {
            "take the lock that may wait longer first, or do the work after the other is released"
        }
        G::ConfigWaitType => "if the wait is bounded and intended, give the class the wait type `config`",
        G::ReleaseOnce => "release a lock once for each acquisition, through the handle that acquired it",
        G::HandOver => {
            "if another thread releases it on purpose, announce it with the hand-over event of the lock's `LockMap`"
        }
        G::GuardBeforeLock => {
            "let the guard go out of scope before the lock: do not `mem::forget` it, and do not keep it in an object that \
             outlives the lock"
        }
        G::ReleaseBeforeFree => "release the lock before the object that contains it is freed or reused",
        G::ReleaseBeforeAwait => "drop the guard before the `.await`, in a block of its own or with `drop`",
        G::SpawnFuture => "spawn the future as a task of its own, and await its handle in the `select!`",
        G::DropFuture => "or give the future to the `select!` by value, so that it is dropped when it loses",
        G::NoAwaitInHandler => {
            "or do not await the lock while the future exists: not in the handler of a branch, and not between its polls"
        }
        G::AwaitLock => {
            "or use a lock that is awaited (`tokio::sync::Mutex`), or do the work in `spawn_blocking`"
        }
        G::ReleaseBeforeExit => {
            "release the lock before its thread ends; a leaked guard (`mem::forget`) never does"
        }
        G::AcquireBefore => "acquire the lock before this point, or move the call to where it is held",
        G::AcquireExclusively => {
            "acquire the lock exclusively before this point; holding it for reading is not enough"
        }
        G::AcquireForReading => "acquire the lock for reading before this point, or downgrade it",
        G::ReleaseBefore => "release the lock before this point, or make the call before it is acquired",
        G::ReleaseAll => "release every lock before this point",
        G::AllowSleeping => "release what forbids sleeping before this point, or do not block here",
        G::MakeTrue => "make the assertion true before this point",
        G::NestFirst => "acquire the nest lock first and hold it for as long as the nested locks",
        G::PinWhileHeld => "pin a lock while it is held, and unpin it once, with the cookie that pinned it",
        G::UnpinFirst => "unpin the lock before it is released, and read what it protects again afterwards",
        G::KeepCalleeFromReleasing => {
            "or keep the callee from releasing it: pass the guard by reference, and what it needs as arguments"
        }
        G::OwnContext => {
            "acquire every lock of a transaction with its own acquire context. When an acquisition has to back off, release everything, \
             then take the contended lock first."
        }
        G::OneContextEach => {
            "open one context for each transaction, close its acquire phase once, and end it when every lock is released"
        }
        G::FollowDeclared => "follow the declared order, or change the lock-order file in review",
        G::OneOrderOfRing => {
            "acquire these locks in one order in every thread, or release the first before the second is acquired"
        }
        G::ChangeOrderFile => {
            "if the order is intended, change the line in the lock-order file, so that the change is reviewed"
        }
        G::KeepContextOut => "keep the context out while the lock is held",
        G::InitialiserAsks => {
            "keep the initialiser from asking for what it makes: compute it before, or pass what it needs as arguments"
        }
        G::InitialiserPath => "if it asks indirectly, the stack below shows the path",
        G::HeadOfMatch => {
            "a guard in the head of a `match`, `if let` or `while let` lives to the end of its body: bind the value first"
        }
        G::SplitFunction => {
            "if re-entry is intended, split the function into one that locks and one that expects the lock held"
        }
        G::Subclass => "if the two are always ordered, take the inner one with a subclass",
        G::ParentAndChild => {
            "if one is the parent of the other, take the inner one with a subclass, or under a nest lock"
        }
        G::TryAndRestart => {
            "if the thread can wait for only one of them, take the second with `try_lock`, and start again when it fails"
        }
        G::TryAsLockMany => {
            "if the thread can wait for only one of them, take the second with `try_lock`, and start again when it fails, as `lock_many` \
             does"
        }
        G::SortByAddress => "acquire the lock at the lower address first: sort by address before locking",
        G::OppositeOrder => "acquire the two in the opposite order",
        G::NameApart => {
            "if these are different locks by design, name them apart with `LockClassKey::named`. Where that is not \
             possible, `cargo lockdep test --settle` distinguishes them, and an exception records why they are."
        }
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = &self.at;
        match &self.way {
            Way::Itself => write!(f, "{at}"),
            Way::Through(way) => write!(f, "{at} (through {way})"),
            Way::CalledFrom(caller) => write!(f, "{at} (called from {caller})"),
            Way::CalledOnOnePath(caller) => write!(f, "{at} (called, on one path, from {caller})"),
        }
    }
}
