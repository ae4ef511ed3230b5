//! What a built runtime consists of, and where its parts are.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::packed::SOURCES_HASH;
use crate::cargo::toolchain::Toolchain;
use crate::error::{Context as _, Result};

/// Where the parts of a built runtime are. Written last, so that its presence says the build was
/// complete.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Runtime {
    /// The crate that stands in for `std`.
    pub(crate) facade: PathBuf,
    /// The crate `lockdep`, for the substituted sources.
    pub(crate) lockdep: PathBuf,
    /// The crate `lockdep_report`.
    pub(crate) report: PathBuf,
    /// The crate `lockdep_validator`.
    pub(crate) validator: PathBuf,
    /// Where rustc finds what these depend on.
    pub(crate) search_paths: Vec<PathBuf>,
    /// The unpacked sources, from which `lock_api` is compiled again in each crate graph.
    pub(crate) sources: PathBuf,
}

/// The file inside a runtime's folder that holds its [`Runtime`].
pub(super) const MANIFEST: &str = "runtime.json";

impl Runtime {
    /// Sixteen hexadecimal digits that change with the toolchain, the target, and our own sources.
    pub(crate) fn key(toolchain: &Toolchain, target: &str) -> String {
        let mut hash = SOURCES_HASH;
        for byte in toolchain.verbose_version.bytes().chain([0]).chain(target.bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        format!("{hash:016x}")
    }

    /// Whether a runtime is in the folder with all its parts: it may have been moved, or restored
    /// from a cache in part.
    pub(super) fn is_whole(folder: &Path) -> bool {
        Self::load(&folder.join(MANIFEST)).is_ok_and(|runtime| {
            let mut files =
                [&runtime.facade, &runtime.lockdep, &runtime.report, &runtime.validator].into_iter();
            files.all(|file| file.is_file()) && runtime.sources.is_dir()
        })
    }

    /// Reads the manifest of a built runtime. Its paths start at its folder, wherever that is now.
    ///
    /// # Errors
    ///
    /// If the file is missing or not ours.
    pub(crate) fn load(manifest: &Path) -> Result<Self> {
        let text = fs::read_to_string(manifest).context(|| manifest.display().to_string())?;
        let mut runtime: Self = serde_json::from_str(&text)
            .context(|| format!("{} is damaged (remove its folder)", manifest.display()))?;
        let folder = manifest.parent().unwrap_or(Path::new(""));
        let Self { facade, lockdep, report, validator, search_paths, sources } = &mut runtime;
        for path in search_paths.iter_mut().chain([facade, lockdep, report, validator, sources]) {
            *path = folder.join(&path);
        }
        Ok(runtime)
    }

    /// The manifest that [`Self::load`] reads.
    pub(crate) fn manifest(base: &Path, toolchain: &Toolchain, target: &str) -> PathBuf {
        base.join(format!("runtime-{}", Self::key(toolchain, target))).join(MANIFEST)
    }

    /// The source file that makes a crate of the user's graph another name of ours.
    pub(crate) fn alias_source(&self, name: &str) -> PathBuf {
        self.sources.join(format!("alias_{name}.rs"))
    }

    /// What rustc and rustdoc need to see the façade as `std`.
    pub(crate) fn facade_flags(&self) -> Vec<String> {
        let mut flags = vec!["--extern".to_owned(), format!("std={}", self.facade.display())];
        flags.extend(self.search_flags());
        flags
    }

    /// Where rustc finds the dependencies of our crates.
    pub(crate) fn search_flags(&self) -> impl Iterator<Item = String> {
        self.search_paths.iter().map(|path| format!("-Ldependency={}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_whole_wherever_it_was_moved_and_not_without_a_part() {
        let base = std::env::temp_dir().join(format!("lockdep-runtime-{}", std::process::id()));
        let [built, moved] = ["built", "moved"].map(|name| base.join(name));
        for folder in ["lib", "sources"] {
            fs::create_dir_all(built.join(folder)).expect("a temporary directory");
        }
        let part = |name: &str| PathBuf::from("lib").join(name);
        let runtime = Runtime {
            facade: part("libstd.rlib"),
            lockdep: part("liblockdep.rlib"),
            report: part("liblockdep_report.rlib"),
            validator: part("liblockdep_validator.rlib"),
            search_paths: vec!["lib".into()],
            sources: "sources".into(),
        };
        for file in [&runtime.facade, &runtime.lockdep, &runtime.report, &runtime.validator] {
            fs::write(built.join(file), "").expect("written");
        }
        assert!(!Runtime::is_whole(&built), "the manifest comes last");
        let text = serde_json::to_string(&runtime).expect("it is JSON");
        fs::write(built.join(MANIFEST), text).expect("written");
        assert!(Runtime::is_whole(&built));
        fs::rename(&built, &moved).expect("moved");
        assert!(Runtime::is_whole(&moved));
        let loaded = Runtime::load(&moved.join(MANIFEST)).expect("it is ours");
        assert_eq!(loaded.facade, moved.join("lib/libstd.rlib"));
        assert_eq!(
            loaded.search_flags().collect::<Vec<_>>(),
            [format!("-Ldependency={}", moved.join("lib").display())]
        );
        fs::remove_file(&loaded.lockdep).expect("there");
        assert!(!Runtime::is_whole(&moved), "restored in part");
        fs::remove_dir_all(base).expect("ours");
    }
}
