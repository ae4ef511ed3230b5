//! What a broken rule of the locks does while validation is off: it warns, as the kernel's
//! `WARN_ON` does.
//!
//! A warning is counted, handed to the hook if one is set, and printed to stderr once for each kind
//! and place. It never panics, never blocks the program, and needs no validator: calling
//! [`vma_start_write`] without the mmap write lock warns in every configuration (Linux made its own
//! assertion unconditional in v6.9 for that reason).
//!
//! With the validator on, a broken rule is also a report of the validator, with the same place: a
//! failed assertion about what is held (LD0010), a release too many (LD0007), or, if the rule has
//! no code of its own, LD0010 with the sentence of the warning.
//!
//! [`vma_start_write`]: super::super::lock::vma_lock::vma_start_write
//!
//! ```
//! use vmalock::warn::{WarningKind, capture};
//! let mm = vmalock::MmRef::new();
//! // The raw sequence may be read only under the mmap *write* lock.
//! let (_, warnings) = capture(|| mm.raw_mm_seqnum());
//! assert_eq!(warnings[0].kind, WarningKind::MmapNotWriteLocked);
//! ```

use std::cell::RefCell;
use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::super::probe::step::Class;
use super::dep;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident => $text:literal,)*) => {
        /// Which rule was broken.
        #[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
        #[non_exhaustive]
        pub enum WarningKind { $($(#[doc = $doc])+ $name,)* }

        impl WarningKind {
            /// All kinds, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Returns what is wrong and what to do about it, as one line.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

kinds! {
    /// `mmap_assert_locked` failed.
    MmapNotLocked => "the mmap lock is not held: take it for reading or writing first",
    /// `mmap_assert_write_locked` failed.
    MmapNotWriteLocked => "the mmap lock is not held for writing by this task: take the mmap write lock first",
    /// `vma_assert_locked` failed.
    VmaNotLocked => "the VMA is neither read- nor write-locked: take its read lock, or call vma_start_write",
    /// `vma_assert_write_locked` failed.
    VmaNotWriteLocked => "the VMA is not write-locked: call vma_start_write under the mmap write lock",
    /// `vma_assert_attached` failed, or a lock was asserted on a detached VMA.
    VmaDetached => "the VMA is detached: it left its address space, look it up again",
    /// `vma_assert_detached` failed.
    VmaAttached => "the VMA is attached: detach it first",
    /// A detach ended with references left.
    VmaNotDetached => "the VMA still has references after it was detached: a thread put one too few, or attached it meanwhile",
    /// A write lock found its VMA detached although it was attached before.
    AttachReferenceLost => "the attach reference was dropped while the VMA was being write-locked: a read lock was released twice",
    /// The exclusion of readers was ended twice, or without having begun.
    ExcludeNotActive => "readers are not excluded: the exclusion was ended before, or never began",
    /// A reference count overflowed and is pinned.
    RefcountOverflow => "vm_refcnt overflowed and is pinned: readers were excluded twice, or a count leaks",
    /// A reference count went below 0 and is pinned.
    RefcountUnderflow => "vm_refcnt went below zero and is pinned: a reference was put twice",
    /// An iterator was used after the RCU section in which it walked had ended.
    IteratorStale => "the iterator belongs to an RCU section that ended: call set() on it first",
    /// A thread released the mmap lock without holding it.
    MmapLockUnbalanced => "the mmap lock is not held in this mode: it was released once too often",
    /// A task blocks on the mmap lock while it holds a VMA read lock of the same address space.
    MmapLockUnderVmaLock => "blocking on the mmap lock under a VMA read lock of the same address space can deadlock with a writer: use mmap_read_trylock, or drop the VMA lock first",
    /// An address space was used after its last reference.
    MmUsedAfterFree => "the address space was used after its last mmdrop: pin it with mmgrab first",
    /// A VMA was freed that is free already.
    VmaFreedTwice => "the VMA is free already: free it once, after it was detached and cleared from the tree",
    /// Two tasks changed the tree at once.
    TreeWriterRace => "two tasks changed the tree at once: change it under the mmap write lock only",
    /// The number of VMAs and the map count differ at exit.
    MapCountMismatch => "the number of VMAs in the tree differs from the map count: attach and detach VMAs together with their place in the tree",
    /// A writer has been waiting for the readers of one VMA for ten seconds. It waits on.
    WriterStalled => "a writer waits for readers of this VMA that do not leave: look for a read lock that is held across something slow, or leaked",
    /// An address space ended while one of its VMAs was read-locked.
    ReadLockLeaked => "a VMA read lock outlives its address space: drop the guard before the space, or look for a path on which it leaks",
    /// A VMA was used with a guard of another address space. Nothing was done.
    ForeignVma => "the VMA belongs to another address space than the guard: use a guard of its own",
    /// The tree names a VMA that is detached, or of another address space. It is passed over.
    TreeStale => "the tree names a VMA that left the address space: clear it from the tree in the section that detaches it",
    /// A task that may have to wait is in an RCU read section (`might_sleep`).
    BlockedInRcuSection => "waiting inside an RCU read section keeps others from ever seeing its end: leave the section first",
}

impl WarningKind {
    /// The class of lock that is announced to the validator; `None` if it finds out by itself, or
    /// if it is no defect of the program.
    const fn told_about(self) -> Option<Class> {
        match self {
            // The assertion reports itself, the release and the forbidden order are judged by the
            // validator, and a stall ends.
            Self::MmapNotLocked
            | Self::MmapNotWriteLocked
            | Self::VmaNotLocked
            | Self::VmaNotWriteLocked
            | Self::MmapLockUnbalanced
            | Self::MmapLockUnderVmaLock
            | Self::WriterStalled => None,
            Self::VmaDetached
            | Self::VmaAttached
            | Self::VmaNotDetached
            | Self::AttachReferenceLost
            | Self::ExcludeNotActive
            | Self::RefcountOverflow
            | Self::RefcountUnderflow
            | Self::VmaFreedTwice
            | Self::ForeignVma
            | Self::TreeStale
            | Self::ReadLockLeaked => Some(Class::VmLock),
            Self::IteratorStale
            | Self::MmUsedAfterFree
            | Self::TreeWriterRace
            | Self::BlockedInRcuSection
            | Self::MapCountMismatch => Some(Class::MmapLock),
        }
    }

    /// Whether the validator, if it is on, reports the first breach of this kind.
    fn is_reported(self) -> bool {
        match self {
            // No defect that a report is about: the wait may end.
            Self::WriterStalled => false,
            // A ring needs both halves. Until some VMA was write-locked, the validator knows one.
            Self::MmapLockUnderVmaLock => dep::is_order_known(),
            _ => true,
        }
    }

    /// What is wrong, and what to do about it.
    pub(crate) fn parts(self) -> (&'static str, &'static str) {
        self.text().split_once(": ").unwrap_or((self.text(), "see the documentation of vmalock"))
    }
}

/// One broken rule.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Warning {
    /// Which rule.
    pub kind: WarningKind,
    /// Address of the VMA or address space that it is about.
    pub subject: usize,
    /// The call that broke it. For what the end of a guard or of an address space finds out, which
    /// has no caller: where that was made.
    pub site: &'static Location<'static>,
    /// Who holds the VMA that is waited for, if that is known: in debug builds, and with the
    /// validator on.
    pub holder: Option<Holder>,
}

/// A thread that holds a VMA read lock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Holder {
    /// What the thread is called.
    pub thread: &'static str,
    /// Its number ([`Task::id`](super::task::Task::id)).
    pub task: u64,
    /// Where it took the lock.
    pub since: &'static Location<'static>,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "vmalock: {:?}: {} (object {:#x}, at {})",
            self.kind,
            self.kind.text(),
            self.subject,
            self.site
        )?;
        match self.holder {
            Some(Holder { thread, task, since }) => {
                write!(f, "; thread `{thread}` (task {task}) holds it since {since}")
            }
            None if self.kind == WarningKind::WriterStalled => {
                f.write_str("; a debug build, or a run with LOCKDEP=1, names the holder")
            }
            None => Ok(()),
        }
    }
}

/// What [`set_hook`] takes. It may be called with locks of the program held, and must not take the
/// warned ones.
pub type Hook = fn(&Warning);

static HOOK: Mutex<Option<Hook>> = Mutex::new(None);
static SAID: Mutex<Said> = Mutex::new(Said::nothing());
static N_WARNINGS: AtomicU64 = AtomicU64::new(0);

/// A program with more distinct broken places than this has made its point; the rest is counted
/// only, and it is said so.
const N_PRINTED_MAX: usize = 256;

std::thread_local! {
    static CAPTURED: RefCell<Option<Vec<Warning>>> = const { RefCell::new(None) };
}

/// Sets what is called for every warning, in addition to counting it; `None` restores printing.
///
/// With a hook nothing is printed. A hook that panics turns warnings into panics of the offending
/// call.
pub fn set_hook(hook: Option<Hook>) {
    *HOOK.lock().unwrap_or_else(PoisonError::into_inner) = hook;
}

/// Returns how many warnings there were since the start, captured ones included.
#[must_use]
pub fn n_warnings() -> u64 {
    // ORDERING: Relaxed; a statistic.
    N_WARNINGS.load(Ordering::Relaxed)
}

/// Runs `body` and returns the warnings that this thread raised in it; they are counted, but
/// neither printed nor handed to the hook.
pub fn capture<R>(body: impl FnOnce() -> R) -> (R, Vec<Warning>) {
    /// Gives the thread back what it captured before, also if the body panics.
    struct Outer(Option<Vec<Warning>>);

    impl Outer {
        fn restore(&mut self) -> Option<Vec<Warning>> {
            CAPTURED.with_borrow_mut(|captured| std::mem::replace(captured, self.0.take()))
        }
    }

    impl Drop for Outer {
        fn drop(&mut self) {
            self.restore();
        }
    }

    let mut outer = Outer(CAPTURED.with_borrow_mut(|captured| captured.replace(Vec::new())));
    let result = body();
    let inner = outer.restore();
    std::mem::forget(outer);
    (result, inner.unwrap_or_default())
}

/// Raises a warning about the object at address `subject` (`WARN_ON`).
#[cold]
#[track_caller]
pub(crate) fn warn_on(kind: WarningKind, subject: usize) {
    warn_at(kind, subject, Location::caller());
}

/// Raises a warning about a call at `site`.
#[cold]
pub(crate) fn warn_at(kind: WarningKind, subject: usize, site: &'static Location<'static>) {
    warn_held(kind, subject, site, None);
}

/// Raises a warning about a call at `site`, because of what `holder` holds.
#[cold]
pub(crate) fn warn_held(
    kind: WarningKind,
    subject: usize,
    site: &'static Location<'static>,
    holder: Option<Holder>,
) {
    if let Some(class) = kind.told_about() {
        let (message, remedy) = kind.parts();
        dep::report_broken(class, message, remedy, site);
    }
    let warning = Warning { kind, subject, site, holder };
    // ORDERING: Relaxed; a statistic.
    N_WARNINGS.fetch_add(1, Ordering::Relaxed);
    // A destroyed thread-local only means that the thread captures no more.
    let is_captured = CAPTURED
        .try_with(|captured| {
            captured.try_borrow_mut().ok().and_then(|mut list| list.as_mut().map(|list| list.push(warning)))
        })
        .is_ok_and(|pushed| pushed.is_some());
    if is_captured {
        return;
    }
    let hook = *HOOK.lock().unwrap_or_else(PoisonError::into_inner);
    match hook {
        Some(hook) => hook(&warning),
        None => print_once(&warning),
    }
}

/// Prints `warning` unless the same place was told before (`WARN_ON_ONCE`), by a report of the
/// validator's or here.
fn print_once(warning: &Warning) {
    let is_reported = dep::is_validating() && warning.kind.is_reported();
    let said = SAID.lock().unwrap_or_else(PoisonError::into_inner).about(warning, is_reported);
    use std::io::Write as _;
    // A closed stderr is no reason to stop the program: the warning stays counted.
    let _ = match said {
        Say::Nothing => Ok(()),
        Say::Warning => writeln!(std::io::stderr(), "{warning}"),
        Say::Silence => writeln!(
            std::io::stderr(),
            "vmalock: rules were broken at {N_PRINTED_MAX} places; further places are only counted (vmalock::warn::n_warnings)"
        ),
    };
}

/// What was told so far.
struct Said {
    /// Each place once.
    places: Vec<(WarningKind, &'static Location<'static>)>,
    /// What the validator reported: it tells each message once.
    reported: Vec<WarningKind>,
    n_printed: usize,
}

/// What to print.
#[derive(Debug, Eq, PartialEq)]
enum Say {
    Nothing,
    Warning,
    /// That nothing more will be printed.
    Silence,
}

impl Said {
    const fn nothing() -> Self {
        Self { places: Vec::new(), reported: Vec::new(), n_printed: 0 }
    }

    /// What to print for `warning`; `is_reported` if the validator tells the first of its kind.
    fn about(&mut self, warning: &Warning, is_reported: bool) -> Say {
        let place = (warning.kind, warning.site);
        if self.n_printed > N_PRINTED_MAX || self.places.contains(&place) {
            return Say::Nothing;
        }
        self.places.push(place);
        if is_reported && !self.reported.contains(&warning.kind) {
            self.reported.push(warning.kind);
            return Say::Nothing;
        }
        self.n_printed += 1;
        if self.n_printed > N_PRINTED_MAX { Say::Silence } else { Say::Warning }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_nest_and_keep_the_site() {
        let (inner, outer) = capture(|| {
            warn_on(WarningKind::MapCountMismatch, 1);
            capture(|| warn_on(WarningKind::VmaDetached, 2)).1
        });
        assert_eq!(outer.len(), 1);
        assert_eq!(inner[0].kind, WarningKind::VmaDetached);
        assert!(inner[0].site.file().ends_with("warn.rs"));
        assert!(inner[0].to_string().contains("look it up again"));
    }

    #[test]
    fn every_warning_says_what_is_wrong_and_what_to_do() {
        for kind in WarningKind::ALL {
            let (wrong, remedy) = kind.parts();
            assert!(!wrong.is_empty() && !remedy.is_empty() && wrong != kind.text(), "{kind:?}");
        }
    }

    #[track_caller]
    fn here() -> &'static Location<'static> {
        Location::caller()
    }

    fn warning(kind: WarningKind, site: &'static Location<'static>) -> Warning {
        Warning { kind, subject: 0, site, holder: None }
    }

    #[test]
    fn a_breach_is_told_once() {
        let [one, two] = [here(), here()].map(|site| warning(WarningKind::VmaFreedTwice, site));
        let mut said = Said::nothing();
        assert_eq!([said.about(&one, false), said.about(&one, false)], [Say::Warning, Say::Nothing]);
        // The validator reports the first place; of further ones it says nothing.
        let mut said = Said::nothing();
        assert_eq!([said.about(&one, true), said.about(&one, true)], [Say::Nothing, Say::Nothing]);
        assert_eq!([said.about(&two, true), said.about(&two, true)], [Say::Warning, Say::Nothing]);
    }

    #[test]
    fn the_silence_is_announced() {
        let sites =
            [here(), here(), here(), here(), here(), here(), here(), here(), here(), here(), here(), here()];
        let all = WarningKind::ALL.iter().flat_map(|kind| sites.map(|site| warning(*kind, site)));
        let mut said = Said::nothing();
        let told: Vec<Say> = all.map(|warning| said.about(&warning, false)).collect();
        assert!(told.len() > N_PRINTED_MAX + 1, "more places than are printed");
        let expected = |n| match n {
            0..N_PRINTED_MAX => Say::Warning,
            N_PRINTED_MAX => Say::Silence,
            _ => Say::Nothing,
        };
        assert!(told.into_iter().enumerate().all(|(n, say)| say == expected(n)));
    }

    #[test]
    fn a_warning_names_the_holder_or_says_how_to_learn_it() {
        let stalled = warning(WarningKind::WriterStalled, here());
        assert!(stalled.to_string().contains("LOCKDEP=1"));
        let held = Warning { holder: Some(Holder { thread: "reader", task: 7, since: here() }), ..stalled };
        assert!(held.to_string().contains("thread `reader` (task 7) holds it since"));
    }
}
