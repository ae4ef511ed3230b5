//! What a process that hangs says when it is asked: the right root, the right places.
//!
//! Each program is asked by `LOCKDEP_HANG_AFTER`, which also shows that it hangs, or by a signal
//! once it is seen to hang. None of these tests measures time.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

#[path = "../../corpus/mod.rs"]
#[expect(dead_code, reason = "another test runs the programs with a verdict")]
mod corpus;
mod events;
mod locks;
mod outside;
mod running;
mod signals;
mod survives;
mod text;
