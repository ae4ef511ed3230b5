//! `LOCKDEP_SUSPECTS`: the classes whose locks are distinguished from the start, as if they lay on
//! a reported cycle, and whose stacks are recorded at each acquisition.
//!
//! A cycle of classes is a warning until the locks themselves close it, and the locks are
//! distinguished only from the report on. A second run that knows the suspects misses none of their
//! orders, and so settles the level.

use std::path::Path;

use lockdep_validator::{ClassHash, LockClassKey, Subclass};
use rustc_hash::FxHashSet;

use crate::runtime::system::input;

/// Classes by hash, of whichever nesting level.
#[derive(Debug, Default)]
pub(crate) struct Suspects(FxHashSet<ClassHash>);

impl Suspects {
    /// Reads the file: sixteen hexadecimal digits a line.
    ///
    /// # Errors
    ///
    /// One line for the person who runs the program: the file cannot be read, or one of its lines
    /// is not a hash.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let name = path.display();
        let text = input::read(path, input::MAX_BYTES).map_err(|error| {
            format!("cannot read LOCKDEP_SUSPECTS={name}: {error}; no class is suspected")
        })?;
        let mut hashes = FxHashSet::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            hashes.insert(ClassHash::parse(line).ok_or_else(|| {
                format!("LOCKDEP_SUSPECTS={name}: `{line}` is not the hash of a class; no class is suspected")
            })?);
        }
        Ok(Self(hashes))
    }

    /// Whether the class is among them, at any of its nesting levels: its locks are the same at all
    /// of them.
    pub(crate) fn contains(&self, key: &LockClassKey) -> bool {
        let mut levels = (0..Subclass::LIMIT).filter_map(Subclass::new);
        !self.0.is_empty()
            && levels.any(|subclass| self.0.contains(&LockClassKey { subclass, ..key.clone() }.hash()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_found_at_every_level_and_nonsense_is_named() {
        let folder = std::env::temp_dir().join(format!("lockdep-suspects-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let path = folder.join("suspects");
        let key = LockClassKey { line: 7, ..LockClassKey::default() };
        let nested = LockClassKey { subclass: Subclass::new(3).expect("below 8"), ..key.clone() };
        std::fs::write(&path, format!("{}\n\n", nested.hash())).expect("written");
        let suspects = Suspects::read(&path).expect("well formed");
        assert!(suspects.contains(&key) && !suspects.contains(&LockClassKey { line: 8, ..key }));
        std::fs::write(&path, "tokio\n").expect("written");
        let warning = Suspects::read(&path).expect_err("not a hash");
        assert!(warning.contains("`tokio`") && warning.contains("LOCKDEP_SUSPECTS"), "{warning}");
        std::fs::remove_dir_all(folder).expect("ours");
    }
}
