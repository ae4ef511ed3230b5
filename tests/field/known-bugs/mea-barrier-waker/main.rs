//! A waker that comes to the barrier it was woken by.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use mea::barrier::Barrier;

struct Returning(Arc<Barrier>);

impl Wake for Returning {
    fn wake(self: Arc<Self>) {
        let again = pin!(self.0.wait());
        assert!(again.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
}

fn main() {
    let barrier = Arc::new(Barrier::new(2));
    let waker = Arc::new(Returning(Arc::clone(&barrier))).into();
    let mut first = pin!(barrier.wait());
    assert!(first.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let second = pin!(barrier.wait());
    assert!(second.poll(&mut Context::from_waker(Waker::noop())).is_ready());
}
