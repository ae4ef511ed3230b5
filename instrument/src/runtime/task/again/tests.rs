//! The assembly does what the models of `hand_overs` test.

use std::mem::{MaybeUninit, offset_of};
use std::panic::Location;
use std::ptr;

use lockdep_validator::{LockId, TaskContext};

use super::{KNOWS_ALL, acquire_exclusive, acquire_shared, release};
use crate::lock::{CreationSite, KeyKind, KeyedSlot, LockInfo, Slot};
use crate::runtime::identity::known_class::{KnownClass, Token};
use crate::runtime::process::state::Epoch;
use crate::runtime::task::Task;
use crate::runtime::task::newest::{acquire_again, acquire_next, release_below, release_newest};
use crate::runtime::task::place::{NOT_STARTED, Place, SHARED, Sentinels};
use crate::runtime::task::pointer::Pointer;

const EPOCH: u64 = 0x8123_4567_89ab_cdef;
const N_PLACES: usize = 3;
const CLASS: u64 = 5 << LockId::INSTANCE_BITS;
static INFO: LockInfo = LockInfo::of::<u8>("mutex");

/// What a place says, the call included.
fn said(place: &Place) -> String {
    format!("{place:?}")
}

/// Runs `event` on a stack whose places `prepare` has filled; the word leads to the one at
/// `newest`. Returns what the event said, where the word leads to then, and what the places say.
fn run_on(
    newest: usize,
    prepare: impl FnOnce(&mut [Place; N_PLACES]),
    event: impl FnOnce() -> bool,
) -> String {
    let mut places = [const { Place::new(0, 0, ptr::null_mut()) }; N_PLACES];
    prepare(&mut places);
    let first = places.as_mut_ptr();
    let word = Pointer::of_this_thread();
    word.store(first.wrapping_add(newest));
    let is_done = event();
    let n_up = (word.load().addr() - first.addr()) / size_of::<Place>();
    word.store(Sentinels::place(NOT_STARTED));
    let said: Vec<_> = places.iter().map(said).collect();
    format!("{is_done} {n_up} {}", said.join(" "))
}

/// Runs `event` where the middle place knows the slot by `known`, at the slot's address or behind
/// it, and is held or not.
fn run(
    slot: &Slot,
    known: u64,
    (is_here, is_held): (bool, bool),
    is_release: bool,
    event: impl FnOnce() -> bool,
) -> String {
    let address = ptr::from_ref(slot).addr() + usize::from(!is_here) * 8;
    let prepare = |places: &mut [Place; N_PLACES]| {
        places[1] = Place::new(address, if is_held { address } else { 0 }, ptr::null_mut());
        places[1].known = known;
    };
    run_on(usize::from(is_release), prepare, event)
}

#[test]
fn the_assembly_does_what_the_models_test() {
    if !KNOWS_ALL {
        return;
    }
    let keyed = KeyedSlot::new(CreationSite::caller());
    let slot = &keyed.slot;
    let lock = slot.fill(LockId::from_raw(CLASS | 9).expect("a class"));
    let (call, address) = (Location::caller(), ptr::from_ref(slot).addr());
    let place_of_call = ptr::from_ref(call).addr();
    let epoch = Epoch::of(EPOCH);
    let exclusive = lock.raw() ^ EPOCH;
    let mut n_done = 0;
    for known in [exclusive, exclusive ^ SHARED, exclusive ^ 1, 0] {
        for state in [(true, true), (true, false), (false, true), (false, false)] {
            let asm = run(slot, known, state, false, || acquire_exclusive(&keyed, &INFO, call, epoch));
            let model = || acquire_again(exclusive, address, place_of_call);
            assert_eq!(asm, run(slot, known, state, false, model));
            n_done += usize::from(asm.starts_with("true 1"));
            let asm = run(slot, known, state, false, || acquire_shared(&keyed, &INFO, call, epoch));
            let model = || acquire_again(exclusive ^ SHARED, address, place_of_call);
            assert_eq!(asm, run(slot, known, state, false, model));
            n_done += usize::from(asm.starts_with("true 1"));
            let asm = run(slot, known, state, true, || release(slot));
            assert_eq!(asm, run(slot, known, state, true, || release_newest(address)));
            assert_eq!(asm.starts_with("true 0"), state == (true, true), "only a held lock is released");
        }
    }
    assert_eq!(n_done, 4, "each acquisition is known by its key, at its address");
}

/// Runs `event` on a lock of the site without an id, or with one if `is_used`, where the middle
/// place knows a class by `known` and the thread has `n_left` numbers left. Returns also which id
/// the lock has then, and which number is the next.
fn run_next(
    (known, token): (u64, Token),
    site: CreationSite,
    (is_used, n_left): (bool, u64),
    event: impl FnOnce(&KeyedSlot<CreationSite>) -> bool,
) -> String {
    let keyed = KeyedSlot::new(site);
    let class = KnownClass { token, word: CLASS };
    let mut task = Box::new(MaybeUninit::<Task>::zeroed());
    let context = task.as_mut_ptr().cast::<u8>().wrapping_add(offset_of!(Task, context));
    let next = context.wrapping_add(TaskContext::NEXT_NUMBER).cast::<u64>();
    // SAFETY: two words of the state, which no other code has.
    unsafe {
        *next = 64;
        *context.wrapping_add(TaskContext::END_OF_NUMBERS).cast::<u64>() = 64 + n_left;
    }
    if is_used {
        keyed.slot.fill(LockId::from_raw(CLASS | 9).expect("a class"));
    }
    let tagged = KnownClass::tagged(&raw const class);
    let task = task.as_mut_ptr();
    let prepare = |places: &mut [Place; N_PLACES]| {
        places[1] = Place::new(tagged, 0, task);
        places[1].known = known;
        places[2].known = 77;
    };
    let said = run_on(0, prepare, || event(&keyed));
    // Wherever these lie.
    let said = said.replace(&ptr::from_ref(&keyed).addr().to_string(), "the lock");
    let said = said.replace(&tagged.to_string(), "the class").replace(&format!("{task:?}"), "the state");
    // SAFETY: as above.
    format!("{said} {:?} {}", keyed.slot.id(), unsafe { *next })
}

#[test]
fn the_assembly_gives_a_lock_its_id_as_the_models_do() {
    if !KNOWS_ALL {
        return;
    }
    let (call, epoch, site) = (Location::caller(), Epoch::of(EPOCH), CreationSite::caller());
    let place_of_call = ptr::from_ref(call).addr();
    let token = Token::new(site.any(), &INFO);
    let tokens = [
        token,
        Token { key: token.key + 8, ..token },
        Token { type_name: token.type_name + 8, ..token },
        Token { kind: token.kind + 8, ..token },
    ];
    let mut done = Vec::new();
    for known in [EPOCH, EPOCH ^ SHARED, EPOCH ^ 1] {
        for known in tokens.map(|token| (known, token)) {
            for state in [(false, 1), (false, 0), (true, 1)] {
                for is_shared in [false, true] {
                    let key = if is_shared { EPOCH ^ SHARED } else { EPOCH };
                    let asm = run_next(known, site, state, |keyed| match is_shared {
                        false => acquire_exclusive(keyed, &INFO, call, epoch),
                        true => acquire_shared(keyed, &INFO, call, epoch),
                    });
                    let model = run_next(known, site, state, |keyed| {
                        // In the assembly, the key is that of the lock's word.
                        let key = key ^ keyed.slot.id().map_or(0, LockId::raw);
                        let fill = |word| LockId::from_raw(word).is_some_and(|id| keyed.slot.try_fill(id));
                        let address = ptr::from_ref(keyed).addr();
                        acquire_next(key, (address, place_of_call), |class| class.token == token, fill)
                    });
                    assert_eq!(asm, model);
                    if asm.starts_with("true 1") {
                        done.push((known, state, is_shared));
                    }
                }
            }
        }
    }
    // By its key, its class and its mode, while there are numbers.
    let (exclusive, shared) = ((EPOCH, token), (EPOCH ^ SHARED, token));
    assert_eq!(done, [(exclusive, (false, 1), false), (shared, (false, 1), true)]);
}

/// What the newest of two places says, as far as a step hand over hand asks.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Newest {
    lock: u64,
    manner: u64,
    /// The address, zero while the lock is being acquired or released, odd if its release has to be
    /// looked at.
    held: usize,
}

#[test]
fn the_assembly_goes_on_hand_over_hand_as_the_model_does() {
    if !KNOWS_ALL {
        return;
    }
    const FIRST_SIGHTING: u64 = 1 << 63;
    let slot = Slot::empty();
    let address = ptr::from_ref(&slot).addr();
    let right = Newest { lock: CLASS | 2, manner: 1 << 27, held: 64 };
    let newest = [
        right,
        Newest { lock: CLASS | 1, ..right },
        Newest { lock: (CLASS << 1) | 2, ..right },
        Newest { manner: 0, ..right },
        Newest { manner: right.manner | FIRST_SIGHTING, ..right },
        Newest { held: 0, ..right },
        Newest { held: 65, ..right },
    ];
    let mut done = Vec::new();
    for newest in newest {
        for below in [address, address | 1, address + 8, 0] {
            for first_sighting in [0, FIRST_SIGHTING] {
                let prepare = |places: &mut [Place; N_PLACES]| {
                    places[1] = Place::new(address, below, ptr::null_mut());
                    places[2] = Place::new(64, newest.held, ptr::null_mut());
                    (places[1].known, places[1].lock, places[1].chain) = (77, CLASS | 1, 7);
                    (places[2].known, places[2].lock, places[2].chain) = (78, newest.lock, 8);
                    (places[1].manner, places[2].manner) = (right.manner | first_sighting, newest.manner);
                };
                let asm = run_on(2, prepare, || release(&slot));
                assert_eq!(asm, run_on(2, prepare, || release_below(address)));
                if asm.starts_with("true 1") {
                    done.push((newest, below, first_sighting));
                }
            }
        }
    }
    assert_eq!(done, [(right, address, 0)], "another lock of the class, held alike");
}
