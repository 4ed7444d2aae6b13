//! The environment of dry runs: workflow files and a database.

use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::execute::{DryRun, execute};
use super::{DryRunError, Script};
use crate::actions;
use crate::catalog::files::FileText;
use crate::catalog::load::{CheckedFiles, check_files};
use crate::config::Database;
use crate::store::{DatabaseUrl, OpenError, Store, StoreError};
use crate::workflow::{Bundle, KnownNames, Severity};

/// Files that declare workflows, and a database.
pub struct Runner {
    store: Store,
    runtime: Runtime,
    bundles: Arc<Vec<(String, Bundle)>>,
    /// Deleted when the runner is dropped, after the store is closed.
    _folder: Option<TempDir>,
}

/// Why a runner can't be created.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    #[error("the workflow files have errors:\n\n{0}")]
    Files(String),
    #[error("can't create a temporary database")]
    Folder(#[source] std::io::Error),
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl Runner {
    /// A runner for these files, on a database, or else on an empty temporary one.
    ///
    /// # Errors
    /// [`RunnerError`], with errors in files as `hookflow check` shows them.
    pub fn open(files: &[FileText], database: Option<&Database>) -> Result<Runner, RunnerError> {
        let CheckedFiles { files: checked, reports } = check_files(files, &actions::known(KnownNames::default()));
        let errors = reports.iter().filter(|(severity, _)| *severity == Severity::Error);
        let errors: Vec<&str> = errors.map(|(_, report)| report.trim_end()).collect();
        if !errors.is_empty() {
            return Err(RunnerError::Files(errors.join("\n\n")));
        }
        let (store, folder) = match database {
            Some(database) => (database.open()?, None),
            None => {
                let folder = TempDir::with_prefix("hookflow-dry-run-").map_err(RunnerError::Folder)?;
                let file = DatabaseUrl::Sqlite(folder.path().join("dry-run.db").display().to_string());
                (Database::from(file).open()?, Some(folder))
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let bundles = checked.into_iter().map(|file| (file.name, file.bundle)).collect();
        Ok(Runner {
            store,
            runtime: runtime.map_err(RunnerError::Folder)?,
            bundles: Arc::new(bundles),
            _folder: folder,
        })
    }

    /// Executes a dry run, and rolls its changes back.
    ///
    /// # Errors
    /// [`DryRunError`]. A failed run is not an error.
    pub fn dry_run(&self, script: &Script) -> Result<DryRun, DryRunError> {
        let outcome: Arc<Mutex<Option<Result<DryRun, DryRunError>>>> = Arc::default();
        let (result, bundles, script) = (outcome.clone(), self.bundles.clone(), script.clone());
        let done = self.runtime.block_on(self.store.write(move |session| -> Result<(), StoreError> {
            let dry_run = execute(session, &bundles, &script);
            *result.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(dry_run);
            Err(StoreError::DryRun)
        }));
        let outcome = outcome.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        match (outcome, done) {
            (Some(outcome), Err(StoreError::DryRun)) => outcome,
            (_, Err(error)) => Err(error.into()),
            (None, Ok(())) | (Some(_), Ok(())) => Err(StoreError::Closed.into()),
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.store.close();
    }
}
