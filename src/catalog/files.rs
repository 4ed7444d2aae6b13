//! The folder of workflow files: read at start, and again whenever something in it changes; [`super::load`] does the rest.
//!
//! Limits: [`FILES_MAX`] files, each as large as the checker allows. Subfolders, test files and other extensions are
//! ignored.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Catalog;
use super::load::load;
use crate::base::id::Id;
use crate::store::StoreError;

/// The most files in a folder.
pub const FILES_MAX: usize = 10_000;
/// The suffix of test files, which are in the same folder and declare nothing.
pub const TEST_ENDING: &str = ".test.json";

/// Why a folder or a file in it can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error("the folder `{}` can't be read: {source}", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("the folder `{}` has more than {FILES_MAX} files", path.display())]
    TooMany { path: PathBuf },
    #[error("can't store the declarations of the files")]
    Store(#[from] StoreError),
}

/// A file: its text, or why it can't be read.
#[derive(Clone, Debug, PartialEq)]
pub struct FileText {
    pub name: String,
    pub text: Result<String, String>,
}

/// All files of a folder, by name.
pub type Files = Arc<[FileText]>;

/// Reads the JSON files of a folder, by name.
pub fn read_folder(path: &Path) -> Result<Vec<FileText>, FilesError> {
    let refuse = |source| FilesError::Folder { path: path.to_owned(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(path).map_err(refuse)? {
        let path = entry.map_err(refuse)?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let is_test = path.to_string_lossy().ends_with(TEST_ENDING);
        if path.extension().is_some_and(|extension| extension == "json") && path.is_file() && !hidden && !is_test {
            paths.push(path);
        }
    }
    if paths.len() > FILES_MAX {
        return Err(FilesError::TooMany { path: path.to_owned() });
    }
    paths.sort();
    Ok(paths.iter().map(|path| read_file(path)).collect())
}

/// Reads one file. The reason distinguishes a file that isn't UTF-8 from one that can't be read.
pub fn read_file(path: &Path) -> FileText {
    let text = std::fs::read(path).map_err(|error| format!("can't be read: {error}"));
    let text = text.and_then(|bytes| String::from_utf8(bytes).map_err(|error| format!("is not UTF-8: {error}")));
    FileText { name: path.display().to_string(), text }
}

/// Reads the folder on a thread of its own: thousands of files take a while, in which hooks and runs go on.
async fn read(folder: &Path) -> Result<Files, FilesError> {
    let folder = folder.to_owned();
    let files = tokio::task::spawn_blocking(move || read_folder(&folder)).await;
    Ok(files.map_err(|failure| StoreError::Panicked(failure.to_string()))??.into())
}

/// Reads the folder and loads it; what was read.
///
/// # Errors
/// If the folder can't be read or its content can't be stored.
pub async fn load_folder(folder: &Path, catalog: &Catalog, org: Id) -> Result<Files, FilesError> {
    let files = read(folder).await?;
    load(&files, catalog, org).await?;
    Ok(files)
}

/// Loads the folder if its files differ from `loaded`, which is then updated.
///
/// # Errors
/// If the folder can't be read or its content can't be stored. `loaded` is then unchanged, so that the next call tries
/// again.
pub async fn reload(folder: &Path, loaded: &mut Files, catalog: &Catalog, org: Id) -> Result<(), FilesError> {
    let files = read(folder).await?;
    if files == *loaded {
        return Ok(());
    }
    let present: HashSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
    for gone in loaded.iter().filter(|file| !present.contains(file.name.as_str())) {
        log::warn!(file = gone.name.as_str(); "the file is gone; its declarations stay in effect until they are deleted");
    }
    load(&files, catalog, org).await?;
    *loaded = files;
    Ok(())
}
