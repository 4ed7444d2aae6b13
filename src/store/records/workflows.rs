//! Workflows, their versions, drafts, schedules and variables.

use serde_json::Value;

use super::Status;
use crate::base::id::Id;
use crate::base::time::Timestamp;

/// A workflow with its current version.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowRecord {
    pub id: Id,
    pub org: Id,
    pub name: String,
    pub version: i64,
    pub status: Status,
    /// The document of that version, as it was written.
    pub document: Value,
    /// The file that declared it, if one did.
    pub file: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// One immutable version of a workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowVersion {
    pub workflow: Id,
    pub version: i64,
    pub document: Value,
    /// Where it came from: `file workflows/orders.json` or `api`.
    pub origin: String,
    pub created_at: Timestamp,
}

/// The next version of a workflow, before it is published.
#[derive(Clone, Debug, PartialEq)]
pub struct DraftRecord {
    pub org: Id,
    pub workflow: Id,
    pub document: Value,
    /// The version that was current when the draft was saved.
    pub base_version: i64,
    pub updated_at: Timestamp,
}

/// When a scheduled workflow is due.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleRecord {
    pub org: Id,
    pub workflow: Id,
    /// The rule that `due_at` was computed from, to detect whether a new version changed it.
    pub rule: String,
    pub due_at: Timestamp,
    /// The due time of the latest run.
    pub last_at: Option<Timestamp>,
}

/// A variable of an org, or of one of its workflows. Its value is a secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    pub id: Id,
    pub org: Id,
    /// The only workflow that can use it; `None` if all workflows of the org can.
    pub workflow: Option<Id>,
    /// Unique within the org, or within the workflow.
    pub name: String,
    /// The value as [`crate::secrets::vault::Vault`] has sealed it.
    pub sealed: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}
