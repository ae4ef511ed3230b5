//! `LOCKDEP_ORDER`: the lock-order file, enforced as dependencies are seen. A dependency that
//! contradicts a declared order is LD0015 at its first sighting, whether or not the opposite was
//! ever seen.

use std::hash::Hasher as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use lockdep_report::lock_order::{LockOrder, label};
use lockdep_validator::{ClassId, Code, Detail, Evidence, Level, NewDependency, Validator, Violation, Wait};
use rustc_hash::{FxHashSet, FxHasher};

use crate::runtime::system::input;

/// The declared order of this process.
#[derive(Debug)]
pub(crate) struct DeclaredOrder {
    order: LockOrder,
    /// Pairs of classes that were reported. A leaf lock.
    reported: Mutex<FxHashSet<(ClassId, ClassId)>>,
}

impl DeclaredOrder {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// One line for the person who runs the program: the file cannot be read, or one of its lines
    /// is not understood.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let name = path.display();
        let text = input::read(path, input::MAX_BYTES).map_err(|error| {
            format!("cannot read LOCKDEP_ORDER={name}: {error}; no declared order is enforced")
        })?;
        let order = LockOrder::parse(&text)
            .map_err(|error| format!("LOCKDEP_ORDER={name}: {error}; no declared order is enforced"))?;
        Ok(Self { order, reported: Mutex::default() })
    }

    /// The violation that a new dependency is, if it contradicts the file and was not reported yet.
    pub(crate) fn judge(&self, validator: &Validator, new: &NewDependency) -> Option<Violation> {
        let (from, to) = (validator.class(new.from.class)?, validator.class(new.to.class)?);
        let (held, wanted) = (label(&from.key), label(&to.key));
        // A try does not wait: it may go against any order.
        if new.to.wait == Wait::Try || !self.order.forbids(&from.key, &to.key) {
            return None;
        }
        let is_first = self
            .reported
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert((new.from.class, new.to.class));
        is_first.then(|| Violation {
            code: Code::DeclaredOrder,
            level: Level::Error,
            fingerprint: fingerprint(&held, &wanted),
            task: new.task,
            subject: Some(new.to),
            conflict: Some(new.from),
            cycle: Vec::new(),
            held: vec![new.from],
            evidence: Evidence { declared: true, n_tasks: 1, ..Evidence::default() },
            detail: Detail::None,
        })
    }
}

fn fingerprint(held: &str, wanted: &str) -> u64 {
    let mut hasher = FxHasher::default();
    for part in [Code::DeclaredOrder.as_str(), held, wanted] {
        hasher.write(part.as_bytes());
        hasher.write_u8(0xff);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let error = DeclaredOrder::read(Path::new("/nonexistent/lockdep.order")).expect_err("nothing there");
        assert!(error.starts_with("cannot read LOCKDEP_ORDER=/nonexistent/lockdep.order"), "{error}");
    }
}
