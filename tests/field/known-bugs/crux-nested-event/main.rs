//! Processes an event whose handling makes another event.

use crux_core::compose::Compose;
use crux_core::macros::Effect;
use crux_core::render::Render;
use crux_core::{App, Core};

#[derive(Default)]
struct Chain;

enum Event {
    First,
    Second,
}

#[derive(Effect)]
struct Capabilities {
    render: Render<Event>,
    #[effect(skip)]
    compose: Compose<Event>,
}

impl App for Chain {
    type Event = Event;
    type Model = ();
    type ViewModel = ();
    type Capabilities = Capabilities;

    fn update(&self, event: Event, _: &mut (), capabilities: &Capabilities) {
        match event {
            Event::First => {
                capabilities.compose.spawn(|context| async move { context.update_app(Event::Second) });
            }
            Event::Second => capabilities.render.render(),
        }
    }

    fn view(&self, _: &()) {}
}

fn main() {
    let core: Core<Effect, Chain> = Core::new();
    assert_eq!(core.process_event(Event::First).len(), 1);
}
