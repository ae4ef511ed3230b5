//! The room of the same name of the runtime, with stand-ins for what the hand-overs are made of.

#[path = "../../../../instrument/src/runtime/task/access.rs"]
#[expect(dead_code, reason = "the models use a part of it")]
pub(crate) mod access;
#[path = "../../../../instrument/src/runtime/task/deferred/mod.rs"]
#[expect(dead_code, reason = "the models use a part of it")]
pub(crate) mod deferred;
#[path = "../../../../instrument/src/runtime/task/entered.rs"]
pub(crate) mod entered;

pub(crate) use super::memory::{Task, pointer, sync};
