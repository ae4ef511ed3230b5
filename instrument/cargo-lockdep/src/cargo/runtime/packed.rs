//! The sources of the runtime, as `build.rs` packed them.

use std::fs;
use std::path::Path;

use crate::error::{Context as _, Result};

include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// Changes whenever the runtime or the wrapper changes.
pub(crate) const SOURCES_HASH: u64 = HASH;

/// Whether this file is among the sources.
pub(crate) fn has_source(path: &str) -> bool {
    FILES.iter().any(|(packed, _)| *packed == path)
}

/// Writes all sources below `folder`.
///
/// # Errors
///
/// If the folder cannot be written.
pub(super) fn unpack(folder: &Path) -> Result<()> {
    for (path, text) in FILES {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).context(|| parent.display().to_string())?;
        }
        fs::write(&path, text).context(|| path.display().to_string())?;
    }
    for name in ["lockdep", "lockdep_report", "lockdep_validator"] {
        let path = folder.join(format!("alias_{name}.rs"));
        // Macros that are exported at the crate root come through the glob as well.
        let rest = if name == "lockdep" { TOKIO } else { "" };
        fs::write(&path, format!("#![no_std]\npub use lockdep_of_runtime::*;\n{rest}"))
            .context(|| path.display().to_string())?;
    }
    Ok(())
}

/// `lockdep::tokio` of a graph that asks for it: tokio's own tasks and locks, which the overlay
/// watches. The runtime has none, because it has no tokio.
const TOKIO: &str = "#[cfg(feature = \"tokio_1\")]
pub mod tokio {
    pub use tokio_1::spawn;
    pub use tokio_1::task::spawn_local;
    pub mod sync {
        pub use tokio_1::sync::{
            Mutex, MutexGuard, OwnedMutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError,
        };
    }
}
";
