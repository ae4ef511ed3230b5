//! Two widgets that overlap, with the debug option that marks those which another one covers.

use egui::{Context, Event, Id, PointerButton, Pos2, RawInput, Rect, Sense, Vec2};

fn main() {
    let context = Context::default();
    let mut style = (*context.style()).clone();
    style.debug.show_blocking_widget = true;
    context.set_style(style);
    let input = RawInput {
        screen_rect: Some(Rect::from_min_size(Pos2::ZERO, Vec2::splat(100.0))),
        events: vec![Event::PointerMoved(Pos2::new(20.0, 20.0))],
        ..Default::default()
    };
    let _ = PointerButton::Primary;
    for _ in 0..3 {
        let _ = context.run(input.clone(), |context| {
            egui::CentralPanel::default().show(context, |ui| {
                let rect = Rect::from_min_size(Pos2::new(10.0, 10.0), Vec2::splat(40.0));
                ui.interact(rect, Id::new("below"), Sense::click());
                ui.interact(rect, Id::new("above"), Sense::click());
            });
        });
    }
}
