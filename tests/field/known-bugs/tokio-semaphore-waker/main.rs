//! A waker that adds a permit to the semaphore when it is dropped, and is replaced by another one.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use tokio::sync::Semaphore;

struct Adding(Arc<Semaphore>);

impl Wake for Adding {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Adding {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

fn main() {
    let semaphore = Arc::new(Semaphore::new(0));
    let mut permit = pin!(semaphore.acquire());
    let waker = Arc::new(Adding(Arc::clone(&semaphore))).into();
    assert!(permit.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    assert!(permit.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
}
