//! Adds a loader to an asset server, then loads a file of its kind.

use std::path::Path;

use bevy_asset::{AssetIo, AssetIoError, AssetLoader, AssetServer, BoxedFuture, LoadContext};
use bevy_tasks::TaskPool;

struct NoFiles;

impl AssetIo for NoFiles {
    fn load_path<'a>(&'a self, path: &'a Path) -> BoxedFuture<'a, Result<Vec<u8>, AssetIoError>> {
        Box::pin(async move { Err(AssetIoError::NotFound(path.to_owned())) })
    }

    fn read_directory(
        &self,
        path: &Path,
    ) -> Result<Box<dyn Iterator<Item = std::path::PathBuf>>, AssetIoError> {
        Err(AssetIoError::NotFound(path.to_owned()))
    }

    fn is_directory(&self, _: &Path) -> bool {
        false
    }

    fn watch_path_for_changes(&self, _: &Path) -> Result<(), AssetIoError> {
        Ok(())
    }

    fn watch_for_changes(&self) -> Result<(), AssetIoError> {
        Ok(())
    }
}

struct Texts;

impl AssetLoader for Texts {
    fn load<'a>(&'a self, _: &'a [u8], _: &'a mut LoadContext) -> BoxedFuture<'a, Result<(), anyhow::Error>> {
        Box::pin(async { Ok(()) })
    }

    fn extensions(&self) -> &[&str] {
        &["txt"]
    }
}

fn main() {
    let server = AssetServer::new(NoFiles, TaskPool::new());
    server.add_loader(Texts);
    let _handle = server.load_untyped("greeting.txt");
}
