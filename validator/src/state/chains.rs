//! The global set of validated chains.

use dashmap::{DashMap, Entry};
use rustc_hash::FxBuildHasher;

use crate::base::id::{ClassId, StackId, TaskId};
use crate::base::mix::mix;
use crate::base::site::Site;
use crate::base::sync::{AtomicU64, Ordering};

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
    looks: Looks,
}

/// Who saw a chain first, and how often it may be looked at again: an order that was seen only
/// where its object was new may be seen where others have it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Looks {
    /// The task of the first sighting.
    pub(crate) task: TaskId,
    /// Whether the last lock of the chain was never acquired before.
    pub(crate) is_of_new: bool,
    /// What is left to spend.
    pub(crate) n_left: u16,
}

impl Looks {
    /// None.
    pub(crate) const NONE: Self = Self { task: TaskId(0), is_of_new: false, n_left: 0 };
    /// What a chain has to spend.
    const ALL: u16 = 1024;
    /// How much of that is kept for others than the task of the first sighting.
    const OF_OTHERS: u16 = 512;
    /// What a look costs at an object that is acquired for the first time, which is slow anyway.
    const OF_NEW: u16 = 1;
    /// What a look costs when another task comes.
    const OF_OTHER: u16 = 4;
    /// What a look costs when the task of the first sighting comes again.
    const OF_OWN: u16 = 64;

    /// As many as a chain gets.
    pub(crate) const fn all(task: TaskId, is_of_new: bool) -> Self {
        Self { task, is_of_new, n_left: Self::ALL }
    }

    /// Whether a chain that was just looked at is to be looked at again by the same task.
    pub(crate) fn is_generous(&self) -> bool {
        self.is_of_new && self.n_left > Self::OF_OTHERS
    }

    /// What a look at the chain costs now; none if it would show nothing, or is no longer due.
    pub(crate) fn cost(&self, task: TaskId, is_first: bool) -> Option<u16> {
        match () {
            () if self.n_left == 0 => None,
            () if is_first => Some(Self::OF_NEW),
            () if task != self.task => Some(Self::OF_OTHER),
            () => self.is_generous().then_some(Self::OF_OWN),
        }
    }
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
    /// How often all were forgotten.
    n_clears: AtomicU64,
}

/// The state of the set before a chain is validated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Generation(u64);

impl Chains {
    /// The state of the set now. What is validated from here on may be inserted with it.
    pub(crate) fn generation(&self) -> Generation {
        // ORDERING: Acquire pairs with the Release in `clear`: the rules see what led to it.
        Generation(self.n_clears.load(Ordering::Acquire))
    }

    /// Whether the chain was validated.
    pub(crate) fn contains(&self, key: u64) -> bool {
        self.map.contains_key(&key)
    }

    /// How often the chain may be looked at again, if it was validated.
    pub(crate) fn looks(&self, key: u64) -> Option<Looks> {
        self.map.get(&key).map(|led| led.looks)
    }

    /// The chain was looked at again: it costs so much.
    pub(crate) fn spend(&self, key: u64, cost: u16) {
        self.map.alter(&key, |_, led| {
            let n_left = led.looks.n_left.saturating_sub(cost);
            Led { looks: Looks { n_left, ..led.looks }, ..led }
        });
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
            self.map.entry(key).or_insert(Led { stack, to, looks: Looks::NONE });
        }
    }

    /// Remembers a chain; the first stack stays. `false` if there was no room: the chain will be
    /// validated again each time. A chain that was validated before all were forgotten is left out:
    /// `since` is the state of the set before its validation.
    pub(crate) fn insert(
        &self,
        key: u64,
        (stack, to): (Option<StackId>, Site),
        looks: Looks,
        since: Generation,
    ) -> bool {
        if self.n_chains() >= MAX_CHAINS {
            return false;
        }
        if let Entry::Vacant(place) = self.map.entry(key) {
            // Under the lock of the chain's shard, which `clear` takes after it has counted: a task
            // that comes after it finds the new count.
            // ORDERING: Relaxed: that lock orders it.
            if self.n_clears.load(Ordering::Relaxed) == since.0 {
                place.insert(Led { stack, to, looks });
                // ORDERING: Relaxed: a statistic.
                self.n_chains.fetch_add(1, Ordering::Relaxed);
            }
        }
        true
    }

    /// Forgets every chain, and those that are just being validated; each is validated again when
    /// it is seen again.
    pub(crate) fn clear(&self) {
        // ORDERING: Release pairs with the Acquire in `generation`.
        self.n_clears.fetch_add(1, Ordering::Release);
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
