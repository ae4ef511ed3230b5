//! Tasks and async locks of `tokio` 1, validated.
//!
//! Write `lockdep::tokio::spawn` and `lockdep::tokio::sync::Mutex` where tokio's were meant. The
//! runtime and the real locks are tokio's own. Lock orders are then checked by task, together with
//! the locks of threads that the same tasks take.
//!
//! ```
//! use lockdep::tokio::sync::Mutex;
//! use std::sync::Arc;
//!
//! # let runtime = tokio_1::runtime::Builder::new_current_thread().build().unwrap();
//! let jobs = Arc::new(Mutex::new(vec![1, 2, 3]));
//! runtime.block_on(async {
//!     let of_task = Arc::clone(&jobs);
//!     let task = lockdep::tokio::spawn(async move { of_task.lock().await.pop() });
//!     assert_eq!(task.await.unwrap(), Some(3));
//! });
//! ```
//!
//! Only what is awaited inside a task that [`spawn`], [`spawn_local`] or a
//! [`flow::Task`](crate::flow::Task) made is seen: wrap the future of `block_on` in a
//! [`flow::Task`](crate::flow::Task) too. The rest is counted as unseen.

pub mod sync;

use std::future::Future;

use tokio_1::task::JoinHandle;

use crate::flow::Task;

/// Does what `tokio::spawn` does, for a task whose locks are checked.
///
/// # Panics
///
/// As `tokio::spawn`: outside of a runtime.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    tokio_1::spawn(Task::new(future))
}

/// Does what `tokio::task::spawn_local` does, for a task whose locks are checked.
///
/// # Panics
///
/// As `tokio::task::spawn_local`: outside of a `LocalSet`.
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: 'static> + 'static,
{
    tokio_1::task::spawn_local(Task::new_local(future))
}
