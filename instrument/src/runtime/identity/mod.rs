//! What names a thing in reports: the class of a lock, its place in the program, the stack of an
//! event.

pub(crate) mod callers;
pub(crate) mod classes;
pub(crate) mod known_class;
pub(crate) mod site;
pub(crate) mod stack;
