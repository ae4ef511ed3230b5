//! Loses a client whose data asks the server something when it is dropped.

use std::os::unix::net::UnixStream;
use std::sync::Arc;

use wayland_backend::server::{Backend, ClientData, WeakHandle};

struct Asking(WeakHandle);

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(handle) = self.0.upgrade() {
            handle.with_all_clients(|_| ());
        }
    }
}

impl ClientData for Asking {}

fn main() {
    let mut backend = Backend::<()>::new().expect("a server without a socket");
    let mut handle = backend.handle();
    let (client, server) = UnixStream::pair().expect("two ends");
    handle.insert_client(server, Arc::new(Asking(handle.downgrade()))).expect("it is open");
    drop(client);
    backend.dispatch_all_clients(&mut ()).expect("it notices that the client has gone");
}
