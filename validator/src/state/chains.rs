//! The global set of validated chains.

use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use rustc_hash::FxBuildHasher;

use crate::base::id::{ClassId, StackId};
use crate::base::mix::mix;
use crate::base::site::Site;

/// A program with more distinct chains than this has a class too many for each of its locks.
const MAX_CHAINS: u64 = 1 << 23;
/// Keeps the stacks of chains apart from the chains themselves.
const STACK_ONLY: u64 = 0x8422_2325_cbf2_9ce4;
/// Keeps the stacks of places apart from either.
const STACK_OF_SITE: u64 = 0x9ae1_6a3b_2f90_404f;

/// A stack and the place that it led to.
#[derive(Clone, Copy, Debug)]
struct Led {
    stack: Option<StackId>,
    to: Site,
}

/// Every chain that was validated, by key, with the stack of its first sighting.
///
/// A cache and no more: losing it costs time, never knowledge. A chain enters only *after* it was
/// validated (the kernel enters it before, which is right only because the kernel stops at its
/// first report).
#[derive(Debug, Default)]
pub(crate) struct Chains {
    map: DashMap<u64, Led, FxBuildHasher>,
    /// `DashMap::len` locks every shard.
    n_chains: AtomicU64,
}

impl Chains {
    /// Whether the chain was validated.
    pub(crate) fn contains(&self, key: u64) -> bool {
        self.map.contains_key(&key)
    }

    /// A stack that led to this place, where a lock of this class was acquired: that of the chain's
    /// first sighting if it was here, else that of the first chain that was new here. An unknown
    /// place has none.
    pub(crate) fn stack(&self, chain: u64, class: ClassId, site: Site) -> Option<StackId> {
        if site == Site(0) {
            return None;
        }
        let known = |key| self.map.get(&key).filter(|led| led.to == site).and_then(|led| led.stack);
        known(chain).or_else(|| known(chain ^ STACK_ONLY)).or_else(|| known(key_of_site(class, site)))
    }

    /// Remembers the stack of a chain that was validated in a context only: in a plain one it is
    /// still to be validated, because other usages are marked there.
    pub(crate) fn insert_stack(&self, chain: u64, stack: Option<StackId>, to: Site) {
        self.insert_led(chain ^ STACK_ONLY, stack, to);
    }

    /// Remembers a stack that led to a place; the first one stays.
    pub(crate) fn insert_stack_of_site(&self, class: ClassId, stack: Option<StackId>, to: Site) {
        self.insert_led(key_of_site(class, to), stack, to);
    }

    fn insert_led(&self, key: u64, stack: Option<StackId>, to: Site) {
        if stack.is_some() && to != Site(0) && self.n_chains() < MAX_CHAINS {
            self.map.entry(key).or_insert(Led { stack, to });
        }
    }

    /// Remembers a chain; the first stack stays. `false` if there was no room: the chain will be
    /// validated again each time.
    pub(crate) fn insert(&self, key: u64, stack: Option<StackId>, to: Site) -> bool {
        if self.n_chains() >= MAX_CHAINS {
            return false;
        }
        let mut is_new = false;
        self.map.entry(key).or_insert_with(|| {
            is_new = true;
            Led { stack, to }
        });
        if is_new {
            // ORDERING: Relaxed: a statistic.
            self.n_chains.fetch_add(1, Ordering::Relaxed);
        }
        true
    }

    /// Forgets every chain; each is validated anew when it is seen again.
    pub(crate) fn clear(&self) {
        self.map.clear();
        // ORDERING: Relaxed: a statistic, and a limit that need not be exact.
        self.n_chains.store(0, Ordering::Relaxed);
    }

    /// How many distinct chains were validated.
    pub(crate) fn n_chains(&self) -> u64 {
        // ORDERING: Relaxed: a statistic.
        self.n_chains.load(Ordering::Relaxed)
    }
}

fn key_of_site(class: ClassId, site: Site) -> u64 {
    mix(mix(STACK_OF_SITE, u64::from(class.raw())), site.0)
}
