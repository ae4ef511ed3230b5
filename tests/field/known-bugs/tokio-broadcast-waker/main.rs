//! A waker that looks at the channel it was woken by.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake};

use tokio::sync::broadcast;

struct Looking(broadcast::Sender<u32>);

impl Wake for Looking {
    fn wake(self: Arc<Self>) {
        assert_eq!(self.0.receiver_count(), 1);
    }
}

fn main() {
    let (sender, mut receiver) = broadcast::channel(1);
    let waker = Arc::new(Looking(sender.clone())).into();
    let mut message = pin!(receiver.recv());
    assert!(message.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    sender.send(1).expect("a receiver exists");
}
