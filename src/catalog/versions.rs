//! Publishes drafts and restores old versions.

use super::save::{SaveError, Saved, save_workflow_as};
use crate::base::id::Id;
use crate::store::{DraftRecord, Session, Status, StoreResult, WorkflowRecord};
use crate::workflow::WorkflowDraft;

/// Why a draft can't be published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    #[error(transparent)]
    Save(#[from] SaveError),
    #[error("the draft was changed or deleted meanwhile; check it again")]
    Changed,
    #[error(
        "version {now} has come into force since the draft was saved on version {base}; compare them, and save the draft again"
    )]
    Stale { base: i64, now: i64 },
}

/// Saves a checked document as a draft; `None` if there is no such workflow.
pub fn save_draft(
    session: &mut dyn Session,
    org: Id,
    workflow: Id,
    draft: &WorkflowDraft,
) -> StoreResult<Option<DraftRecord>> {
    let Some(record) = session.workflow(org, workflow)?.filter(|record| record.status != Status::Deleted) else {
        return Ok(None);
    };
    let draft = DraftRecord {
        org,
        workflow,
        document: draft.document.clone(),
        base_version: record.version,
        updated_at: session.now(),
    };
    session.put_draft(&draft)?;
    Ok(Some(draft))
}

/// Publishes a draft as a new version, and deletes the draft. `checked` is the draft as it was just checked.
pub fn publish(
    session: &mut dyn Session,
    org: Id,
    workflow: Id,
    checked: &WorkflowDraft,
) -> StoreResult<Result<(WorkflowRecord, Saved), PublishError>> {
    let Some(draft) = session.draft(org, workflow)?.filter(|draft| draft.document == checked.document) else {
        return Ok(Err(PublishError::Changed));
    };
    let Some(record) = session.workflow(org, workflow)? else { return Ok(Err(SaveError::Missing.into())) };
    if record.version != draft.base_version {
        return Ok(Err(PublishError::Stale { base: draft.base_version, now: record.version }));
    }
    let origin = format!("draft on version {}", draft.base_version);
    let saved = save_workflow_as(session, org, Some(workflow), checked, &origin)?;
    if saved.is_ok() {
        session.delete_draft(org, workflow)?;
    }
    Ok(saved.map_err(PublishError::Save))
}

/// Restores an old version as a new version.
pub fn roll_back(
    session: &mut dyn Session,
    org: Id,
    workflow: Id,
    version: i64,
    checked: &WorkflowDraft,
) -> StoreResult<Result<(WorkflowRecord, Saved), SaveError>> {
    save_workflow_as(session, org, Some(workflow), checked, &format!("rollback to version {version}"))
}
