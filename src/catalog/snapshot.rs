//! The catalog at one moment, in memory.
//!
//! A [`Snapshot`] never changes once it is in use. A newer one is built from a copy, which shares every part with the
//! original until that part changes: a change costs one table of one org, not the installation.
//!
//! Hooks and API keys are found by the SHA-256 of their secret, so the time that a look-up takes reveals nothing about the
//! secrets of others.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use crate::actions;
use crate::base::id::Id;
use crate::events::{InForce, Listener, VariableInForce};
use crate::hook::{HookKind, Settings};
use crate::objects::Klass;
use crate::secrets::vault::Vault;
use crate::signature::Gate;
use crate::store::{Hook, Key, Org, Status};
use crate::workflow::{Known, KnownNames, Workflow};

/// SHA-256 of a secret or a document.
pub type Digest256 = [u8; 32];

/// SHA-256 of a secret, by which secrets are compared.
pub fn digest(secret: &str) -> Digest256 {
    Sha256::digest(secret.as_bytes()).into()
}

/// A hook with everything that its requests need.
#[derive(Debug)]
pub struct HookInForce {
    pub hook: Hook,
    /// The name of the event that a transaction raises.
    pub event: Arc<str>,
    pub settings: Settings,
    /// What requests must pass.
    pub gate: Gate,
    /// The workflows that listen for the hook's transactions. [`InForce`] has them too; with this copy, a request needs no
    /// further look-up. The reader of the catalog keeps both the same.
    pub listeners: Vec<Listener>,
    /// Why the hook refuses everything, if its stored settings can't be read.
    pub problem: Option<String>,
}

/// A workflow that is not deleted, without its document.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowSummary {
    pub id: Id,
    pub name: String,
    /// The current version.
    pub version: i64,
    pub status: Status,
    /// The file that declared it, if one did.
    pub file: Option<String>,
    /// SHA-256 of the document's text: equal digests mean equal documents.
    pub digest: Digest256,
    /// Why it is not in force although it is enabled, if its stored document can't be compiled.
    pub problem: Option<String>,
}

/// The catalog at one moment. A copy shares everything with the original until one of the two changes.
#[derive(Clone, Default)]
pub struct Snapshot {
    pub(super) revision: i64,
    orgs: BTreeMap<Id, Arc<OrgEntries>>,
    hooks_by_digest: Arc<HashMap<Digest256, Arc<HookInForce>>>,
    keys_by_digest: Arc<HashMap<Digest256, Arc<Key>>>,
    in_force: Arc<InForce>,
}

/// Everything of one org.
#[derive(Clone)]
struct OrgEntries {
    org: Org,
    /// The digests of the keys' secrets.
    keys: Arc<HashMap<Id, Digest256>>,
    klasses: Arc<BTreeMap<String, Arc<Klass>>>,
    workflows: Arc<Table<WorkflowSummary, Arc<str>>>,
    /// Deleted ones have no name.
    hooks: Arc<Table<HookInForce, (HookKind, Arc<str>)>>,
    /// The names for the checker, built on first use.
    known: OnceLock<Arc<KnownNames>>,
}

/// Entries by id, which is by age, and by name.
struct Table<T, N> {
    by_id: BTreeMap<Id, Arc<T>>,
    by_name: HashMap<N, Id>,
}

impl<T, N: Clone> Clone for Table<T, N> {
    fn clone(&self) -> Table<T, N> {
        Table { by_id: self.by_id.clone(), by_name: self.by_name.clone() }
    }
}

impl<T, N> Default for Table<T, N> {
    fn default() -> Table<T, N> {
        Table { by_id: BTreeMap::new(), by_name: HashMap::new() }
    }
}

impl OrgEntries {
    fn new(org: Org) -> OrgEntries {
        OrgEntries {
            org,
            keys: Arc::default(),
            klasses: Arc::default(),
            workflows: Arc::default(),
            hooks: Arc::default(),
            known: OnceLock::new(),
        }
    }
}

/// Queries.
impl Snapshot {
    /// An empty catalog.
    pub(super) fn new(vault: Vault) -> Snapshot {
        Snapshot { in_force: Arc::new(InForce::new(vault)), ..Snapshot::default() }
    }

    /// What starts runs, and the variables.
    pub fn in_force(&self) -> &Arc<InForce> {
        &self.in_force
    }

    /// All orgs, oldest first.
    pub fn orgs(&self) -> impl Iterator<Item = &Org> {
        self.orgs.values().map(|entries| &entries.org)
    }

    pub fn org(&self, org: Id) -> Option<&Org> {
        self.orgs.get(&org).map(|entries| &entries.org)
    }

    /// The hook whose address has this secret, deleted ones included.
    pub fn hook_by_hash(&self, hash: &str) -> Option<&Arc<HookInForce>> {
        self.hooks_by_digest.get(&digest(hash))
    }

    /// The hook with this id that is not deleted.
    pub fn hook(&self, org: Id, id: Id) -> Option<&Arc<HookInForce>> {
        self.orgs.get(&org)?.hooks.by_id.get(&id).filter(is_present)
    }

    /// The hook of this kind with this name that is not deleted.
    pub fn hook_by_name(&self, org: Id, kind: HookKind, name: &str) -> Option<&Arc<HookInForce>> {
        let hooks = &self.orgs.get(&org)?.hooks;
        hooks.by_id.get(hooks.by_name.get(&(kind, Arc::from(name)))?)
    }

    /// The hooks of an org that are not deleted, oldest first.
    pub fn hooks(&self, org: Id) -> impl DoubleEndedIterator<Item = &Arc<HookInForce>> {
        self.orgs.get(&org).into_iter().flat_map(|entries| entries.hooks.by_id.values()).filter(is_present)
    }

    /// The ids of the hooks of all orgs that are not deleted.
    pub fn hook_ids(&self) -> impl Iterator<Item = Id> {
        self.orgs.keys().flat_map(|org| self.hooks(*org)).map(|hook| hook.hook.id)
    }

    /// The workflows of an org, oldest first.
    pub fn workflows(&self, org: Id) -> impl DoubleEndedIterator<Item = &Arc<WorkflowSummary>> {
        self.orgs.get(&org).into_iter().flat_map(|entries| entries.workflows.by_id.values())
    }

    pub fn workflow(&self, org: Id, id: Id) -> Option<&Arc<WorkflowSummary>> {
        self.orgs.get(&org)?.workflows.by_id.get(&id)
    }

    pub fn workflow_by_name(&self, org: Id, name: &str) -> Option<&Arc<WorkflowSummary>> {
        let workflows = &self.orgs.get(&org)?.workflows;
        workflows.by_id.get(workflows.by_name.get(name)?)
    }

    /// The workflow with this id or, failing that, this name.
    pub fn find_workflow(&self, org: Id, id_or_name: &str) -> Option<&Arc<WorkflowSummary>> {
        let by_id = id_or_name.parse().ok().and_then(|id| self.workflow(org, id));
        by_id.or_else(|| self.workflow_by_name(org, id_or_name))
    }

    /// The klasses of an org, by name.
    pub fn klasses(&self, org: Id) -> impl Iterator<Item = &Arc<Klass>> {
        self.orgs.get(&org).into_iter().flat_map(|entries| entries.klasses.values())
    }

    pub fn klass(&self, org: Id, name: &str) -> Option<&Arc<Klass>> {
        self.orgs.get(&org)?.klasses.get(name)
    }

    /// The API key that `secret` is.
    pub fn key(&self, secret: &str) -> Option<&Arc<Key>> {
        self.keys_by_digest.get(&digest(secret))
    }

    /// The names that the checker needs in addition to the documents.
    pub fn known(&self, org: Id) -> Known<'static> {
        let names =
            self.orgs.get(&org).map(|entries| entries.known.get_or_init(|| Arc::new(self.known_names(entries))));
        actions::known(names.cloned().unwrap_or_default())
    }

    fn known_names(&self, entries: &OrgEntries) -> KnownNames {
        let mut names = KnownNames::default();
        let org = entries.org.id;
        names.klasses.extend(self.klasses(org).map(|klass| (klass.name.clone(), klass.properties.clone())));
        self.hooks(org)
            .map(|hook| &hook.hook)
            .for_each(|hook| names.add_hook(hook.kind, &hook.name, hook.id.to_string()));
        self.workflows(org).for_each(|workflow| names.add_workflow(&workflow.name, workflow.id.to_string()));
        let variables = self.in_force.variables(org);
        names.add_variables(variables.map(|variable| (variable.name.as_str(), variable.id.to_string())));
        names
    }
}

fn is_present(hook: &&Arc<HookInForce>) -> bool {
    hook.hook.status != Status::Deleted
}

/// Changes of a snapshot that is not in use yet. Entries of unknown orgs are ignored.
impl Snapshot {
    pub(super) fn put_org(&mut self, org: Org) {
        match self.orgs.get_mut(&org.id) {
            Some(entries) => Arc::make_mut(entries).org = org,
            None => drop(self.orgs.insert(org.id, Arc::new(OrgEntries::new(org)))),
        }
    }

    pub(super) fn put_key(&mut self, key: Key, digest: Digest256) {
        let Some(entries) = self.orgs.get_mut(&key.org) else { return };
        Arc::make_mut(&mut Arc::make_mut(entries).keys).insert(key.id, digest);
        Arc::make_mut(&mut self.keys_by_digest).insert(digest, Arc::new(key));
    }

    pub(super) fn remove_key(&mut self, org: Id, id: Id) {
        let Some(entries) = self.orgs.get_mut(&org).filter(|entries| entries.keys.contains_key(&id)) else { return };
        let digest = Arc::make_mut(&mut Arc::make_mut(entries).keys).remove(&id);
        digest.map(|digest| Arc::make_mut(&mut self.keys_by_digest).remove(&digest));
    }

    pub(super) fn put_klass(&mut self, org: Id, klass: Arc<Klass>) {
        let Some(entries) = self.orgs.get_mut(&org).map(Arc::make_mut) else { return };
        entries.known = OnceLock::new();
        Arc::make_mut(&mut entries.klasses).insert(klass.name.clone(), klass);
    }

    pub(super) fn put_hook(&mut self, hook: HookInForce) {
        let Some(entries) = self.orgs.get_mut(&hook.hook.org).map(Arc::make_mut) else { return };
        let name = |hook: &Hook| (hook.kind, Arc::from(hook.name.as_str()));
        let (table, by_digest) = (Arc::make_mut(&mut entries.hooks), Arc::make_mut(&mut self.hooks_by_digest));
        let before = table.by_id.get(&hook.hook.id);
        let is_same_name = |before: &Hook| before.name == hook.hook.name && before.status == hook.hook.status;
        if !before.is_some_and(|before| is_same_name(&before.hook)) {
            entries.known = OnceLock::new();
        }
        if let Some(before) = before {
            by_digest.remove(&digest(&before.hook.hash));
            // The name of a deleted hook may be that of another one by now.
            if table.by_name.get(&name(&before.hook)) == Some(&before.hook.id) {
                table.by_name.remove(&name(&before.hook));
            }
        }
        let hook = Arc::new(hook);
        if hook.hook.status != Status::Deleted {
            table.by_name.insert(name(&hook.hook), hook.hook.id);
        }
        by_digest.insert(digest(&hook.hook.hash), hook.clone());
        table.by_id.insert(hook.hook.id, hook);
    }

    /// Adds or replaces a workflow; without a program, it is not in effect.
    pub(super) fn put_workflow(&mut self, org: Id, workflow: WorkflowSummary, program: Option<&Arc<Workflow>>) {
        self.remove_workflow(org, workflow.id);
        let Some(entries) = self.orgs.get_mut(&org).map(Arc::make_mut) else { return };
        if let Some(program) = program {
            let in_force = Arc::make_mut(&mut self.in_force).org_mut(org);
            in_force.put_workflow(workflow.id, &workflow.name, workflow.version, program);
        }
        let table = Arc::make_mut(&mut entries.workflows);
        table.by_name.insert(Arc::from(workflow.name.as_str()), workflow.id);
        table.by_id.insert(workflow.id, Arc::new(workflow));
    }

    pub(super) fn remove_workflow(&mut self, org: Id, id: Id) {
        let Some(entries) = self.orgs.get_mut(&org) else { return };
        let Some(before) = entries.workflows.by_id.get(&id).cloned() else { return };
        let table = Arc::make_mut(&mut Arc::make_mut(entries).workflows);
        table.by_id.remove(&id);
        if table.by_name.get(before.name.as_str()) == Some(&id) {
            table.by_name.remove(before.name.as_str());
        }
        Arc::make_mut(&mut self.in_force).org_mut(org).remove_workflow(id);
    }

    pub(super) fn put_variable(&mut self, org: Id, variable: VariableInForce) {
        let Some(entries) = self.orgs.get_mut(&org).map(Arc::make_mut) else { return };
        entries.known = OnceLock::new();
        Arc::make_mut(&mut self.in_force).org_mut(org).put_variable(variable);
    }

    pub(super) fn remove_variable(&mut self, org: Id, id: Id) {
        let Some(entries) = self.orgs.get_mut(&org).map(Arc::make_mut) else { return };
        entries.known = OnceLock::new();
        Arc::make_mut(&mut self.in_force).org_mut(org).remove_variable(id);
    }
}
