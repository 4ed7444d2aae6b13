//! What is in effect, in memory: hooks, workflows, klasses, variables and keys.
//!
//! The door answers from a [`Snapshot`], which never changes. A change is committed first, together with a log entry of
//! what it changed. Then [`Catalog::reload`] reads just that, and replaces the snapshot by a new one, which shares
//! everything else with the old one. Other processes on the same database do the same when they notice the new
//! revision. A request sees one snapshot or the other, never a mixture.

pub mod files;
pub mod hook_secrets;
pub mod keys;
pub mod load;
mod read;
mod save;
pub mod schedules;
mod snapshot;
pub mod variables;
mod versions;

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, Notify};

pub use save::{SaveError, Saved, create_hook, new_hash, save_klass, save_workflow, set_status};
pub use snapshot::{HookInForce, Snapshot, WorkflowSummary, digest};
pub use versions::{PublishError, publish, roll_back, save_draft};

use crate::engine::Programs;
use crate::events::{CurrentInForce, InForce};
use crate::secrets::vault::Vault;
use crate::store::{Session, Store, StoreResult};

/// A handle on the current snapshot; cheap to clone.
#[derive(Clone)]
pub struct Catalog {
    store: Store,
    programs: Programs,
    vault: Vault,
    snapshot: Arc<ArcSwap<Snapshot>>,
    /// Held while a snapshot is built, so that an older one never replaces a newer one.
    reloading: Arc<Mutex<()>>,
    /// Notified when a reload failed.
    outdated: Arc<Notify>,
}

impl Catalog {
    /// The catalog of a store.
    pub async fn open(store: Store, programs: Programs, vault: Vault) -> StoreResult<Catalog> {
        let (nothing, reading) = (Snapshot::new(vault.clone()), vault.clone());
        let snapshot = store.read(move |session| read::read_all(session, &nothing, &reading)).await?;
        programs.in_force().store(snapshot.in_force().clone());
        let snapshot = Arc::new(ArcSwap::from_pointee(snapshot));
        let (reloading, outdated) = (Arc::new(Mutex::new(())), Arc::default());
        Ok(Catalog { store, programs, vault, snapshot, reloading, outdated })
    }

    /// The compiled versions of workflows.
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// What is in effect now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// What starts runs now.
    pub fn in_force(&self) -> Arc<InForce> {
        self.programs.in_force().load()
    }

    /// A handle to what starts runs, at any later moment too.
    pub fn current_in_force(&self) -> CurrentInForce {
        self.programs.in_force().clone()
    }

    /// Seals the values of variables and the secrets of hooks.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Changes the catalog, and puts the change into effect. Changes are serialised, also across processes.
    pub async fn change<T, F>(&self, mut work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnMut(&mut dyn Session) -> StoreResult<T> + Send + 'static,
    {
        let changed = self.store.write(move |session| {
            session.change_catalog()?;
            work(session)
        });
        let changed = changed.await?;
        self.reload().await?;
        Ok(changed)
    }

    /// Reads the catalog from the database. What was read is in effect when this returns.
    pub async fn read<T, F>(&self, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Session) -> StoreResult<T> + Send + 'static,
    {
        let read = self.store.read(work).await?;
        self.reload().await?;
        Ok(read)
    }

    /// As [`Catalog::change`], with the catalog as the transaction sees it.
    pub(super) async fn change_knowing<T, F>(&self, mut work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnMut(&mut dyn Session, &Snapshot) -> StoreResult<T> + Send + 'static,
    {
        // Read as much as possible before the transaction.
        self.reload().await?;
        let (before, vault) = (self.snapshot(), self.vault.clone());
        self.change(move |session| {
            let present = read::read_changes(session, &before, &vault)?;
            work(session, present.as_ref().unwrap_or(&before))
        })
        .await
    }

    /// Puts committed changes into effect. If that fails, the job that waits for [`Catalog::outdated`] tries again
    /// until it succeeds: a revoked key must not stay valid because all readers were busy, or a table was locked, for a
    /// moment.
    ///
    /// # Errors
    /// Those of the store; then the committed changes are not in effect yet.
    pub async fn reload(&self) -> StoreResult<()> {
        let refreshed = self.refresh().await;
        if refreshed.is_err() {
            self.outdated.notify_one();
        }
        refreshed
    }

    /// Waits for a reload that fails.
    pub async fn outdated(&self) {
        self.outdated.notified().await;
    }

    /// Puts committed changes into effect. If that fails, the caller must try again.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn refresh(&self) -> StoreResult<()> {
        let _turn = self.reloading.lock().await;
        let (before, vault) = (self.snapshot(), self.vault.clone());
        let changed = self.store.read(move |session| read::read_changes(session, &before, &vault)).await?;
        if let Some(snapshot) = changed {
            self.programs.in_force().store(snapshot.in_force().clone());
            self.snapshot.store(Arc::new(snapshot));
        }
        Ok(())
    }
}

impl Snapshot {
    /// The whole catalog as a transaction sees it.
    pub fn read(session: &mut dyn Session, vault: &Vault) -> StoreResult<Snapshot> {
        read::read_all(session, &Snapshot::default(), vault)
    }
}
