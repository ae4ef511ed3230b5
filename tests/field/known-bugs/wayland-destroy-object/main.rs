//! A client destroys an object, whose data asks the server something when it is dropped.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use wayland_backend::protocol::{Interface, Message, MessageDesc};
use wayland_backend::server::{Backend, ClientData, ClientId, Handle, ObjectData, ObjectId, WeakHandle};

static THING: Interface = Interface {
    name: "thing",
    version: 1,
    requests: &[MessageDesc {
        name: "destroy",
        signature: &[],
        since: 1,
        is_destructor: true,
        child_interface: None,
        arg_interfaces: &[],
    }],
    events: &[],
    c_ptr: None,
};

struct Quiet;

impl ClientData for Quiet {}

struct Asking(WeakHandle);

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(handle) = self.0.upgrade() {
            handle.with_all_clients(|_| ());
        }
    }
}

impl ObjectData<()> for Asking {
    fn request(
        self: Arc<Self>,
        _: &Handle,
        _: &mut (),
        _: ClientId,
        _: Message<ObjectId, OwnedFd>,
    ) -> Option<Arc<dyn ObjectData<()>>> {
        None
    }

    fn destroyed(self: Arc<Self>, _: &Handle, _: &mut (), _: ClientId, _: ObjectId) {}
}

fn main() {
    let mut backend = Backend::<()>::new().expect("a server without a socket");
    let mut handle = backend.handle();
    let (mut client, server) = UnixStream::pair().expect("two ends");
    let id = handle.insert_client(server, Arc::new(Quiet)).expect("it is open");
    let thing = handle
        .create_object(id, &THING, 1, Arc::new(Asking(handle.downgrade())))
        .expect("the client is there");
    // The request has a header only: the object, and the length with the number of the request.
    client.write_all(&thing.protocol_id().to_ne_bytes()).expect("it is open");
    client.write_all(&(8_u32 << 16).to_ne_bytes()).expect("it is open");
    assert_eq!(backend.dispatch_all_clients(&mut ()).expect("it reads"), 1);
}
