//! An embedder that records known acquisitions itself, beside one that sends every event.

use super::Bench;
use crate::base::event::Acquire;
use crate::base::mode::{Mode, Wait};
use crate::base::site::Site;
use crate::engine::{Manner, NoStacks, QuickHeld};
use crate::state::context::ContextAttributes;

/// What the embedder keeps of a known acquisition.
fn kept(event: &Acquire) -> QuickHeld {
    let manner = Manner::plain(event.mode, event.wait);
    QuickHeld { lock: event.lock, address: event.address, site: event.site, manner }
}

/// What is held, as the embedder reads it.
fn held(bench: &Bench) -> Vec<(QuickHeld, u64, bool)> {
    let held = bench.task.quick_held(usize::MAX).expect("no limit");
    held.map(|(held, chain, may_pop)| (held, chain.0, may_pop)).collect()
}

#[test]
fn catching_up_leaves_what_sending_every_event_does() {
    let mut bench = Bench::user();
    let names = [("A", 0x100), ("B", 0x200), ("C", 0x300), ("D", 0x400)];
    let events = names.map(|(name, address)| {
        let event = bench.event(name, Mode::Exclusive, Wait::Blocking);
        Acquire { address, ..event }
    });
    // Every order of two is known, and every way to hold three in the order of their names.
    for [first, second, third] in [[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]] {
        for event in [first, second, third] {
            bench.send(&events[event]);
        }
        for event in [third, second, first] {
            assert!(bench.task.release_newest(events[event].address));
        }
    }
    for stack in [&[0_usize, 1, 2][..], &[0, 1, 3], &[0], &[1, 2, 3], &[], &[0, 2, 3], &[0, 2]] {
        // The engine that gets each event at once: from the bottom.
        let now = bench.task.n_held();
        bench.task.catch_up(std::iter::empty());
        assert_eq!(bench.task.n_held(), 0, "{now} were held, all plain");
        let mut chain = bench.task.chain_on(0);
        let mut chains = Vec::new();
        for event in stack {
            chain = bench.validator.knows_chain(&bench.task, chain, &events[*event]).expect("known");
            chains.push(chain.0);
            assert!(bench.validator.acquire_known(&mut bench.task, &events[*event]));
        }
        let eager = held(&bench);
        assert_eq!(eager.iter().map(|(_, chain, _)| *chain).collect::<Vec<_>>(), chains);
        // The engine that gets them later, after something else.
        bench.task.catch_up([kept(&events[3])].into_iter());
        bench.task.catch_up(stack.iter().map(|event| kept(&events[*event])));
        assert_eq!(held(&bench), eager);
        assert_eq!(bench.task.chain_on(stack.len()), chain);
    }
    assert_eq!(bench.found(), []);
}

#[test]
fn what_must_be_looked_at_is_not_for_the_embedder_to_release() {
    let mut bench = Bench::user();
    let context = bench.validator.register_context("signal", ContextAttributes::default()).expect("room");
    let [a, b] = [("A", 0x100), ("B", 0x200)].map(|(name, address)| {
        let event = bench.event(name, Mode::Exclusive, Wait::Blocking);
        Acquire { address, ..event }
    });
    let may_pop = |bench: &Bench| held(bench).iter().map(|(.., may_pop)| *may_pop).collect::<Vec<_>>();
    bench.send(&a);
    assert_eq!(may_pop(&bench), [true]);
    let outside = bench.task.chain_on(1);
    bench.validator.context_enter(&mut bench.task, context, None);
    assert_ne!(bench.task.chain_on(1), outside, "a context begins a chain of its own");
    bench.send(&b);
    assert_eq!(may_pop(&bench), [false, true], "an interrupted context's lock is not the handler's");
    let inside = bench.task.chain_on(1);
    // Released and taken again by the embedder alone.
    bench.task.catch_up([kept(&a)].into_iter());
    assert_eq!((bench.task.n_held(), bench.task.chain_on(1)), (1, inside));
    bench.task.catch_up([kept(&a), kept(&b)].into_iter());
    assert_eq!(may_pop(&bench), [false, true]);
    bench.task.catch_up([kept(&a)].into_iter());
    let left = bench.validator.context_exit(&mut bench.task, context, Site(1), &NoStacks);
    bench.take(left);
    assert_eq!((may_pop(&bench), bench.task.chain_on(1)), (vec![true], outside));
    let (_, pinned) = bench.validator.pin(&mut bench.task, a.lock, Site(1));
    bench.take(pinned);
    assert_eq!(may_pop(&bench), [false], "pinned");
    assert_eq!(bench.found(), []);
}
