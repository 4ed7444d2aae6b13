//! What each job of the list does: mostly one call of the room that the work belongs to.

use std::future::pending;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;

use super::{JobResult, Scheduler, Work, list};
use crate::base::file_watch::FolderWatcher;
use crate::base::id::Id;
use crate::catalog::files::{self, Files};
use crate::catalog::{Catalog, schedules};
use crate::door::{Door, forget_seen_keys};
use crate::listen::tls::Tls;
use crate::store::{Health, Store, StoreChanges, StoreError};

/// Starts all jobs for which there is something to do.
pub fn start(door: &Door, files: Option<WorkflowFiles>, tls: Option<Tls>) -> Scheduler {
    let (store, catalog, door) = (door.store.clone(), door.catalog.clone(), door.clone());
    let leading = store.clone();
    let mut jobs = Scheduler::new(move || leading.is_leader());
    jobs.start(&list::RELOAD_CATALOG, ReloadCatalog::new(catalog.clone(), store.changes()));
    if let Some(files) = files {
        jobs.start(&list::RELOAD_FILES, ReloadFiles { files, catalog: catalog.clone(), is_fresh: true });
    }
    if let Some(tls) = tls {
        jobs.start(&list::RELOAD_CERTIFICATE, ReloadCertificate::new(tls));
    }
    let (scheduled, engine) = (store.clone(), door.engine.clone());
    jobs.start(&list::START_SCHEDULED_RUNS, move || {
        let (store, catalog, engine) = (scheduled.clone(), catalog.clone(), engine.clone());
        async move { Ok(schedules::look(&store, &catalog, &engine).await?) }
    });
    let (refusals, written_to) = (door.refusals.clone(), store.clone());
    jobs.start(&list::WRITE_REFUSALS, move || {
        let (refusals, store) = (refusals.clone(), written_to.clone());
        async move { Ok(refusals.write(&store).await.map(|()| None)?) }
    });
    jobs.start(&list::FORGET_SEEN_KEYS, move || {
        let door = door.clone();
        async move { Ok(forget_seen_keys(&door).await?.then_some(Duration::ZERO)) }
    });
    if store.is_partitioned() {
        let partitioned = store.clone();
        jobs.start(&list::TEND_PARTITIONS, move || {
            let store = partitioned.clone();
            async move { Ok(store.tend_partitions().await.map(|()| None)?) }
        });
    }
    jobs.start(&list::PROBE_FULL_DISK, move || probe_full_disk(store.clone()));
    jobs
}

/// Writes something while the disk is full: only a write shows that there is space again, and while hooks are refused
/// nothing else writes.
async fn probe_full_disk(store: Store) -> JobResult {
    if store.health() == Health::DiskFull {
        match store.write(|session| session.touch()).await {
            Ok(()) | Err(StoreError::DiskFull) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

struct ReloadCatalog {
    catalog: Catalog,
    changes: watch::Receiver<StoreChanges>,
    /// The revision that was reported last.
    revision: i64,
}

impl ReloadCatalog {
    fn new(catalog: Catalog, changes: watch::Receiver<StoreChanges>) -> ReloadCatalog {
        ReloadCatalog { catalog, changes, revision: 0 }
    }
}

impl Work for ReloadCatalog {
    async fn run(&mut self) -> JobResult {
        self.catalog.refresh().await?;
        Ok(None)
    }

    async fn changed(&mut self) {
        let Self { catalog, changes, revision } = self;
        tokio::select! {
            () = catalog.outdated() => {}
            () = changed_revision(changes, revision) => {}
        }
    }
}

/// Waits until the store reports another revision of the catalog; forever once the store is closed.
async fn changed_revision(changes: &mut watch::Receiver<StoreChanges>, revision: &mut i64) {
    while changes.changed().await.is_ok() {
        let reported = changes.borrow_and_update().catalog;
        if std::mem::replace(revision, reported) != reported {
            return;
        }
    }
    pending().await
}

/// The folder of workflow files, as it was last loaded.
pub struct WorkflowFiles {
    pub folder: PathBuf,
    pub org: Id,
    pub loaded: Files,
    /// Made before the files were loaded.
    pub watcher: Option<FolderWatcher>,
}

impl WorkflowFiles {
    /// Watches the folder, if that is possible.
    pub fn watch(folder: &Path) -> Option<FolderWatcher> {
        watch([folder], "the folder can't be watched; changes are loaded at the next start")
    }
}

struct ReloadFiles {
    files: WorkflowFiles,
    catalog: Catalog,
    /// Whether the files were loaded a moment ago, so that the run that each job has at start has nothing to do.
    is_fresh: bool,
}

impl Work for ReloadFiles {
    async fn run(&mut self) -> JobResult {
        if std::mem::take(&mut self.is_fresh) {
            return Ok(None);
        }
        let WorkflowFiles { folder, org, loaded, .. } = &mut self.files;
        files::reload(folder, loaded, &self.catalog, *org).await?;
        Ok(None)
    }

    async fn changed(&mut self) {
        changed(&mut self.files.watcher).await;
    }
}

struct ReloadCertificate {
    tls: Tls,
    watcher: Option<FolderWatcher>,
}

impl ReloadCertificate {
    fn new(tls: Tls) -> ReloadCertificate {
        let watcher =
            watch(tls.folders(), "the certificate's folder can't be watched; the files are read once a minute");
        ReloadCertificate { tls, watcher }
    }
}

impl Work for ReloadCertificate {
    async fn run(&mut self) -> JobResult {
        self.tls.reload()?;
        Ok(None)
    }

    async fn changed(&mut self) {
        changed(&mut self.watcher).await;
    }
}

/// Watches folders. If that fails, logs what that means.
fn watch<'a>(folders: impl IntoIterator<Item = &'a Path>, failure: &str) -> Option<FolderWatcher> {
    FolderWatcher::new(folders).inspect_err(|error| log::warn!(err:% = error; "{failure}")).ok()
}

/// Waits for a change; forever if none can be noticed.
async fn changed(watcher: &mut Option<FolderWatcher>) {
    match watcher {
        Some(watcher) => watcher.changed().await,
        None => pending().await,
    }
}
