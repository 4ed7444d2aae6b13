//! `hookflow export DIR`: writes the state of a running server into files that `hookflow apply` can read.
//!
//! The same state yields the same files: everything is sorted by name, and documents are written as saved. Variables,
//! API keys and the addresses of hooks are not exported.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::plan::without_enabled;
use super::remote::{Remote, RemoteError};
use super::state::{Record, State};
use crate::catalog::files::{FilesError, TEST_ENDING, read_folder};
use crate::hook;

#[derive(Debug, clap::Args)]
pub struct Export {
    /// Folder to write to; created if missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Write even if the folder has other workflow files
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Why nothing was exported, or only a part.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error("`{0}` is not part of this export: choose an empty folder, delete the file, or use --force")]
    Other(String),
    #[error("`{}` cannot be written", path.display())]
    Write { path: PathBuf, source: std::io::Error },
}

impl Export {
    pub fn run(self) -> ExitCode {
        match self.export() {
            Ok(files) => {
                super::say(&format!("{} written\n", super::count(files, "file")));
                ExitCode::SUCCESS
            }
            Err(error) => super::fail(&error),
        }
    }

    fn export(&self) -> Result<usize, ExportError> {
        let files = files(&State::read(&self.remote.connect()?)?);
        let paths: Vec<PathBuf> = files.iter().map(|(name, _)| self.folder.join(name)).collect();
        if self.folder.is_dir() && !self.force {
            let other = read_folder(&self.folder)?.into_iter().find(|file| !paths.contains(&PathBuf::from(&file.name)));
            if let Some(other) = other {
                return Err(ExportError::Other(other.name));
            }
        }
        let write_error = |path: &PathBuf| {
            let path = path.clone();
            move |source| ExportError::Write { path, source }
        };
        std::fs::create_dir_all(&self.folder).map_err(write_error(&self.folder))?;
        for (path, (_, content)) in paths.iter().zip(&files) {
            std::fs::write(path, format!("{content:#}\n")).map_err(write_error(path))?;
        }
        Ok(files.len())
    }
}

/// The names and contents of the files.
fn files(state: &State) -> Vec<(String, Value)> {
    const HOOK: [(&str, &str); 4] =
        [("name", "name"), ("type", "kind"), ("title", "title"), ("description", "description")];
    const KLASS: [(&str, &str); 4] =
        [("name", "name"), ("displayName", "displayName"), ("icon", "icon"), ("properties", "properties")];
    let declarations = |records: &[Record], keys: &[(&str, &str)]| -> Vec<Value> {
        records.iter().map(|record| record.declaration(keys)).collect()
    };
    let hook: Vec<_> = HOOK.into_iter().chain(hook::SETTING_NAMES.map(|name| (name, name))).collect();
    let mut files = Vec::new();
    for (key, declared) in
        [("hooks", declarations(&state.hooks, &hook)), ("klasses", declarations(&state.klasses, &KLASS))]
    {
        if !declared.is_empty() {
            files.push((format!("{key}.json"), json!({ key: declared })));
        }
    }
    for record in &state.workflows {
        let name = free_name(&record.name, &files);
        files.push((name, workflow(record)));
    }
    files
}

/// The document as saved, with `enabled` set if the workflow's state differs.
fn workflow(record: &Record) -> Value {
    let document = &record.attributes["document"];
    if document.get("enabled").and_then(Value::as_bool).unwrap_or(true) == record.is_enabled() {
        return document.clone();
    }
    let mut document = without_enabled(document);
    document["enabled"] = json!(record.is_enabled());
    document
}

/// An unused file name for a workflow. Hidden files and test files would not be read back, so such names are changed.
fn free_name(name: &str, taken: &[(String, Value)]) -> String {
    let before = if name.starts_with('.') { "_" } else { "" };
    let after = if format!("{name}.json").ends_with(TEST_ENDING) { "_" } else { "" };
    let name = format!("{before}{name}{after}");
    let numbered = (2..).map(|number| format!("{name}-{number}.json"));
    // Some file systems ignore case.
    let is_taken = |candidate: &str| taken.iter().any(|(other, _)| other.eq_ignore_ascii_case(candidate));
    let mut candidates = std::iter::once(format!("{name}.json")).chain(numbered);
    candidates.find(|candidate| !is_taken(candidate)).unwrap_or_default()
}
