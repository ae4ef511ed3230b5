//! Adds a loader to an asset server, then loads a folder with a file of its kind.

use std::path::{Path, PathBuf};

use bevy_asset::{AssetIo, AssetIoError, AssetLoader, AssetServer, BoxedFuture, LoadContext};
use bevy_tasks::TaskPool;

/// A folder `texts` with one file, which cannot be read.
struct OneFolder;

impl AssetIo for OneFolder {
    fn load_path<'a>(&'a self, path: &'a Path) -> BoxedFuture<'a, Result<Vec<u8>, AssetIoError>> {
        Box::pin(async move { Err(AssetIoError::NotFound(path.to_owned())) })
    }

    fn read_directory(&self, path: &Path) -> Result<Box<dyn Iterator<Item = PathBuf>>, AssetIoError> {
        Ok(Box::new(std::iter::once(path.join("greeting.txt"))))
    }

    fn is_directory(&self, path: &Path) -> bool {
        path == Path::new("texts")
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
    let server = AssetServer::new(OneFolder, TaskPool::new());
    server.add_loader(Texts);
    let handles = server.load_folder("texts").expect("it is a folder");
    assert_eq!(handles.len(), 1);
}
