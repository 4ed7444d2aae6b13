//! Writing hooks, klasses and workflows so that what was saved is what is declared.

use serde_json::Value;

use super::schedules;
use crate::base::id::{Id, random_bytes};
use crate::hook::{RawSettings, merge_settings};
use crate::objects::Klass;
use crate::objects::klass::KlassDraft;
use crate::store::{Hook, Session, Status, StoreResult, WorkflowRecord};
use crate::workflow::{HookDraft, WorkflowDraft};

/// What a save did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    Created,
    Changed,
    Unchanged,
}

/// Why something can't be saved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaveError {
    #[error("there is a workflow called `{0}` already")]
    NameTaken(String),
    #[error("there is no such workflow any more")]
    Missing,
}

/// A new secret for a hook's address: 64 hex characters, 256 bits from the system's secure source.
pub fn new_hash() -> String {
    hex::encode(random_bytes::<32>())
}

/// Makes the hook, or brings its title and description up to date. Its address stays, and so do the settings that
/// the draft does not name.
pub fn save_hook(session: &mut dyn Session, org: Id, draft: &HookDraft) -> StoreResult<(Hook, Saved)> {
    let present = session.hooks(org)?.into_iter().filter(|hook| hook.status != Status::Deleted);
    let same = present.into_iter().find(|hook| hook.kind == draft.kind && hook.name == draft.name);
    let now = session.now();
    let Some(mut hook) = same else {
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
        return Ok((hook, Saved::Created));
    };
    let settings = merge_settings(&hook.settings, &draft.settings);
    if hook.title == draft.title && hook.description == draft.description && hook.settings == settings {
        return Ok((hook, Saved::Unchanged));
    }
    hook.title = draft.title.clone();
    hook.description = draft.description.clone();
    hook.settings = settings;
    hook.updated_at = now;
    session.update_hook(&hook)?;
    Ok((hook, Saved::Changed))
}

/// Makes the klass, or replaces what the one of that name says.
pub fn save_klass(session: &mut dyn Session, org: Id, draft: &KlassDraft) -> StoreResult<(Klass, Saved)> {
    let now = session.now();
    let present = session.klass(org, &draft.name)?;
    let saved = match &present {
        None => Saved::Created,
        Some(klass) => {
            let same = klass.display_name == draft.display_name
                && klass.icon == draft.icon
                && klass.properties == draft.properties;
            if same { Saved::Unchanged } else { Saved::Changed }
        }
    };
    let (id, created_at) = match &present {
        Some(klass) => (klass.id, klass.created_at),
        None => (session.new_id(), now),
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
    if saved != Saved::Unchanged {
        session.put_klass(org, &klass)?;
    }
    Ok((klass, saved))
}

/// Saves a workflow that a file declares, by its name.
pub fn save_workflow_file(
    session: &mut dyn Session,
    org: Id,
    draft: &WorkflowDraft,
    file: &str,
) -> StoreResult<(WorkflowRecord, Saved)> {
    let origin = format!("file {file}");
    let mut present = session.workflows(org)?.into_iter();
    let Some(mut workflow) = present.find(|workflow| workflow.name == draft.workflow.name) else {
        let mut workflow = new_workflow(session, org, draft);
        workflow.file = Some(file.to_owned());
        insert_workflow(session, &workflow, &origin)?;
        return Ok((workflow, Saved::Created));
    };
    workflow.file = Some(file.to_owned());
    let saved = change_workflow(session, &mut workflow, draft, &origin)?;
    Ok((workflow, saved))
}

/// Saves a workflow that came over HTTP: a new one if `id` is none.
pub fn save_workflow(
    session: &mut dyn Session,
    org: Id,
    id: Option<Id>,
    draft: &WorkflowDraft,
) -> StoreResult<Result<(WorkflowRecord, Saved), SaveError>> {
    save_workflow_as(session, org, id, draft, "api")
}

/// The same, with what the version says of its origin.
pub(super) fn save_workflow_as(
    session: &mut dyn Session,
    org: Id,
    id: Option<Id>,
    draft: &WorkflowDraft,
    origin: &str,
) -> StoreResult<Result<(WorkflowRecord, Saved), SaveError>> {
    let mut present = session.workflows(org)?;
    let name = &draft.workflow.name;
    if present.iter().any(|workflow| workflow.name == *name && Some(workflow.id) != id) {
        return Ok(Err(SaveError::NameTaken(name.clone())));
    }
    let same = id.and_then(|id| present.iter().position(|workflow| workflow.id == id));
    if id.is_some() && same.is_none() {
        return Ok(Err(SaveError::Missing));
    }
    let Some(mut workflow) = same.map(|index| present.swap_remove(index)) else {
        let workflow = new_workflow(session, org, draft);
        insert_workflow(session, &workflow, origin)?;
        return Ok(Ok((workflow, Saved::Created)));
    };
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

/// Puts the document in force as a new version, unless it is the one in force already.
fn change_workflow(
    session: &mut dyn Session,
    workflow: &mut WorkflowRecord,
    draft: &WorkflowDraft,
    origin: &str,
) -> StoreResult<Saved> {
    let saved = if workflow.document == draft.document { Saved::Unchanged } else { Saved::Changed };
    if saved == Saved::Changed {
        let newest = session.workflow_versions(workflow.org, workflow.id, i64::MAX, 1)?;
        workflow.version = newest.first().map_or(workflow.version, |version| version.version) + 1;
        workflow.document = draft.document.clone();
        workflow.name = draft.workflow.name.clone();
        workflow.updated_at = session.now();
    }
    // A document that does not say whether it is enabled leaves that to the admin.
    if let Some(Value::Bool(enabled)) = draft.document.get("enabled") {
        workflow.status = if *enabled { Status::Enabled } else { Status::Disabled };
    }
    session.update_workflow(workflow, origin)?;
    schedules::settle(session, workflow)?;
    Ok(saved)
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
        // Secrets that nobody can use any more are not kept.
        let variables = session.variables(org)?.into_iter().filter(|variable| variable.workflow == Some(id));
        variables.map(|variable| variable.id).try_for_each(|id| session.delete_variable(org, id).map(|_| ()))?;
        session.delete_draft(org, id)?;
    }
    Ok(Some(workflow))
}
