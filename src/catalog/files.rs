//! The folder of workflow files: loaded at start, and again whenever something in it changes.
//!
//! All `*.json` files of the folder are checked together, because one may use klasses and hooks that another declares.
//! A file without errors is put in force in one commit. A file with errors is reported, and what it declared before stays
//! in force. So does what was declared by a file that is gone: taking hooks away because of a mistyped folder name would
//! cost orders. A file that says what it said when it was last loaded is left alone, even if what it declares was changed
//! or deleted over HTTP since: the later change wins.
//!
//! Limits: [`FILES_MAX`] files, each as large as the checker takes. Subfolders, test files and other endings are
//! ignored.

use std::path::{Path, PathBuf};

use super::Catalog;
use super::save::{Saved, save_hook, save_klass, save_workflow_file};
use super::schedules;
use crate::base::id::Id;
use crate::store::StoreError;
use crate::workflow::{Bundle, Diagnostic, Known, Severity, Source, check};

/// How many files a folder may hold.
pub const FILES_MAX: usize = 10_000;
/// How the names of test files end, which stand beside workflows and are none.
pub const TEST_ENDING: &str = ".test.json";

/// Why a folder or a file in it can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error("the folder `{}` can't be read: {source}", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("the folder `{}` holds more than {FILES_MAX} files", path.display())]
    TooMany { path: PathBuf },
    #[error("what the files declare could not be stored")]
    Store(#[from] StoreError),
}

/// A file as it was read; unreadable ones have the reason instead of the text.
#[derive(Clone, Debug, PartialEq)]
pub struct FileText {
    pub name: String,
    pub text: Result<String, String>,
}

/// What loading a folder did.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Sentences such as `workflow orders: version 2 is in force`.
    pub changes: Vec<String>,
    /// What is wrong, as a compiler would print it.
    pub reports: Vec<String>,
    pub errors: usize,
}

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

/// Reads one file; a file that isn't UTF-8 is told from one that can't be read.
pub fn read_file(path: &Path) -> FileText {
    let text = std::fs::read(path).map_err(|error| format!("can't be read: {error}"));
    let text = text.and_then(|bytes| String::from_utf8(bytes).map_err(|error| format!("is not UTF-8: {error}")));
    FileText { name: path.display().to_string(), text }
}

/// What checking some files found.
pub struct CheckedFiles {
    /// Name, digest of the text, and content of each file without errors.
    pub bundles: Vec<(String, String, Bundle)>,
    /// What is wrong, rendered.
    pub reports: Vec<(Severity, String)>,
}

/// Checks files together.
pub fn check_files(files: &[FileText], known: &Known<'_>) -> CheckedFiles {
    let sources: Vec<Source<'_>> =
        files.iter().filter_map(|file| file.text.as_ref().ok().map(|text| Source { file: &file.name, text })).collect();
    let unreadable = files.iter().filter_map(|file| {
        let reason = file.text.as_ref().err()?;
        Some((Severity::Error, format!("error: `{}` {reason}", file.name)))
    });
    let mut reports: Vec<(Severity, String)> = unreadable.collect();
    let checked = check(&sources, known);
    let render = |diagnostic: &Diagnostic| {
        let text = sources.iter().find(|source| source.file == diagnostic.file).map(|source| source.text);
        (diagnostic.severity, diagnostic.render(text))
    };
    reports.extend(checked.diagnostics.iter().map(render));
    let named = sources.iter().zip(checked.bundles);
    let bundles = named.filter_map(|(source, bundle)| {
        Some((source.file.to_owned(), hex::encode(super::digest(source.text)), bundle?))
    });
    CheckedFiles { bundles: bundles.collect(), reports }
}

/// Puts what the files declare in force.
pub async fn load(files: &[FileText], catalog: &Catalog, org: Id) -> Result<Loaded, FilesError> {
    let CheckedFiles { bundles, reports } = check_files(files, &catalog.snapshot().known(org));
    let errors = reports.iter().filter(|(severity, _)| *severity == Severity::Error).count();
    let mut loaded =
        Loaded { changes: Vec::new(), reports: reports.into_iter().map(|(_, text)| text).collect(), errors };
    let bundles = std::sync::Arc::new(bundles);
    loaded.changes = catalog
        .change(move |session| {
            let mut changes = Vec::new();
            for (file, digest, bundle) in bundles.iter() {
                if session.file_digest(org, file)?.as_ref() != Some(digest) {
                    save_bundle(session, org, file, bundle, &mut changes)?;
                    let now = session.now();
                    session.put_file_digest(org, file, digest, now)?;
                }
            }
            Ok(changes)
        })
        .await?;
    Ok(loaded)
}

/// Saves what a file declares; sentences on what that changed are added to `changes`.
pub fn save_bundle(
    session: &mut dyn crate::store::Session,
    org: Id,
    file: &str,
    bundle: &Bundle,
    changes: &mut Vec<String>,
) -> Result<(), StoreError> {
    for draft in &bundle.hooks {
        let (hook, saved) = save_hook(session, org, draft)?;
        changes.extend(sentence(saved, &format!("{} hook {}", hook.kind, hook.name)));
    }
    for draft in &bundle.klasses {
        let (klass, saved) = save_klass(session, org, draft)?;
        changes.extend(sentence(saved, &format!("klass {}", klass.name)));
    }
    for draft in &bundle.workflows {
        let (workflow, saved) = save_workflow_file(session, org, draft, file)?;
        let next = schedules::upcoming(&workflow, session.now(), 3).iter().map(ToString::to_string).collect::<Vec<_>>();
        let next = if next.is_empty() { String::new() } else { format!("; it runs next at {}", next.join(", ")) };
        let version = format!("workflow {}: version {} is in force{next}", workflow.name, workflow.version);
        changes.extend((saved != Saved::Unchanged).then_some(version));
    }
    Ok(())
}

fn sentence(saved: Saved, what: &str) -> Option<String> {
    match saved {
        Saved::Created => Some(format!("{what}: created")),
        Saved::Changed => Some(format!("{what}: changed")),
        Saved::Unchanged => None,
    }
}

/// Loads the folder if its files changed since they were `loaded`, which then has what they say now.
///
/// # Errors
/// If the folder can't be read or its content can't be stored; then `loaded` stays, so that the next call tries again.
pub async fn reload(folder: &Path, loaded: &mut Vec<FileText>, catalog: &Catalog, org: Id) -> Result<(), FilesError> {
    let files = read_folder(folder)?;
    if files == *loaded {
        return Ok(());
    }
    for gone in loaded.iter().filter(|file| !files.iter().any(|present| present.name == file.name)) {
        log::warn!(file = gone.name.as_str(); "the file is gone; what it declared stays in force until it is deleted");
    }
    report(&load(&files, catalog, org).await?);
    *loaded = files;
    Ok(())
}

/// Logs what loading did.
pub fn report(loaded: &Loaded) {
    loaded.changes.iter().for_each(|change| log::info!("{change}"));
    loaded.reports.iter().for_each(|report| log::warn!("{report}"));
    if loaded.errors > 0 {
        log::error!(errors = loaded.errors; "files with errors were not loaded; what they declared before stays in force");
    }
}
