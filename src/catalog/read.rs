//! From the database to a [`Snapshot`]: everything at the start, and after that what changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::snapshot::{HookInForce, Snapshot, WorkflowSummary};
use super::{hook_secrets, variables};
use crate::base::id::Id;
use crate::engine::compile;
use crate::hook::{HookKind, Settings};
use crate::secrets::vault::Vault;
use crate::signature::Gate;
use crate::store::{
    CatalogEntry, EntryKind, Hook, HookSecret, Key, Session, Status, StoreError, StoreResult, WorkflowRecord,
};

/// The whole catalog as a transaction sees it. Takes the compiled workflows over from `before`, where they are the same.
pub(super) fn read_all(session: &mut dyn Session, before: &Snapshot, vault: &Vault) -> StoreResult<Snapshot> {
    let mut snapshot = Snapshot::new(vault.clone());
    snapshot.revision = session.catalog_revision()?;
    for org in session.orgs()? {
        let id = org.id;
        snapshot.put_org(org);
        session.keys(id)?.into_iter().try_for_each(|key| put_key(&mut snapshot, key))?;
        session.klasses(id)?.into_iter().for_each(|klass| snapshot.put_klass(id, Arc::new(klass)));
        for workflow in session.workflows(id)? {
            put_workflow(&mut snapshot, before, workflow)?;
        }
        for variable in session.variables(id)?.into_iter().filter_map(|variable| variables::open(vault, variable)) {
            snapshot.put_variable(id, variable);
        }
        let mut secrets = session.hook_secrets(id)?.into_iter().fold(
            std::collections::HashMap::<Id, Vec<HookSecret>>::new(),
            |mut by_hook, secret| {
                by_hook.entry(secret.hook).or_default().push(secret);
                by_hook
            },
        );
        for hook in session.hooks(id)? {
            let secrets = secrets.remove(&hook.id).unwrap_or_default();
            put_hook(&mut snapshot, vault, hook, &secrets);
        }
    }
    Ok(snapshot)
}

/// The snapshot with everything that changed since then as a transaction sees it; `None` if nothing did.
pub(super) fn read_changes(
    session: &mut dyn Session,
    before: &Snapshot,
    vault: &Vault,
) -> StoreResult<Option<Snapshot>> {
    let changes = session.catalog_changes(before.revision)?;
    if changes.revision == before.revision {
        return Ok(None);
    }
    let Some(entries) = changes.entries else { return read_all(session, before, vault).map(Some) };
    let mut snapshot = before.clone();
    snapshot.revision = changes.revision;
    // Hooks know their listeners, so they come last.
    let mut hooks = BTreeSet::new();
    for CatalogEntry { org, kind, key } in entries {
        if kind == EntryKind::Klass {
            session.klass(org, &key)?.into_iter().for_each(|klass| snapshot.put_klass(org, klass));
            continue;
        }
        let corrupt = |detail: String| StoreError::Corrupt { what: "a change of the catalog", detail };
        let id: Id = key.parse().map_err(|error: crate::base::id::InvalidId| corrupt(error.to_string()))?;
        match kind {
            EntryKind::Org => session.org(org)?.into_iter().for_each(|org| snapshot.put_org(org)),
            EntryKind::Key => match session.key(org, id)? {
                Some(key) => put_key(&mut snapshot, key)?,
                None => snapshot.remove_key(org, id),
            },
            EntryKind::Workflow => {
                hooks.extend(hooks_of_workflow(&snapshot, org, id));
                match session.workflow(org, id)?.filter(|workflow| workflow.status != Status::Deleted) {
                    Some(workflow) => put_workflow(&mut snapshot, before, workflow)?,
                    None => snapshot.remove_workflow(org, id),
                }
                hooks.extend(hooks_of_workflow(&snapshot, org, id));
            }
            EntryKind::Variable => {
                match session.variable(org, id)?.and_then(|variable| variables::open(vault, variable)) {
                    Some(variable) => snapshot.put_variable(org, variable),
                    None => snapshot.remove_variable(org, id),
                }
            }
            EntryKind::Hook => drop(hooks.insert((org, id))),
            EntryKind::Klass => {}
        }
    }
    for (org, id) in hooks {
        if let Some(hook) = session.hook(org, id)? {
            let secrets = session.secrets_of_hook(org, id)?;
            put_hook(&mut snapshot, vault, hook, &secrets);
        }
    }
    Ok(Some(snapshot))
}

fn put_key(snapshot: &mut Snapshot, key: Key) -> StoreResult<()> {
    let mut digest = [0; 32];
    let readable = hex::decode_to_slice(&key.hash, &mut digest);
    readable.map_err(|error| StoreError::Corrupt { what: "a key's hash", detail: error.to_string() })?;
    snapshot.put_key(key, digest);
    Ok(())
}

/// A workflow that does not compile is not in effect. This is logged and shown with the workflow; the others must keep
/// running.
fn put_workflow(snapshot: &mut Snapshot, before: &Snapshot, workflow: WorkflowRecord) -> StoreResult<()> {
    let WorkflowRecord { id, org, name, version, status, document, file, .. } = workflow;
    let program = (status == Status::Enabled).then(|| match before.in_force().program(org, id, version) {
        Some(program) => Ok(program.clone()),
        None => compile((id, version), &document),
    });
    let (program, problem) = match program {
        Some(Ok(program)) => (Some(program), None),
        Some(Err(error)) => {
            log::error!(workflow = name.as_str(), err:% = error; "the workflow is not in effect");
            (None, Some(error.to_string()))
        }
        None => (None, None),
    };
    let digest = Sha256::digest(document.to_string()).into();
    snapshot.put_workflow(org, WorkflowSummary { id, name, version, status, file, digest, problem }, program.as_ref());
    Ok(())
}

/// Puts a hook in place as the door uses it. One whose settings this version can't read, such as those of a newer version,
/// refuses everything.
fn put_hook(snapshot: &mut Snapshot, vault: &Vault, hook: Hook, secrets: &[HookSecret]) {
    let events = hook.event_names();
    let listeners = events.iter().flat_map(|event| snapshot.in_force().listeners(hook.org, event)).cloned().collect();
    let [event, _] = events;
    let event = event.into();
    let hook = match Settings::read(hook.kind, &hook.settings) {
        Ok(settings) => {
            let gate = hook_secrets::gate(vault, &hook, &settings.verification, secrets);
            HookInForce { hook, event, settings, gate, listeners, problem: None }
        }
        Err(problems) => {
            let problem =
                problems.first().map(|problem| format!("{}: {}", problem.pointer, problem.message)).unwrap_or_default();
            log::error!(hook = hook.name.as_str(), err = problem.as_str(); "the hook's settings can't be read; it refuses everything");
            let settings = Settings::default_for(hook.kind);
            HookInForce { hook, event, settings, gate: Gate::Closed, listeners, problem: Some(problem) }
        }
    };
    snapshot.put_hook(hook);
}

/// The hook whose requests start a workflow, if there is one.
fn hooks_of_workflow(snapshot: &Snapshot, org: Id, workflow: Id) -> Option<(Id, Id)> {
    let event = snapshot.in_force().event_of(org, workflow)?;
    let (kind, name) = event.strip_prefix("hooks.")?.strip_suffix(".receive")?.split_once('.')?;
    let kind: HookKind = kind.parse().ok()?;
    let by_id = || snapshot.hook(org, name.parse().ok()?).filter(|hook| hook.hook.kind == kind);
    let hook = snapshot.hook_by_name(org, kind, name).or_else(by_id)?;
    Some((org, hook.hook.id))
}
