//! The room of the same name of the runtime, with stand-ins for what the hand-overs are made of.

#[path = "../../../../instrument/src/runtime/task/access.rs"]
#[expect(dead_code, reason = "the models use a part of it")]
pub(crate) mod access;
#[path = "../../../../instrument/src/runtime/task/deferred/mod.rs"]
#[expect(dead_code, reason = "the models use a part of it")]
pub(crate) mod deferred;
#[path = "../../../../instrument/src/runtime/task/entered.rs"]
pub(crate) mod entered;
#[path = "../../../../instrument/src/runtime/task/newest.rs"]
#[expect(dead_code, reason = "the models use a part of it")]
pub(crate) mod newest;
#[path = "../../../../instrument/src/runtime/task/place.rs"]
#[expect(dead_code, reason = "the models use a part of it")]
pub(crate) mod place;
pub(crate) mod pointer;
pub(crate) mod stack;

pub(crate) use super::memory::sync;
pub(crate) use stack::Task;
