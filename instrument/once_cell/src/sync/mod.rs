//! [`real_once_cell::sync`], validated.
//!
//! As with std's `OnceLock`, only an initialisation that has to run or to be waited for is an
//! acquisition: it is held exclusively, what it locks comes after it, and starting it again from
//! inside waits for itself. A full cell sends no event.

mod lazy;
mod once_cell;

pub use self::lazy::Lazy;
pub use self::once_cell::OnceCell;
