//! The trail of a task: its latest acquisitions, one by one, while each of them is looked at.
//!
//! Locks do not order what they protect, but a flag under a lock can. So whether something that the
//! engine does not see may have ordered two acquisitions depends on what else a task acquired
//! between them. The caches of a task forget that. After a spawn, a join or a message that is
//! looked at, a task fills no cache for some acquisitions, and keeps them here.

use crate::base::id::LockId;

/// So many acquisitions are looked at after each spawn, join or message that is looked at.
const N_LOOKED_AT: u32 = 32;
/// How many acquisitions are kept; of more, the latest.
const MAX_STEPS: usize = 128;

/// The latest acquisitions of a task. The default is complete and looks at nothing yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trail {
    steps: Vec<(LockId, u64)>,
    /// Every acquisition later than this moment of the clock is in `steps`.
    since: u64,
    n_left: u32,
}

impl Trail {
    /// Makes the next acquisitions be looked at. What came before stays if none was left out.
    pub(crate) fn begin(&mut self, now: u64) {
        if !self.is_open() {
            self.steps.clear();
            self.since = now;
        }
        self.n_left = N_LOOKED_AT;
    }

    /// Whether the next acquisition is to be looked at.
    pub(crate) const fn is_open(&self) -> bool {
        self.n_left > 0
    }

    /// The task wants this lock.
    pub(crate) fn step(&mut self, lock: LockId, clock: u64) {
        if !self.is_open() {
            return;
        }
        self.n_left -= 1;
        if self.steps.len() == MAX_STEPS {
            self.since = self.steps.remove(0).1;
        }
        self.steps.push((lock, clock));
    }

    /// An acquisition was not looked at.
    pub(crate) const fn cut(&mut self) {
        self.n_left = 0;
    }

    /// Returns every acquisition later than this moment, each with its own; `None` if some are not
    /// known.
    pub(crate) fn later_than(&self, clock: u64) -> Option<impl Iterator<Item = (LockId, u64)> + '_> {
        let is_complete = self.is_open() && self.since <= clock;
        is_complete.then(|| self.steps.iter().copied().filter(move |(_, at)| *at > clock))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::ClassId;

    fn lock(number: u64) -> LockId {
        LockId::new(ClassId::from_index(0).expect("small"), number)
    }

    fn later(trail: &Trail, clock: u64) -> Option<Vec<u64>> {
        trail.later_than(clock).map(|steps| steps.map(|(_, at)| at).collect())
    }

    #[test]
    fn a_trail_says_what_came_later_as_long_as_it_is_complete() {
        let mut trail = Trail::default();
        assert_eq!(later(&trail, 0), None, "nothing is looked at");
        trail.begin(10);
        trail.step(lock(1), 11);
        trail.step(lock(2), 13);
        assert_eq!(later(&trail, 11), Some(vec![13]));
        assert_eq!(later(&trail, 9), None, "before it began");
        trail.begin(20);
        assert_eq!(later(&trail, 11), Some(vec![13]), "it goes on");
        (0..N_LOOKED_AT).for_each(|n| trail.step(lock(3), 21 + u64::from(n)));
        assert_eq!(later(&trail, 21), None, "the next one is not looked at");
        trail.begin(90);
        assert_eq!(later(&trail, 21), None, "some were left out");
        assert_eq!(later(&trail, 90), Some(vec![]));
        trail.cut();
        assert_eq!(later(&trail, 90), None);
    }

    #[test]
    fn a_trail_is_bounded() {
        let mut trail = Trail::default();
        for n in 0..1_000 {
            trail.begin(0);
            trail.step(lock(1), n + 1);
        }
        assert_eq!(trail.steps.len(), MAX_STEPS);
        assert_eq!(later(&trail, 0), None);
        assert_eq!(later(&trail, 998), Some(vec![999, 1_000]));
    }
}
