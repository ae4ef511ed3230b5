//! The runtime: validator, instrumented locks and façade, built once for each toolchain and target.

mod assemble;
mod packed;
mod parts;

use std::path::Path;

use crate::cargo::toolchain::Toolchain;
use crate::error::Result;

use parts::MANIFEST;

pub(crate) use packed::has_source;
pub(crate) use parts::Runtime;

/// The runtime in `base`, built now if it is not there.
///
/// # Errors
///
/// If the build fails; what was built until then is removed.
pub(crate) fn ready(base: &Path, toolchain: &Toolchain, target: &str, offline: bool) -> Result<Runtime> {
    let folder = base.join(format!("runtime-{}", Runtime::key(toolchain, target)));
    if !Runtime::is_whole(&folder) {
        assemble::assemble(&folder, toolchain, target, offline)?;
    }
    Runtime::load(&folder.join(MANIFEST))
}
