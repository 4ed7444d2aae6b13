//! What is in force: hooks, the workflows that listen to them, and keys, in memory.
//!
//! The door answers from a [`Snapshot`], which never changes; every change of hooks, workflows or keys is committed
//! first and then [`Catalog::reload`] puts a new snapshot in place of the old one. A request sees one snapshot or the
//! other, never a mixture.
//!
//! Limits: hooks are looked up by the SHA-256 of their address's secret, so that the time a look-up takes says nothing
//! about the secrets of others; API keys likewise.

pub mod files;
pub mod hook_secrets;
pub mod keys;
mod save;
pub mod schedules;
pub mod variables;
mod versions;

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::{Mutex, Notify};

pub use save::{SaveError, Saved, new_hash, save_hook, save_klass, save_workflow, set_status};
pub use versions::{PublishError, publish, roll_back, save_draft};

use crate::actions;
use crate::base::id::Id;
use crate::engine::Programs;
use crate::events::{CurrentInForce, InForce, Listener};
use crate::hook::Settings;
use crate::objects::Klass;
use crate::secrets::vault::Vault;
use crate::signature::Gate;
use crate::store::{Hook, HookSecret, Key, Org, Session, Status, Store, StoreError, StoreResult, WorkflowRecord};
use crate::workflow::Known;

/// A hook with the workflows that run when something arrives.
#[derive(Debug)]
pub struct HookInForce {
    pub hook: Hook,
    /// The name of the event that a transaction raises.
    pub event: Arc<str>,
    pub settings: Settings,
    /// What requests have to pass.
    pub gate: Gate,
    pub listeners: Vec<Listener>,
}

/// Everything in force at one moment.
#[derive(Default)]
pub struct Snapshot {
    pub orgs: Vec<Org>,
    pub hooks: Vec<Arc<HookInForce>>,
    pub workflows: Vec<WorkflowRecord>,
    pub klasses: Vec<(Id, Klass)>,
    /// What starts runs, and the variables.
    pub in_force: Arc<InForce>,
    hooks_by_hash: HashMap<[u8; 32], Arc<HookInForce>>,
    keys: Vec<([u8; 32], Key)>,
}

/// A handle on the snapshot in force; cheap to clone.
#[derive(Clone)]
pub struct Catalog {
    store: Store,
    programs: Programs,
    vault: Vault,
    snapshot: Arc<ArcSwap<Snapshot>>,
    /// That of the snapshot, for whatever knows no catalog.
    in_force: CurrentInForce,
    /// Held while a snapshot is made, so that an older one never replaces a newer one.
    reloading: Arc<Mutex<()>>,
    /// Rung when a reload failed.
    outdated: Arc<Notify>,
}

/// SHA-256 of a secret, which is what secrets are compared by.
pub fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

impl Catalog {
    /// A catalog of what the store holds.
    pub async fn open(store: Store, programs: Programs, vault: Vault) -> StoreResult<Catalog> {
        let snapshot = Arc::new(ArcSwap::from_pointee(Snapshot::default()));
        let (in_force, reloading) = (CurrentInForce::default(), Arc::new(Mutex::new(())));
        let outdated = Arc::default();
        let catalog = Catalog { store, programs, vault, snapshot, in_force, reloading, outdated };
        catalog.refresh().await?;
        Ok(catalog)
    }

    /// The compiled versions of workflows.
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// What is in force now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// What starts runs now.
    pub fn in_force(&self) -> Arc<InForce> {
        self.in_force.load()
    }

    /// Where to find what starts runs at any later moment.
    pub fn current_in_force(&self) -> CurrentInForce {
        self.in_force.clone()
    }

    /// Seals the values of variables and the secrets of hooks.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Changes what admins set up, one after the other also where several processes do, and puts it in force.
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

    /// Puts what has been committed in force. If that fails, the job that waits for [`Catalog::outdated`] tries again until
    /// it succeeds: a revoked key must not stay valid because all readers were busy, or a table was locked, for a moment.
    ///
    /// # Errors
    /// Those of the store; what was committed is not in force yet then.
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

    /// Puts what has been committed in force, or leaves it to the caller to try again.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn refresh(&self) -> StoreResult<()> {
        let _turn = self.reloading.lock().await;
        let (programs, vault) = (self.programs.clone(), self.vault.clone());
        let snapshot = self.store.read(move |session| read_snapshot(session, &programs, &vault)).await?;
        let in_force = snapshot.in_force.clone();
        self.snapshot.store(Arc::new(snapshot));
        self.in_force.store(in_force);
        Ok(())
    }
}

impl Snapshot {
    /// The hook whose address has this secret, deleted ones included.
    pub fn hook_by_hash(&self, hash: &str) -> Option<&Arc<HookInForce>> {
        self.hooks_by_hash.get(&digest(hash))
    }

    /// The hook with this id that is not deleted.
    pub fn hook(&self, org: Id, id: Id) -> Option<&Arc<HookInForce>> {
        self.hooks(org).find(|in_force| in_force.hook.id == id)
    }

    /// The hooks of an org that are not deleted, oldest first.
    pub fn hooks(&self, org: Id) -> impl DoubleEndedIterator<Item = &Arc<HookInForce>> {
        self.hooks.iter().filter(move |in_force| in_force.hook.org == org && in_force.hook.status != Status::Deleted)
    }

    /// The key that `secret` is, found without letting the time tell how near a guess was.
    pub fn key(&self, secret: &str) -> Option<&Key> {
        let presented = digest(secret);
        let matches = |stored: &[u8; 32]| bool::from(stored.ct_eq(&presented));
        self.keys.iter().filter(|(stored, _)| matches(stored)).map(|(_, key)| key).next_back()
    }

    /// What the checker knows without a server: the actions, and of variables not even whether there are any.
    pub fn known_to_nobody() -> Known<'static> {
        Known { variables: None, ..Snapshot::default().known(Id::MIN) }
    }

    /// What the checker has to know beside the documents it is given.
    pub fn known(&self, org: Id) -> Known<'static> {
        let variables = self.in_force.variables(org).iter();
        let klasses = self.klasses.iter().filter(|(owner, _)| *owner == org);
        Known {
            action: &actions::spec,
            action_names: actions::names(),
            klasses: klasses.map(|(_, klass)| (klass.name.clone(), klass.properties.clone())).collect(),
            hooks: self
                .hooks(org)
                .map(|in_force| &in_force.hook)
                .map(|hook| (hook.kind, hook.name.clone(), hook.id.to_string()))
                .collect(),
            variables: Some(variables.map(|variable| (variable.id.to_string(), variable.name.clone())).collect()),
        }
    }
}

/// Everything that is in force as a transaction sees it.
pub fn read_snapshot(session: &mut dyn Session, programs: &Programs, vault: &Vault) -> StoreResult<Snapshot> {
    let mut snapshot = Snapshot { orgs: session.orgs()?, ..Snapshot::default() };
    let mut in_force = InForce::new(vault.clone());
    for org in snapshot.orgs.clone() {
        snapshot.klasses.extend(session.klasses(org.id)?.into_iter().map(|klass| (org.id, klass)));
        let workflows = session.workflows(org.id)?;
        for workflow in &workflows {
            put_in_force(session, programs, &mut in_force, workflow)?;
        }
        snapshot.workflows.extend(workflows);
        in_force.org_mut(org.id).set_variables(variables::read(session, vault, org.id)?);
        let secrets = session.hook_secrets(org.id)?;
        for hook in session.hooks(org.id)? {
            let events = hook.event_names();
            let heard = events.iter().flat_map(|event| in_force.listeners(org.id, event)).cloned().collect();
            let hook = Arc::new(hook_in_force(vault, hook, heard, &secrets));
            snapshot.hooks_by_hash.insert(digest(&hook.hook.hash), hook.clone());
            snapshot.hooks.push(hook);
        }
        for key in session.keys(org.id)? {
            let mut hash = [0; 32];
            let readable = hex::decode_to_slice(&key.hash, &mut hash);
            readable.map_err(|error| StoreError::Corrupt { what: "a key's hash", detail: error.to_string() })?;
            snapshot.keys.push((hash, key));
        }
    }
    snapshot.in_force = Arc::new(in_force);
    Ok(snapshot)
}

/// The hook as the door goes by it. One whose settings this version can't read, such as those of a newer one, refuses
/// everything.
fn hook_in_force(vault: &Vault, hook: Hook, listeners: Vec<Listener>, secrets: &[HookSecret]) -> HookInForce {
    let [event, _] = hook.event_names();
    let event = event.into();
    match Settings::read(hook.kind, &hook.settings) {
        Ok(settings) => {
            let gate = hook_secrets::gate(vault, &hook, &settings.verification, secrets);
            HookInForce { hook, event, settings, gate, listeners }
        }
        Err(problems) => {
            let problem =
                problems.first().map(|problem| format!("{}: {}", problem.pointer, problem.message)).unwrap_or_default();
            log::error!(hook = hook.name.as_str(), err = problem.as_str(); "the hook's settings can't be read; it refuses everything");
            HookInForce { settings: Settings::default_for(hook.kind), hook, event, gate: Gate::Closed, listeners }
        }
    }
}

/// Puts a workflow in force if it is enabled. One that can't be compiled is left out, loudly: the others have to go on.
fn put_in_force(
    session: &mut dyn Session,
    programs: &Programs,
    in_force: &mut InForce,
    workflow: &WorkflowRecord,
) -> StoreResult<()> {
    if workflow.status != Status::Enabled {
        return Ok(());
    }
    match programs.get(session, workflow.org, workflow.id, workflow.version) {
        Ok(program) => {
            let org = in_force.org_mut(workflow.org);
            org.put_workflow(workflow.id, &workflow.name, workflow.version, &program);
            Ok(())
        }
        Err(error @ StoreError::Corrupt { .. }) => {
            log::error!(workflow = workflow.name.as_str(), err:% = error; "the workflow is not in force");
            Ok(())
        }
        Err(error) => Err(error),
    }
}
