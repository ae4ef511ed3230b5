//! Tasks: start, spawn, join, messages, end.

use super::chain::rechain;
use super::rare::keep_unsure;
use super::rules::Pass;
use super::{EventFindings, Outcome, StackSource, TaskContext, Validator};
use crate::base::acquisition::Acquisition;
use crate::base::event::{Acquire, AcquireFlags, OwnStack};
use crate::base::id::{ClassId, TaskId};
use crate::base::mode::Wait;
use crate::base::site::Site;
use crate::check::view::Wanted;
use crate::mutant::{self, Mutant};
use crate::state::acquired::{Acquired, Noted, When};
use crate::state::segment::Segment;

/// The [`moment`](TaskContext::moment) of a task that waits, and will not say when that ended.
const UNSEEN_END: u32 = u32::MAX;

impl Validator {
    /// What the task did so far is one stretch. What it acquires from now on is noted again.
    fn begin_segment(&self, task: &mut TaskContext) {
        self.end_unseen_wait(task);
        task.segment = task.segment.saturating_add(1);
        task.began = self.segments.clock();
        if let Some(acquired) = &mut task.acquired {
            acquired.look_at_all(self.segments.clock());
            task.look_again();
        }
    }

    /// Notes that the task wants this lock. `is_inside`: in an initialiser.
    pub(super) fn note_acquisition(
        &self,
        task: &mut TaskContext,
        acquire: &Acquire,
        class: ClassId,
        is_inside: bool,
    ) {
        self.end_unseen_wait(task);
        let when = self.when(task);
        let Some(acquired) = &mut task.acquired else { return };
        acquired.step(acquire.lock, when.clock);
        if !is_inside {
            acquired.note(&Wanted::new(acquire, class, None).acquisition, task.segment, when);
        }
    }

    /// Moves the clock on: returns what this moment is for the task.
    pub(super) fn when(&self, task: &TaskContext) -> When {
        When {
            clock: self.segments.tick(),
            moment: self.segments.moment(),
            waited: task.moment,
            idled: task.idled,
        }
    }

    /// Announces that the task yields or spins: it may look for what another task has done.
    pub fn idled(&self, task: &mut TaskContext) {
        task.idled = self.segments.clock();
    }

    /// Announces that a send of the task into a channel with a bound is over: its receiver may have
    /// made the room, and what that one did before came first.
    pub fn had_room(&self, task: &mut TaskContext) {
        if !mutant::is(Mutant::RoomOrdersNothing) {
            task.ordered = self.segments.tick();
        }
    }

    /// Announces that sends into channels with a bound are not looked at any more: from now on any
    /// wait may be ordered by one.
    pub fn room_unseen(&self) {
        self.segments.room_unseen();
    }

    /// Announces that the task is about to sleep. `is_long`: longer than one that looks for
    /// something again and again. If tasks sleep at one place more than once, they may do that.
    pub fn sleeps(&self, task: &mut TaskContext, site: Site, is_long: bool) {
        task.sleep = task.began..0;
        if !is_long || !self.segments.sleeps_first(site) {
            task.sleep = 0..0;
            self.idled(task);
        }
    }

    /// Announces that the task has slept.
    pub fn slept(&self, task: &mut TaskContext) {
        if task.sleep.start == 0 {
            self.idled(task);
        } else {
            task.sleep.end = self.segments.clock();
        }
    }

    /// Announces a new task, and what had run before it, if that is known ([`Validator::spawned`]).
    pub fn start_task(&self, id: TaskId, spawned_by: Option<Segment>) -> TaskContext {
        if let Some(parent) = spawned_by {
            self.segments.started(id, parent);
        }
        TaskContext::new(id)
    }

    /// Announces that the task is about to spawn another one, or to send it a message: returns the
    /// segment that ran before.
    pub fn spawned(&self, parent: &mut TaskContext) -> Segment {
        let segment = parent.segment();
        if self.config.evidence && parent.acquired.is_none() {
            // What it acquires from now on decides what may have been ordered unseen.
            parent.acquired = Some(Acquired::new(false, self.segments.clock()));
        }
        self.begin_segment(parent);
        segment
    }

    /// Announces that the task has joined another one.
    pub fn joined(&self, task: &mut TaskContext, child: TaskId) {
        self.begin_segment(task);
        task.ordered = self.segments.tick();
        self.segments.joined(task.segment(), child);
    }

    /// Announces that the task has received what another one sent at the end of `sent`.
    pub fn received(&self, task: &mut TaskContext, sent: Segment) {
        if mutant::is(Mutant::MessagesDoNotOrder) {
            return;
        }
        self.begin_segment(task);
        task.ordered = self.segments.tick();
        self.segments.received(task.segment(), sent);
    }

    /// Announces that a wait of the task has ended that other tasks may have ended, none knows
    /// which: what any task did before may have been ordered before what this one does now.
    pub fn wait_ended(&self, task: &mut TaskContext) {
        task.moment = self.segments.wait_ended();
    }

    /// Announces that the task is about to begin such a wait, whose end is not announced. It is
    /// over when the task does something that is looked at; until then it orders whatever any task
    /// did.
    pub fn wait_begins(&self, task: &mut TaskContext) {
        task.moment = UNSEEN_END;
    }

    /// The task does something, so a wait whose end was not announced is over.
    fn end_unseen_wait(&self, task: &mut TaskContext) {
        if task.moment == UNSEEN_END {
            self.wait_ended(task);
        }
    }

    /// Makes the task remember what it acquires, for [`Validator::waited_for_end`].
    ///
    /// A task of a `thread::scope` has to remember each class (`completely`), for
    /// [`Validator::joined_holding`]. Any other one may miss a lock that is nested in one of its
    /// own class and was validated by another task: it keeps the fast path.
    pub fn record_acquired(&self, task: &mut TaskContext, completely: bool) {
        task.acquired = Some(Acquired::new(completely, self.segments.clock()));
    }

    /// Does what [`Validator::record_acquired`] does, for a task that sends a message, unless it
    /// remembers already.
    pub fn note_acquired(&self, task: &mut TaskContext) {
        if task.acquired.is_none() {
            task.acquired = Some(Acquired::new(false, self.segments.clock()));
            task.look_again();
        }
    }

    /// Announces that an order between tasks was not seen: from now on none can be excluded.
    pub fn order_lost(&self) {
        self.segments.forget();
    }

    /// Returns what the task has acquired so far since [`Validator::record_acquired`].
    pub fn acquired<'a>(&self, task: &'a TaskContext) -> &'a [Noted] {
        task.acquired.as_ref().map_or(&[], Acquired::list)
    }

    /// Returns what the task acquired since [`Validator::record_acquired`], which is over.
    pub fn take_acquired(&self, task: &mut TaskContext) -> Vec<Noted> {
        task.acquired.take().map(Acquired::into_list).unwrap_or_default()
    }

    /// Announces that the task waits for a task that may need `acquired` (the end of a
    /// `thread::scope`): whatever the task holds *now* gets dependencies to them. Locks that it
    /// dropped inside the scope get none.
    pub fn joined_holding(
        &self,
        task: &mut TaskContext,
        acquired: &[Noted],
        site: Site,
        stacks: &dyn StackSource,
    ) -> Outcome {
        let mut all = EventFindings::default();
        if task.held.is_empty() || acquired.is_empty() {
            return Outcome::CLEAN;
        }
        let stack = stacks.capture();
        for Noted { acquisition: child, .. } in acquired {
            // What the parent holds itself, the children cannot have waited for: they got it.
            if child.wait == Wait::Try || task.position(child.lock).is_some() {
                continue;
            }
            let acquisition = Acquisition {
                site: if child.site == Site::UNKNOWN { site } else { child.site },
                stack: child.stack.or(stack),
                stack_exact: child.stack.is_none() || child.stack_exact,
                ..*child
            };
            let (flags, own_stack) = (AcquireFlags::SYNC, OwnStack::UNKNOWN);
            let wanted = Wanted { acquisition, flags, nest: None, is_first: false, own_stack };
            Pass::new(self, task, &wanted, true, &mut all).only_dependencies().run();
            keep_unsure(task, &mut all);
        }
        all.into()
    }

    /// Announces that the task ends. What it still holds is a violation (LD0009), one for all of
    /// it.
    pub fn thread_exit(&self, task: &mut TaskContext, _site: Site) -> Outcome {
        let mut findings = EventFindings::default();
        self.drop_movable(task, 0);
        if task.n_held() > 0 {
            self.report_held_at_end(task, 0, &mut findings);
        }
        task.clear();
        rechain(task, 0);
        findings.into()
    }
}
