//! Removes a global whose data asks the server something when it is dropped.

use std::sync::Arc;

use wayland_backend::protocol::ANONYMOUS_INTERFACE;
use wayland_backend::server::{
    Backend, ClientId, GlobalHandler, GlobalId, Handle, ObjectData, ObjectId, WeakHandle,
};

struct Asking(WeakHandle);

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(handle) = self.0.upgrade() {
            handle.with_all_clients(|_| ());
        }
    }
}

impl GlobalHandler<()> for Asking {
    fn bind(
        self: Arc<Self>,
        _: &Handle,
        _: &mut (),
        _: ClientId,
        _: GlobalId,
        _: ObjectId,
    ) -> Arc<dyn ObjectData<()>> {
        unreachable!("no client connects")
    }
}

fn main() {
    let backend = Backend::<()>::new().expect("a server without a socket");
    let handle = backend.handle();
    let global = handle.create_global(&ANONYMOUS_INTERFACE, 0, Arc::new(Asking(handle.downgrade())));
    handle.remove_global::<()>(global);
}
