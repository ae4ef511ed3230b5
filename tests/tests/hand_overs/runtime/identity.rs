//! The room of the same name of the runtime.

#[path = "../../../../instrument/src/runtime/identity/known_class.rs"]
pub(crate) mod known_class;
