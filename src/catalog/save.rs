//! Saves hooks, klasses and workflows.

use super::schedules;
use super::snapshot::Snapshot;
use crate::base::id::{Id, random_bytes};
use crate::hook::{RawSettings, merge_settings};
use crate::objects::Klass;
use crate::objects::klass::KlassDraft;
use crate::store::{Hook, Session, Status, StoreResult, WorkflowRecord};
use crate::workflow::{HookDraft, WorkflowDraft};

/// The result of a save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    Created,
    Changed,
    Unchanged,
}

/// Why something can't be saved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaveError {
    #[error("a workflow named `{0}` already exists")]
    NameTaken(String),
    #[error("the workflow no longer exists")]
    Missing,
}

/// A new secret for a hook's address: 64 hex characters, 256 bits from the system's secure source.
pub fn new_hash() -> String {
    hex::encode(random_bytes::<32>())
}

/// Adds a hook; `None` if the org has one of this kind with this name.
pub fn create_hook(session: &mut dyn Session, org: Id, draft: &HookDraft) -> StoreResult<Option<Hook>> {
    match session.hook_by_name(org, draft.kind, &draft.name)? {
        Some(_) => Ok(None),
        None => insert_hook(session, org, draft).map(Some),
    }
}

/// Whether a file's hook is in effect as declared.
pub(super) fn is_hook_saved(snapshot: &Snapshot, org: Id, draft: &HookDraft) -> bool {
    snapshot.hook_by_name(org, draft.kind, &draft.name).is_some_and(|present| {
        let present = &present.hook;
        let settings = merge_settings(&present.settings, &draft.settings);
        present.title == draft.title && present.description == draft.description && present.settings == settings
    })
}

/// Creates the hook that a file declares, or updates the one with its name unless that is in effect as declared. Keeps the
/// address, and settings that the draft does not name.
pub(super) fn save_hook(
    session: &mut dyn Session,
    snapshot: &Snapshot,
    org: Id,
    draft: &HookDraft,
) -> StoreResult<Saved> {
    if is_hook_saved(snapshot, org, draft) {
        return Ok(Saved::Unchanged);
    }
    let Some(present) = snapshot.hook_by_name(org, draft.kind, &draft.name) else {
        return insert_hook(session, org, draft).map(|_| Saved::Created);
    };
    let settings = merge_settings(&present.hook.settings, &draft.settings);
    let (title, description) = (draft.title.clone(), draft.description.clone());
    let hook = Hook { title, description, settings, updated_at: session.now(), ..present.hook.clone() };
    session.update_hook(&hook)?;
    Ok(Saved::Changed)
}

fn insert_hook(session: &mut dyn Session, org: Id, draft: &HookDraft) -> StoreResult<Hook> {
    let now = session.now();
    let hook = Hook {
        id: session.new_id(),
        org,
        kind: draft.kind,
        name: draft.name.clone(),
        title: draft.title.clone(),
        description: draft.description.clone(),
        hash: new_hash(),
        status: Status::Enabled,
        settings: merge_settings(&RawSettings::new(), &draft.settings),
        created_at: now,
        updated_at: now,
    };
    session.insert_hook(&hook)?;
    Ok(hook)
}

/// Whether a file's klass is in effect as declared.
pub(super) fn is_klass_saved(snapshot: &Snapshot, org: Id, draft: &KlassDraft) -> bool {
    snapshot.klass(org, &draft.name).is_some_and(|present| is_same(present, draft))
}

fn is_same(klass: &Klass, draft: &KlassDraft) -> bool {
    klass.display_name == draft.display_name && klass.icon == draft.icon && klass.properties == draft.properties
}

/// Creates a klass, or replaces the one with its name.
pub fn save_klass(session: &mut dyn Session, org: Id, draft: &KlassDraft) -> StoreResult<(Klass, Saved)> {
    let present = session.klass(org, &draft.name)?;
    replace_klass(session, org, present.as_deref(), draft)
}

/// The same for a klass that a file declares.
pub(super) fn save_klass_of_file(
    session: &mut dyn Session,
    snapshot: &Snapshot,
    org: Id,
    draft: &KlassDraft,
) -> StoreResult<Saved> {
    let present = snapshot.klass(org, &draft.name).map(|klass| &**klass);
    replace_klass(session, org, present, draft).map(|(_, saved)| saved)
}

fn replace_klass(
    session: &mut dyn Session,
    org: Id,
    present: Option<&Klass>,
    draft: &KlassDraft,
) -> StoreResult<(Klass, Saved)> {
    let now = session.now();
    let (id, created_at, saved) = match present {
        None => (session.new_id(), now, Saved::Created),
        Some(klass) if is_same(klass, draft) => return Ok((klass.clone(), Saved::Unchanged)),
        Some(klass) => (klass.id, klass.created_at, Saved::Changed),
    };
    let klass = Klass {
        id,
        name: draft.name.clone(),
        display_name: draft.display_name.clone(),
        icon: draft.icon.clone(),
        properties: draft.properties.clone(),
        created_at,
        updated_at: now,
    };
    session.put_klass(org, &klass)?;
    Ok((klass, saved))
}

/// Whether a workflow that `file` declares is in effect as declared.
pub(super) fn is_workflow_saved(snapshot: &Snapshot, org: Id, draft: &WorkflowDraft, file: &str) -> bool {
    snapshot.workflow_by_name(org, &draft.workflow.name).is_some_and(|present| {
        present.digest == draft.digest
            && present.file.as_deref() == Some(file)
            && declared_status(draft).is_none_or(|status| status == present.status)
    })
}

/// Saves a workflow that a file declares, by its name, unless it is in effect as declared. Returns the workflow if it has a
/// new version.
pub(super) fn save_workflow_of_file(
    session: &mut dyn Session,
    snapshot: &Snapshot,
    org: Id,
    draft: &WorkflowDraft,
    file: &str,
) -> StoreResult<Option<WorkflowRecord>> {
    if is_workflow_saved(snapshot, org, draft, file) {
        return Ok(None);
    }
    let origin = format!("file {file}");
    let present = snapshot.workflow_by_name(org, &draft.workflow.name);
    let stored = present.map(|present| session.workflow(org, present.id)).transpose()?.flatten();
    let Some(stored) = stored else {
        let workflow = WorkflowRecord { file: Some(file.to_owned()), ..new_workflow(session, org, draft) };
        insert_workflow(session, &workflow, &origin)?;
        return Ok(Some(workflow));
    };
    let mut workflow = WorkflowRecord { file: Some(file.to_owned()), ..stored };
    let saved = change_workflow(session, &mut workflow, draft, &origin)?;
    Ok(Some(workflow).filter(|_| saved == Saved::Changed))
}

/// Saves a workflow over HTTP: a new one if `id` is `None`.
pub fn save_workflow(
    session: &mut dyn Session,
    org: Id,
    id: Option<Id>,
    draft: &WorkflowDraft,
) -> StoreResult<Result<(WorkflowRecord, Saved), SaveError>> {
    save_workflow_as(session, org, id, draft, "api")
}

/// The same, with the origin of the version.
pub(super) fn save_workflow_as(
    session: &mut dyn Session,
    org: Id,
    id: Option<Id>,
    draft: &WorkflowDraft,
    origin: &str,
) -> StoreResult<Result<(WorkflowRecord, Saved), SaveError>> {
    let name = &draft.workflow.name;
    if session.workflow_by_name(org, name)?.is_some_and(|present| Some(present.id) != id) {
        return Ok(Err(SaveError::NameTaken(name.clone())));
    }
    let Some(id) = id else {
        let workflow = new_workflow(session, org, draft);
        insert_workflow(session, &workflow, origin)?;
        return Ok(Ok((workflow, Saved::Created)));
    };
    let stored = session.workflow(org, id)?.filter(|present| present.status != Status::Deleted);
    let Some(mut workflow) = stored else { return Ok(Err(SaveError::Missing)) };
    let saved = change_workflow(session, &mut workflow, draft, origin)?;
    Ok(Ok((workflow, saved)))
}

fn new_workflow(session: &mut dyn Session, org: Id, draft: &WorkflowDraft) -> WorkflowRecord {
    let now = session.now();
    WorkflowRecord {
        id: session.new_id(),
        org,
        name: draft.workflow.name.clone(),
        version: 1,
        status: if draft.workflow.enabled { Status::Enabled } else { Status::Disabled },
        document: draft.document.clone(),
        file: None,
        created_at: now,
        updated_at: now,
    }
}

/// Puts the document into effect as a new version, unless it equals the current one.
fn change_workflow(
    session: &mut dyn Session,
    workflow: &mut WorkflowRecord,
    draft: &WorkflowDraft,
    origin: &str,
) -> StoreResult<Saved> {
    let saved = if workflow.document == draft.document { Saved::Unchanged } else { Saved::Changed };
    if saved == Saved::Changed {
        workflow.version = session.newest_version(workflow.org, workflow.id)?.max(workflow.version) + 1;
        workflow.document = draft.document.clone();
        workflow.name = draft.workflow.name.clone();
        workflow.updated_at = session.now();
    }
    workflow.status = declared_status(draft).unwrap_or(workflow.status);
    session.update_workflow(workflow, origin)?;
    schedules::settle(session, workflow)?;
    Ok(saved)
}

/// A document without `enabled` leaves the status as the admin set it.
fn declared_status(draft: &WorkflowDraft) -> Option<Status> {
    let enabled = draft.document.get("enabled")?.as_bool()?;
    Some(if enabled { Status::Enabled } else { Status::Disabled })
}

fn insert_workflow(session: &mut dyn Session, workflow: &WorkflowRecord, origin: &str) -> StoreResult<()> {
    session.insert_workflow(workflow, origin)?;
    schedules::settle(session, workflow)
}

/// Enables, disables or deletes a workflow, without a new version; `None` if there is none.
pub fn set_status(session: &mut dyn Session, org: Id, id: Id, status: Status) -> StoreResult<Option<WorkflowRecord>> {
    let Some(mut workflow) = session.workflow(org, id)?.filter(|found| found.status != Status::Deleted) else {
        return Ok(None);
    };
    workflow.status = status;
    workflow.updated_at = session.now();
    session.update_workflow(&workflow, "api")?;
    schedules::settle(session, &workflow)?;
    if status == Status::Deleted {
        // Delete secrets that can no longer be used.
        let variables = session.variables(org)?.into_iter().filter(|variable| variable.workflow == Some(id));
        variables.map(|variable| variable.id).try_for_each(|id| session.delete_variable(org, id).map(|_| ()))?;
        session.delete_draft(org, id)?;
    }
    Ok(Some(workflow))
}
