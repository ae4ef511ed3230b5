//! Writes to a buffer, then submits: one thread, so that nothing can hang.

use wgpu::{
    Backends, BufferDescriptor, BufferUsages, CommandEncoderDescriptor, Instance, InstanceDescriptor,
};

fn main() {
    let mut descriptor = InstanceDescriptor { backends: Backends::NOOP, ..Default::default() };
    descriptor.backend_options.noop.enable = true;
    let instance = Instance::new(&descriptor);
    let adapter =
        pollster::block_on(instance.request_adapter(&Default::default())).expect("the one without a device");
    let (device, queue) = pollster::block_on(adapter.request_device(&Default::default())).expect("a device");
    let buffer = device.create_buffer(&BufferDescriptor {
        label: None,
        size: 16,
        usage: BufferUsages::COPY_DST | BufferUsages::COPY_SRC,
        mapped_at_creation: false,
    });
    queue.write_buffer(&buffer, 0, &[1; 16]);
    let encoder = device.create_command_encoder(&CommandEncoderDescriptor::default());
    queue.submit([encoder.finish()]);
}
