//! Loads files: puts their declarations into effect.
//!
//! All files are checked together, because one can use klasses and hooks that another declares. A file with errors is
//! reported, and its earlier declarations stay in effect. So do the declarations of a file that is gone: deleting hooks
//! because of a mistyped folder name would cost orders. A file that is unchanged since it was last loaded is skipped,
//! even if its declarations were changed or deleted over HTTP since: the later change wins.
//!
//! Everything slow happens before a transaction begins: parsing, checking, and finding out which files changed and what
//! they change. The changes of a file are committed together. Small files share commits of up to [`SLICE_MAX`] changes,
//! so that hooks that arrive meanwhile do not wait for all files. Files that declare klasses go first, because runs of
//! other files' workflows may need them.

use std::collections::HashMap;
use std::sync::Arc;

use super::files::{FileText, Files, FilesError};
use super::save::{
    Saved, is_hook_saved, is_klass_saved, is_workflow_saved, save_hook, save_klass_of_file, save_workflow_of_file,
};
use super::snapshot::Snapshot;
use super::{Catalog, schedules};
use crate::base::id::Id;
use crate::store::{Session, StoreError, StoreResult};
use crate::workflow::{Bundle, Diagnostic, Known, Severity, Source, check};

/// The most changed declarations of a commit, unless one file has more.
const SLICE_MAX: usize = 256;

/// A file without errors.
pub struct CheckedFile {
    pub name: String,
    /// SHA-256 of the text, in hex.
    pub digest: String,
    pub bundle: Bundle,
}

/// The result of checking files.
pub struct CheckedFiles {
    pub files: Vec<CheckedFile>,
    /// The findings, rendered.
    pub reports: Vec<(Severity, String)>,
}

/// Files that share a commit.
type Slice = Arc<[CheckedFile]>;

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
    let texts: HashMap<&str, &str> = sources.iter().map(|source| (source.file, source.text)).collect();
    let render = |diagnostic: &Diagnostic| {
        (diagnostic.severity, diagnostic.render(texts.get(diagnostic.file.as_str()).copied()))
    };
    reports.extend(checked.diagnostics.iter().map(render));
    let files = sources.iter().zip(checked.bundles).filter_map(|(source, bundle)| {
        let (name, digest) = (source.file.to_owned(), hex::encode(super::digest(source.text)));
        Some(CheckedFile { name, digest, bundle: bundle? })
    });
    CheckedFiles { files: files.collect(), reports }
}

/// Puts the declarations of the files into effect. Logs the findings, and what each commit changed.
///
/// # Errors
/// Those of the store; earlier commits stay in effect.
pub async fn load(files: &Files, catalog: &Catalog, org: Id) -> Result<(), FilesError> {
    let digests = catalog.store.read(move |session| session.file_digests(org)).await?;
    let (files, snapshot) = (files.clone(), catalog.snapshot());
    let prepared = tokio::task::spawn_blocking(move || prepare(&files, &snapshot, org, &digests));
    let (slices, reports) = prepared.await.map_err(|failure| StoreError::Panicked(failure.to_string()))?;
    report(&reports);
    for slice in slices {
        let saved = catalog.change_knowing(move |session, snapshot| save_slice(session, snapshot, org, &slice));
        saved.await?.iter().for_each(|change| log::info!("{change}"));
    }
    Ok(())
}

/// Logs what is wrong, as a compiler would print it.
fn report(reports: &[(Severity, String)]) {
    reports.iter().for_each(|(_, report)| log::warn!("{report}"));
    let errors = reports.iter().filter(|(severity, _)| *severity == Severity::Error).count();
    if errors > 0 {
        log::error!(errors; "files with errors were not loaded; their earlier declarations stay in effect");
    }
}

/// Checks the files, and divides the changed ones into slices. Returns the findings, too.
fn prepare(
    files: &[FileText],
    snapshot: &Snapshot,
    org: Id,
    digests: &HashMap<String, String>,
) -> (Vec<Slice>, Vec<(Severity, String)>) {
    let CheckedFiles { mut files, reports } = check_files(files, &snapshot.known(org));
    files.retain(|file| digests.get(&file.name) != Some(&file.digest));
    files.sort_by_key(|file| file.bundle.klasses.is_empty());
    let (mut slices, mut slice, mut count) = (Vec::new(), Vec::new(), 0);
    for file in files {
        let changes = count_changes(&file, snapshot, org);
        if count + changes > SLICE_MAX && !slice.is_empty() {
            slices.push(std::mem::take(&mut slice).into());
            count = 0;
        }
        count += changes;
        slice.push(file);
    }
    slices.extend((!slice.is_empty()).then(|| slice.into()));
    (slices, reports)
}

/// Sentences such as `workflow orders: version 2 is in effect`, for each change.
fn save_slice(session: &mut dyn Session, snapshot: &Snapshot, org: Id, slice: &Slice) -> StoreResult<Vec<String>> {
    let mut changes = Vec::new();
    for CheckedFile { name, digest, bundle } in slice.iter() {
        // Another process may have loaded the file meanwhile.
        if session.file_digest(org, name)?.as_ref() != Some(digest) {
            save_bundle(session, snapshot, org, name, bundle, &mut changes)?;
            let now = session.now();
            session.put_file_digest(org, name, digest, now)?;
        }
    }
    Ok(changes)
}

/// The number of a file's declarations that would be written.
fn count_changes(CheckedFile { name, bundle, .. }: &CheckedFile, snapshot: &Snapshot, org: Id) -> usize {
    let hooks = bundle.hooks.iter().filter(|draft| !is_hook_saved(snapshot, org, draft));
    let klasses = bundle.klasses.iter().filter(|draft| !is_klass_saved(snapshot, org, draft));
    let workflows = bundle.workflows.iter().filter(|draft| !is_workflow_saved(snapshot, org, draft, name));
    hooks.count() + klasses.count() + workflows.count()
}

/// Saves what a file declares and is not in effect yet; `snapshot` is the catalog as the transaction sees it. Adds
/// sentences about the changes to `changes`.
pub fn save_bundle(
    session: &mut dyn Session,
    snapshot: &Snapshot,
    org: Id,
    file: &str,
    bundle: &Bundle,
    changes: &mut Vec<String>,
) -> StoreResult<()> {
    for draft in &bundle.hooks {
        let saved = save_hook(session, snapshot, org, draft)?;
        changes.extend(sentence(saved, &format!("{} hook {}", draft.kind, draft.name)));
    }
    for draft in &bundle.klasses {
        let saved = save_klass_of_file(session, snapshot, org, draft)?;
        changes.extend(sentence(saved, &format!("klass {}", draft.name)));
    }
    for draft in &bundle.workflows {
        if let Some(workflow) = save_workflow_of_file(session, snapshot, org, draft, file)? {
            let next = schedules::upcoming(&workflow, session.now(), 3);
            let next: Vec<String> = next.iter().map(ToString::to_string).collect();
            let next = if next.is_empty() { String::new() } else { format!("; it runs next at {}", next.join(", ")) };
            changes.push(format!("workflow {}: version {} is in effect{next}", workflow.name, workflow.version));
        }
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
