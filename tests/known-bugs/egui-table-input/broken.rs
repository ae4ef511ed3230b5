//! Draws a resizable table, without a window, and presses the mouse button over it.

use egui_extras::{Size, TableBuilder};

fn main() {
    let context = egui::Context::default();
    let position = egui::pos2(60.0, 60.0);
    let press = egui::Event::PointerButton {
        pos: position,
        button: egui::PointerButton::Primary,
        pressed: true,
        modifiers: egui::Modifiers::default(),
    };
    for events in [vec![egui::Event::PointerMoved(position)], vec![press]] {
        draw(&context, egui::RawInput { events, ..egui::RawInput::default() });
    }
}

fn draw(context: &egui::Context, input: egui::RawInput) {
    let _ = context.run(input, |context| {
        egui::CentralPanel::default().show(context, |ui| {
            let table = TableBuilder::new(ui).resizable(true);
            table.column(Size::initial(60.0)).column(Size::initial(60.0)).body(|body| {
                body.rows(18.0, 100, |index, mut row| {
                    for _ in 0..2 {
                        row.col(|ui| {
                            ui.label(index.to_string());
                        });
                    }
                });
            });
        });
    });
}
