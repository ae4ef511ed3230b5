//! `cargo metadata`: which packages there are, where they lie, and what depends on what.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::cargo::toolchain::Toolchain;
use crate::error::{Context as _, Error, Result};

/// One question to cargo.
#[derive(Debug)]
pub(crate) struct MetadataCall<'a> {
    pub(crate) directory: &'a Path,
    /// What the user gave with `--manifest-path`.
    pub(crate) manifest_path: Option<&'a Path>,
    /// `None`: the packages of the workspace alone, which needs no network.
    pub(crate) graph: Option<Graph>,
}

/// The packages of the whole crate graph on this machine are wanted, which cargo fetches for that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Graph {
    pub(crate) is_offline: bool,
}

/// Cargo's answer, as far as we need it.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) target_directory: PathBuf,
    pub(crate) workspace_root: PathBuf,
    #[serde(default)]
    pub(crate) packages: Vec<Package>,
    #[serde(default)]
    resolve: Option<Resolve>,
}

/// A package.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) manifest_path: PathBuf,
    #[serde(default)]
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    path: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
    root: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<NodeDependency>,
}

#[derive(Debug, Deserialize)]
struct NodeDependency {
    pkg: String,
}

impl MetadataCall<'_> {
    /// Asks cargo, which says on stderr why it fails.
    ///
    /// # Errors
    ///
    /// If it does, or its answer cannot be read.
    pub(crate) fn read(&self, toolchain: &Toolchain) -> Result<Metadata> {
        let output = self
            .command(toolchain)
            .stderr(Stdio::inherit())
            .output()
            .context(|| toolchain.cargo.display().to_string())?;
        if !output.status.success() {
            // Cargo's own message is on stderr already, and it is the better one.
            return Err(Error::already_printed(crate::exit::USAGE));
        }
        serde_json::from_slice(&output.stdout).context(|| "cargo metadata".to_owned())
    }

    /// What cargo says if it fails; `None` if it succeeds, or does not start.
    pub(crate) fn complaint(&self, toolchain: &Toolchain) -> Option<String> {
        let output = self.command(toolchain).output().ok()?;
        (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn command(&self, toolchain: &Toolchain) -> Command {
        let mut cargo = toolchain.cargo_command();
        cargo.args(["metadata", "--format-version", "1"]).current_dir(self.directory).stdin(Stdio::null());
        match self.graph {
            None => _ = cargo.arg("--no-deps"),
            Some(graph) => {
                cargo.args(["--filter-platform", &toolchain.host]);
                if graph.is_offline {
                    cargo.arg("--offline");
                }
            }
        }
        if let Some(path) = self.manifest_path {
            cargo.arg("--manifest-path").arg(path);
        }
        cargo
    }
}

impl Metadata {
    /// The workspace, its packages, and what they depend on by path.
    pub(crate) fn directories(&self) -> Vec<PathBuf> {
        let packages = self.packages.iter();
        let own = packages.clone().filter_map(|package| package.manifest_path.parent());
        let others = packages.flat_map(|package| &package.dependencies).filter_map(|one| one.path.as_deref());
        let mut all = vec![self.workspace_root.clone()];
        for directory in own.chain(others) {
            if !all.iter().any(|known| directory.starts_with(known)) {
                all.push(directory.to_owned());
            }
        }
        all
    }

    /// The package called `name` that the root of the graph depends on first: another version of it
    /// may be among the dependencies.
    pub(crate) fn dependency_of_root(self, name: &str) -> Option<Package> {
        let resolve = self.resolve?;
        let root = resolve.root.unwrap_or_default();
        let root = resolve.nodes.into_iter().find(|node| node.id == root)?;
        let wanted = root.deps.into_iter().next()?.pkg;
        self.packages.into_iter().find(|package| package.name == name && wanted.contains(&package.version))
    }
}
