//! Loads a file in the background, waits for it, and asks whether anything is still being loaded.

use std::sync::mpsc;

use egui::Context;

fn main() {
    let context = Context::default();
    egui_extras::install_image_loaders(&context);
    let (loaded, wait) = mpsc::channel();
    context.set_request_repaint_callback(move |_| {
        let _ = loaded.send(());
    });
    let path = std::env::current_exe().expect("this program");
    let _ = context.try_load_bytes(&format!("file://{}", path.display()));
    wait.recv().expect("the loader asks for a repaint when it is done");
    assert!(!context.has_pending_images());
}
