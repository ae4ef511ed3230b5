//! Async locks and the tasks that await them, for executors and locks that lockdep does not know.
//!
//! A [`Task`] wraps the future of a task. While it is polled, what is acquired belongs to the task
//! and not to the thread: the task keeps its locks while other tasks run on the thread, and takes
//! them along to the next thread. An [`AsyncMap`] sits in an async lock and announces who wants it
//! and who has it. Only locks that are awaited inside a [`Task`] are seen.
//!
//! ```
//! use lockdep::flow::{AsyncMap, Task};
//! use lockdep::hook::LockInfo;
//! use lockdep::Mode;
//! # struct Raw(async_stub::Mutex); mod async_stub { pub struct Mutex; impl Mutex { pub async fn lock(&self) {} pub fn try_lock(&self) -> Option<()> { Some(()) } } }
//!
//! struct MyLock { map: AsyncMap, raw: Raw }
//! struct MyGuard<'a> { _hold: lockdep::flow::AsyncHold<'a> }
//!
//! impl MyLock {
//!     const INFO: LockInfo = LockInfo::bare("MyLock");
//!
//!     #[track_caller]
//!     fn lock(&self) -> impl Future<Output = MyGuard<'_>> {
//!         let wanted = self.map.acquire(&Self::INFO, Mode::Exclusive, self.raw.0.lock(), || self.raw.0.try_lock());
//!         async { let (_hold, ()) = wanted.await; MyGuard { _hold } }
//!     }
//! }
//!
//! # fn run(future: impl Future<Output = ()>) { assert!(std::pin::pin!(future).poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready()) }
//! let lock = MyLock { map: AsyncMap::new(), raw: Raw(async_stub::Mutex) };
//! run(Task::new(async { let _guard = lock.lock().await; }));
//! ```

mod acquire;
mod announced;
mod async_map;
#[cfg(not(lockdep_disabled))]
#[doc(hidden)]
pub mod blocking;
mod hold;
#[cfg(not(lockdep_disabled))]
#[doc(hidden)]
pub mod overlay;
#[cfg(not(lockdep_disabled))]
#[doc(hidden)]
pub mod permit;
mod task;

pub use acquire::Acquire;
pub use async_map::AsyncMap;
pub use hold::{AsyncHold, OwnedAsyncHold};
pub use task::Task;
