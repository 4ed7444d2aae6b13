//! Where rehearsals take place: workflow files on a database.

use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::play::{Rehearsed, play};
use super::{RehearsalError, Script};
use crate::catalog::Snapshot;
use crate::catalog::files::{CheckedFiles, FileText, check_files};
use crate::config::Database;
use crate::serve::{OpenError, open_store};
use crate::store::{Store, StoreError};
use crate::workflow::{Bundle, Severity};

/// Files that declare workflows, and a database.
pub struct Stage {
    store: Store,
    runtime: Runtime,
    bundles: Arc<Vec<(String, Bundle)>>,
    /// Goes when the stage goes, after the store.
    _folder: Option<TempDir>,
}

/// Why there is no stage.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    #[error("the workflow files have errors:\n\n{0}")]
    Files(String),
    #[error("a database for the rehearsal can't be made")]
    Folder(#[source] std::io::Error),
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl Stage {
    /// A stage with these files. Without a database it has an empty one of its own.
    ///
    /// # Errors
    /// [`StageError`]; files with errors are told as `hookflow check` tells them.
    pub fn open(files: &[FileText], database: Option<&Database>) -> Result<Stage, StageError> {
        let CheckedFiles { bundles, reports } = check_files(files, &Snapshot::known_to_nobody());
        let errors = reports.iter().filter(|(severity, _)| *severity == Severity::Error);
        let errors: Vec<&str> = errors.map(|(_, report)| report.trim_end()).collect();
        if !errors.is_empty() {
            return Err(StageError::Files(errors.join("\n\n")));
        }
        let (store, folder) = match database {
            Some(database) => (open_store(database)?, None),
            None => {
                let folder = TempDir::with_prefix("hookflow-rehearsal-").map_err(StageError::Folder)?;
                let file = crate::config::DatabaseUrl::Sqlite(folder.path().join("rehearsal.db").display().to_string());
                (open_store(&file.into())?, Some(folder))
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let bundles = bundles.into_iter().map(|(name, _, bundle)| (name, bundle)).collect();
        Ok(Stage { store, runtime: runtime.map_err(StageError::Folder)?, bundles: Arc::new(bundles), _folder: folder })
    }

    /// Rehearses; whatever it does to the database is taken back.
    ///
    /// # Errors
    /// [`RehearsalError`]. A run that fails is none.
    pub fn rehearse(&self, script: &Script) -> Result<Rehearsed, RehearsalError> {
        let outcome: Arc<Mutex<Option<Result<Rehearsed, RehearsalError>>>> = Arc::default();
        let (noted, bundles, script) = (outcome.clone(), self.bundles.clone(), script.clone());
        let done = self.runtime.block_on(self.store.write(move |session| -> Result<(), StoreError> {
            let played = play(session, &bundles, &script);
            *noted.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(played);
            Err(StoreError::Rehearsed)
        }));
        let outcome = outcome.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        match (outcome, done) {
            (Some(outcome), Err(StoreError::Rehearsed)) => outcome,
            (_, Err(error)) => Err(error.into()),
            (None, Ok(())) | (Some(_), Ok(())) => Err(StoreError::Closed.into()),
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.store.close();
    }
}
