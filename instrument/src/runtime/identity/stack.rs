//! Stacks: captured as raw addresses when something new is seen, turned into names only when a
//! report is written.
//!
//! Lock order: `Stacks::table` and `Stacks::symbols` are leaves; neither is held while the other is
//! taken, and no code of the watched program runs under them.

use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use lockdep_report::place::Frame;
use lockdep_validator::{StackId, StackSource};
use rustc_hash::{FxBuildHasher, FxHashMap};

/// How many frames are kept: deep enough to leave any wrapper, small enough to be copied quickly.
const MAX_FRAMES: usize = 64;

/// Every stack seen so far, each once.
#[derive(Debug)]
pub(crate) struct Stacks {
    capture: bool,
    table: Mutex<Table>,
    symbols: Mutex<FxHashMap<usize, Vec<Frame>>>,
}

/// What came of an attempt to name a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Naming {
    /// It has a name now, and others may still need one.
    NamedOne,
    /// Every function has a name.
    Done,
    /// Another thread names functions.
    Busy,
}

#[derive(Debug, Default)]
struct Table {
    /// All frames of all stacks, one after the other.
    frames: Vec<usize>,
    /// INVARIANT: `ends[i]` is where stack number `i + 1` ends in `frames`; it begins where its
    /// predecessor ends.
    ends: Vec<u32>,
    /// From the hash of a stack to its number. Two stacks with one hash are both kept; the map
    /// knows the newer.
    known: FxHashMap<u64, NonZeroU32>,
}

impl Stacks {
    pub(crate) fn new(capture: bool) -> Self {
        Self { capture, table: Mutex::default(), symbols: Mutex::default() }
    }

    fn intern(&self, frames: &[usize]) -> Option<StackId> {
        use std::hash::BuildHasher as _;
        let hash = FxBuildHasher.hash_one(frames);
        self.table.lock().unwrap_or_else(PoisonError::into_inner).intern(hash, frames)
    }

    /// The frames of a stack, innermost first, inlined functions unfolded. Left out are the frames
    /// between the event and its capture, those of our own wrappers, and what polls a task.
    pub(crate) fn frames(&self, stack: StackId) -> Vec<Frame> {
        let mut frames = self.whole(stack);
        if let Some(task) = frames.iter().position(|frame| is_of(frame, &["flow::task"])) {
            frames.truncate(task);
        }
        frames.retain(|frame| !is_ours(frame));
        frames
    }

    fn addresses(&self, stack: StackId) -> Vec<usize> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).stack(stack.0).to_vec()
    }

    /// Names the functions of one more address of the stack, which later reports then need not do.
    /// Does not wait for a thread that names others.
    pub(crate) fn name_one(&self, stack: StackId) -> Naming {
        let addresses = self.addresses(stack);
        let Some(mut symbols) = self.try_symbols() else { return Naming::Busy };
        match addresses.into_iter().find(|address| !symbols.contains_key(address)) {
            None => Naming::Done,
            Some(address) => {
                symbols.insert(address, resolve(address));
                Naming::NamedOne
            }
        }
    }

    /// Whether all functions of the stack are named; false if that cannot be seen just now.
    pub(crate) fn is_named(&self, stack: StackId) -> bool {
        let addresses = self.addresses(stack);
        self.try_symbols()
            .is_some_and(|symbols| addresses.iter().all(|address| symbols.contains_key(address)))
    }

    fn try_symbols(&self) -> Option<MutexGuard<'_, FxHashMap<usize, Vec<Frame>>>> {
        match self.symbols.try_lock() {
            Ok(symbols) => Some(symbols),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// The same as [`frames`](Self::frames) with the frames of our own wrappers, and with what
    /// polls a task.
    pub(crate) fn whole(&self, stack: StackId) -> Vec<Frame> {
        let addresses = self.addresses(stack);
        let mut symbols = self.symbols.lock().unwrap_or_else(PoisonError::into_inner);
        let frames =
            addresses.iter().flat_map(|&ip| symbols.entry(ip).or_insert_with(|| resolve(ip)).clone());
        without_event(frames.collect())
    }
}

/// Whether a frame is a wrapper of ours in the middle of a stack: what an initialiser, a scope or a
/// callback runs in.
fn is_ours(frame: &Frame) -> bool {
    const MODULES: [&str; 7] = ["sync", "thread", "lock_api", "parking_lot", "many", "flow", "tokio"];
    is_of(frame, &MODULES)
}

/// Whether a frame belongs to one of these modules of this crate. Debug information may give a
/// function that was inlined no path; then its file decides.
fn is_of(frame: &Frame, modules: &[&str]) -> bool {
    // A program may implement its own traits for our types.
    let folder = file!().trim_end_matches("runtime/identity/stack.rs");
    let Some((_, file)) = frame.file.rsplit_once(folder) else { return false };
    let path = frame.function.trim_start_matches(['<', '&']);
    // Those of its types may have one all the same.
    let has_path = path.split('<').next().is_some_and(|path| path.contains("::"));
    modules.iter().any(|module| {
        let folder = module.replace("::", "/");
        let is_in_folder =
            || file.strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with(['/', '.']));
        match path.strip_prefix("lockdep::") {
            Some(path) => path.strip_prefix(module).is_some_and(|rest| rest.starts_with("::")),
            None => !has_path && is_in_folder(),
        }
    })
}

/// Drops everything inside the call of the hook: the validator, and the library functions that it
/// is made of.
fn without_event(mut frames: Vec<Frame>) -> Vec<Frame> {
    let is_event = |frame: &Frame| {
        ["lockdep::hook::", "lockdep::runtime::event::"].iter().any(|prefix| frame.function.contains(prefix))
            || is_of(frame, &["hook", "runtime::event"])
    };
    if let Some(last) = frames.iter().rposition(is_event) {
        frames.drain(..=last);
    }
    frames
}

impl StackSource for Stacks {
    fn capture(&self) -> Option<StackId> {
        if !self.capture {
            return None;
        }
        let mut frames = [0_usize; MAX_FRAMES];
        let mut n_frames = 0;
        trace(|ip| {
            frames[n_frames] = ip;
            n_frames += 1;
            n_frames < MAX_FRAMES
        });
        self.intern(&frames[..n_frames])
    }
}

impl Table {
    fn intern(&mut self, hash: u64, frames: &[usize]) -> Option<StackId> {
        if let Some(&known) = self.known.get(&hash)
            && self.stack(known) == frames
        {
            return Some(StackId(known));
        }
        // Both numbers are 32 bits wide; a program with 4 G frames of distinct stacks goes on
        // without new ones.
        let end = u32::try_from(self.frames.len() + frames.len()).ok()?;
        let number = u32::try_from(self.ends.len() + 1).ok().and_then(NonZeroU32::new)?;
        self.frames.extend_from_slice(frames);
        self.ends.push(end);
        self.known.insert(hash, number);
        Some(StackId(number))
    }

    fn stack(&self, number: NonZeroU32) -> &[usize] {
        let index = number.get() as usize - 1;
        let start = if index == 0 { 0 } else { self.ends.get(index - 1).map_or(0, |&end| end as usize) };
        let end = self.ends.get(index).map_or(start, |&end| end as usize);
        self.frames.get(start..end).unwrap_or_default()
    }
}

/// Walks the stack of the running thread, innermost frame first.
pub(crate) fn trace(mut visit: impl FnMut(usize) -> bool) {
    let on_frame = |frame: &backtrace::Frame| visit(frame.ip().addr());
    // `backtrace::trace` takes a lock of the whole process, which every first sighting of every
    // thread would queue for.
    // SAFETY: the unwinder behind it is safe to run on several threads at once everywhere but on
    // Windows, where dbghelp is not; there the locked version is used.
    #[cfg(not(windows))]
    unsafe {
        backtrace::trace_unsynchronized(on_frame);
    }
    #[cfg(windows)]
    backtrace::trace(on_frame);
}

/// The functions that one address belongs to: several if some were inlined.
pub(crate) fn resolve(ip: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    if !crate::runtime::system::memory::has_room_for_symbols() {
        frames.push(Frame { function: format!("{ip:#x}"), ..Frame::default() });
        return frames;
    }
    // An address on the stack is where the call returns to; one less lies inside the call.
    let inside = std::ptr::without_provenance_mut::<std::ffi::c_void>(ip.saturating_sub(1));
    backtrace::resolve(inside, |symbol| {
        let function = symbol.name().map_or_else(|| format!("{ip:#x}"), |name| format!("{name:#}"));
        let file = symbol.filename().map_or_else(String::new, |path| path.to_string_lossy().into_owned());
        let (line, column) = (symbol.lineno().unwrap_or(0), symbol.colno().unwrap_or(0));
        frames.push(Frame { function, file, line, column });
    });
    if frames.is_empty() {
        frames.push(Frame { function: format!("{ip:#x}"), ..Frame::default() });
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(never)]
    fn named_for_the_test(stacks: &Stacks) -> Option<StackId> {
        std::hint::black_box(stacks.capture())
    }

    #[test]
    fn a_captured_stack_names_its_functions() {
        let stacks = Stacks::new(true);
        let id = named_for_the_test(&stacks).expect("captured");
        let frames = stacks.frames(id);
        let own =
            frames.iter().find(|frame| frame.function.contains("named_for_the_test")).expect("our frame");
        assert!(own.file.ends_with("stack.rs") && own.line > 0, "{own:?}");
    }

    #[test]
    fn the_functions_of_a_stack_are_named_one_by_one() {
        let stacks = Stacks::new(true);
        let id = named_for_the_test(&stacks).expect("captured");
        assert!(!stacks.is_named(id));
        let busy = stacks.symbols.lock().expect("nothing panics");
        assert_eq!(stacks.name_one(id), Naming::Busy);
        drop(busy);
        let n_named = std::iter::from_fn(|| (stacks.name_one(id) == Naming::NamedOne).then_some(())).count();
        assert!(n_named > 1 && stacks.is_named(id), "{n_named}");
        assert_eq!(stacks.name_one(id), Naming::Done);
    }

    #[test]
    fn equal_stacks_share_a_number_and_different_ones_do_not() {
        let stacks = Stacks::new(true);
        let ids: Vec<_> = (0..2).map(|_| named_for_the_test(&stacks)).collect();
        assert_eq!(ids[0], ids[1]);
        let mut table = Table::default();
        let one = table.intern(7, &[1, 2]).expect("room");
        let collided = table.intern(7, &[3]).expect("room");
        assert_eq!((table.stack(one.0), table.stack(collided.0)), (&[1, 2][..], &[3][..]));
    }

    #[test]
    fn what_lies_inside_the_event_is_dropped() {
        let stack = [
            "core::panic::call_once",
            "lockdep::runtime::event::acquire",
            "lockdep::hook::lock_map::LockMap<K>::acquire",
            "user::f",
        ];
        let frames = stack.map(|function| Frame { function: function.into(), ..Frame::default() });
        assert_eq!(without_event(frames.to_vec()), frames[3..]);
        assert_eq!(without_event(frames[3..].to_vec()), frames[3..]);
    }

    #[test]
    fn what_was_inlined_without_a_path_is_known_by_its_file() {
        let folder = file!().trim_end_matches("runtime/identity/stack.rs");
        let frame =
            |function: &str, file: String| Frame { function: function.into(), file, ..Frame::default() };
        let event = frame("joined", format!("/x/{folder}runtime/event/spawn.rs"));
        let wrapper = frame("join", format!("/x/{folder}thread/join_handle.rs"));
        let program = frame("thread", "/x/src/thread/mod.rs".into());
        assert_eq!(without_event(vec![event, program.clone()]), std::slice::from_ref(&program));
        assert!(is_ours(&wrapper) && !is_ours(&program));
        assert!(!is_ours(&Frame { function: "user::join".into(), ..wrapper }));
    }

    #[test]
    fn nothing_is_captured_when_stacks_are_off() {
        assert_eq!(Stacks::new(false).capture(), None);
    }
}
