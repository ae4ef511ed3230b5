//! The observation points of the protocol, in the build that users get: every one of them is empty.
//!
//! The instrumented twin is `on.rs`. It can seed a [`Mutant`], park a thread at a [`Point`],
//! and record every step ([`Step`]) in the order in which the protocol makes it. `--cfg
//! vmalock_mutants` selects it, and the tests compile a copy of the crate with it.

pub(crate) mod mutant;
pub(crate) mod step;

use self::mutant::Mutant;
use self::step::{Point, Step};

#[inline(always)]
pub(crate) const fn seeded(_mutant: Mutant) -> bool {
    false
}

#[inline(always)]
pub(crate) const fn reached(_point: Point) {}

#[inline(always)]
pub(crate) const fn record(_step: Step) {}
