//! Who made a lock, where the compiler only knows that the library did.
//!
//! `Arc::default`, `unwrap_or_default`, `or_default` and functions passed as values make locks in a
//! line of the library, the same for every caller. The stack at that moment knows better. It is
//! looked at only for such a line, and each address on it only once in the life of the process.

use std::panic::Location;
use std::sync::{Mutex, PoisonError};

use lockdep_report::place::Frame;
use rustc_hash::FxHashMap;

use crate::lock::{Caller, CreationSite};
use crate::runtime::identity::stack;

/// How far up the stack the caller is looked for.
const MAX_FRAMES: usize = 48;

/// Functions that stand between a lock and who made it, by the beginning of their names: ours and
/// those of the stand-ins.
const OURS: [&str; 6] =
    ["lockdep::", "<lockdep::", "lock_api::", "<lock_api::", "once_cell::", "<once_cell::"];

/// Whether nothing but the library, or this crate, has a line there.
pub(crate) fn is_hidden(file: &str) -> bool {
    // A lock that a crate makes on its own mostly has a relative path, which need not be searched.
    file.starts_with("/rustc/")
        || file.starts_with('/') && file.contains("/lib/rustlib/src/rust/library/")
        || is_own(file)
}

/// Whether the file is one of this crate's, as the compiler spells it. The stand-ins share its
/// sources.
fn is_own(file: &str) -> bool {
    file!().strip_suffix("runtime/identity/callers.rs").is_some_and(|own| file.starts_with(own))
}

/// The folder of this crate's sources as debug information spells it where `file!()` is relative.
///
/// With `debug = "line-tables-only"` the name of an inlined function has no path, so the file alone
/// shows whose it is.
const OWN_FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/");

fn is_own_frame(frame: &Frame) -> bool {
    is_own(&frame.file) || frame.file.starts_with(OWN_FOLDER)
}

/// What was found at each address of a stack.
#[derive(Debug, Default)]
pub(crate) struct Callers {
    /// A leaf lock.
    known: Mutex<FxHashMap<(usize, usize), Functions>>,
}

/// The functions at one address, several if some were inlined.
#[derive(Clone, Copy, Debug, Default)]
struct Functions {
    /// Whether one is ours.
    has_ours: bool,
    /// The innermost one, outside ours, that is not the library's.
    outside: Option<&'static Caller>,
}

impl Callers {
    /// The first caller of `site` outside the library; `site` itself if the stack does not show
    /// one.
    pub(crate) fn find(&self, site: CreationSite) -> CreationSite {
        let inside = site.location();
        let mut found = None;
        let mut n_frames = 0;
        // Below the first of ours are those that walk the stack.
        let mut has_ours = false;
        stack::trace(|ip| {
            let functions = self.at(ip, inside);
            has_ours |= functions.has_ours;
            found = functions.outside.filter(|_| has_ours);
            n_frames += 1;
            found.is_none() && n_frames < MAX_FRAMES
        });
        found.map_or(site, CreationSite::called_by)
    }

    fn at(&self, ip: usize, inside: &'static Location<'static>) -> Functions {
        let key = (ip, std::ptr::from_ref(inside).addr());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *known.entry(key).or_insert_with(|| functions(ip, inside))
    }
}

fn functions(ip: usize, inside: &'static Location<'static>) -> Functions {
    let frames = stack::resolve(ip);
    let is_ours =
        |frame: &Frame| OURS.iter().any(|start| frame.function.starts_with(start)) || is_own_frame(frame);
    let last_own = frames.iter().rposition(is_ours);
    let is_outside = |frame: &Frame| {
        !frame.file.is_empty() && frame.line > 0 && !is_hidden(&frame.file) && !is_own_frame(frame)
    };
    let outside = frames.into_iter().skip(last_own.map_or(0, |last| last + 1)).find(is_outside);
    // One for each place of the program that has the library make a lock.
    let leaked = outside.map(|frame| -> &'static Caller {
        Box::leak(Box::new(Caller { inside, file: frame.file, line: frame.line, column: frame.column }))
    });
    Functions { has_ours: last_own.is_some(), outside: leaked }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_library_and_of_this_crate_hide_the_caller() {
        assert!(is_hidden("/rustc/59807616e1fa/library/core/src/option.rs"));
        assert!(is_hidden("/opt/rust/lib/rustlib/src/rust/library/alloc/src/sync.rs"));
        assert!(is_hidden(file!()));
        assert!(!is_hidden("src/main.rs") && !is_hidden("/srv/project/src/lib.rs"));
    }
}
