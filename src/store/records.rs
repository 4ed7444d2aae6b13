//! The rows that are not objects: orgs, keys, hooks, workflows and runs.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::hook::{HookKind, RawSettings};

/// A tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct Org {
    pub id: Id,
    pub name: String,
    pub created_at: Timestamp,
}

/// What the holder of an API key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub enum Role {
    /// Everything.
    #[serde(rename = "org.admin")]
    Admin,
    /// Read everything.
    #[serde(rename = "org.read")]
    Read,
    /// Post to hooks that require a key.
    #[serde(rename = "org.hooks")]
    Hooks,
}

/// An API key; the key itself is not stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub id: Id,
    pub org: Id,
    pub name: String,
    pub role: Role,
    /// SHA-256 of the key, in hex.
    pub hash: String,
    pub created_at: Timestamp,
}

/// Whether a hook or workflow is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Enabled,
    Disabled,
    /// Kept because transactions and runs refer to it, but no longer visible.
    Deleted,
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

/// An address that outsiders post to.
#[derive(Clone, Debug, PartialEq)]
pub struct Hook {
    pub id: Id,
    pub org: Id,
    pub kind: HookKind,
    pub name: String,
    pub title: String,
    pub description: Option<String>,
    /// The 64 hex characters that make the address unguessable.
    pub hash: String,
    pub status: Status,
    /// The hook's settings, as [`crate::hook::Settings::read`] takes them.
    pub settings: RawSettings,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A secret that the senders of a hook sign with.
#[derive(Clone, Debug, PartialEq)]
pub struct HookSecret {
    pub id: Id,
    pub org: Id,
    pub hook: Id,
    /// The value as [`crate::secrets::vault::Vault`] has sealed it.
    pub sealed: String,
    pub created_at: Timestamp,
}

/// A key by which a hook recognizes a request that it has received before.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenKey {
    pub org: Id,
    pub hook: Id,
    /// SHA-256 of the key, in hex.
    pub key_digest: String,
    /// The transaction of the request, if the request is the first with this key.
    pub transaction: Id,
    pub at: Timestamp,
    /// From then on, a request with the same key counts as new.
    pub expires_at: Timestamp,
}

/// How often a request came again, and when it last did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duplicates {
    pub count: i64,
    pub last_at: Timestamp,
}

impl Hook {
    /// The names of the event that a transaction on this hook raises: by the hook's name, and by its id.
    pub fn event_names(&self) -> [String; 2] {
        [format!("hooks.{}.{}.receive", self.kind, self.name), format!("hooks.{}.{}.receive", self.kind, self.id)]
    }
}

/// How many requests a hook refused for one reason.
#[derive(Clone, Debug, PartialEq)]
pub struct RefusalCount {
    pub reason: String,
    pub count: i64,
    pub last_at: Timestamp,
}

/// Details of a request that a hook refused.
#[derive(Clone, Debug, PartialEq)]
pub struct RefusedRequest {
    pub id: Id,
    pub org: Id,
    pub hook: Id,
    pub created_at: Timestamp,
    /// The code of the reason, and the message that the sender got.
    pub reason: String,
    pub detail: String,
    pub method: String,
    /// Without the secret of the hook's address.
    pub path: String,
    /// Secrets masked, as in the headers.
    pub query: Option<String>,
    /// By name, in lower case.
    pub headers: Vec<(String, String)>,
    /// The address that sent it.
    pub peer: Option<String>,
    /// The value of the request's `Content-Length` header.
    pub content_length: Option<i64>,
    /// The first bytes of the body.
    pub body: Vec<u8>,
}

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

/// An event that is stored with its payload, because workflows listen for it and it is no transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRecord {
    pub id: Id,
    pub org: Id,
    pub name: String,
    pub at: Timestamp,
    /// The run whose step raised it; none if it came from outside.
    pub run: Option<Id>,
    pub payload: Value,
}

/// Where a run is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Accepted, but not started.
    Queued,
    /// Between two steps, with an external call under way.
    Running,
    /// Between two steps, waiting for a time or an event.
    Waiting,
    Completed,
    Failed,
    Cancelled,
}

impl RunStatus {
    /// Whether the run has not ended.
    pub fn is_open(self) -> bool {
        matches!(self, RunStatus::Queued | RunStatus::Running | RunStatus::Waiting)
    }
}

/// Where and why a run failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunError {
    /// Stable, in snake_case: `action_failed`, `step_limit`, …
    pub code: String,
    /// The step that it failed at, and that step's action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    pub message: String,
    /// Each problem, with its pointer into the step's params.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<crate::objects::Problem>,
}

impl RunError {
    /// A failure that the workflow did not cause.
    pub fn engine(message: &str) -> RunError {
        let (code, message) = ("engine_error".to_owned(), message.to_owned());
        RunError { code, step: None, action: None, message, problems: Vec::new() }
    }
}

/// The lane of an open run whose workflow limits how many of its runs execute at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// Shared by all runs that take turns: 32 hex characters from a hash of the workflow and the key.
    pub id: String,
    /// How many runs may have a turn when this one is to start.
    pub limit: i64,
    pub turn: Turn,
}

/// A run's place in its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The run has not entered the lane: it starts at a later time.
    Later,
    /// The run has entered the lane in this transaction, as the n-th arrival, and gets its place when the transaction
    /// ends.
    Comes(i64),
    /// The run waits behind those with lower numbers.
    Waits(i64),
    /// The run has its turn.
    Has,
}

/// One execution of one version of one workflow for one event.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub id: Id,
    pub org: Id,
    pub workflow: Id,
    pub workflow_name: String,
    pub version: i64,
    /// The name of the event that started it.
    pub event: String,
    /// The transaction whose envelope is the event's payload.
    pub transaction: Option<Id>,
    /// The stored event, if the event is not a transaction.
    pub event_id: Option<Id>,
    /// The event's payload, if the run was created before events were stored.
    pub input: Option<Value>,
    pub replay_of: Option<Id>,
    /// The run that started it, if one did.
    pub parent: Option<Id>,
    /// The event that everything began with, if it is not the run's own event; see [`Run::root`].
    pub root: Option<Id>,
    /// The number of runs between it and the event from outside.
    pub depth: i64,
    /// The output of a called workflow; set once the run has completed.
    pub output: Option<Value>,
    pub status: RunStatus,
    /// The next step; `None` before the trigger was evaluated, and after the end.
    pub position: Option<String>,
    /// The number of executed steps.
    pub steps: i64,
    /// What the step at `position` waits for, in the engine's own form.
    pub pending: Option<Value>,
    pub error: Option<RunError>,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// When the engine has to look at it next; `None` once it has ended.
    pub due_at: Option<Timestamp>,
    /// Whether the process that wrote it continues it at once. While that process lives, no other one claims the run.
    pub held: bool,
    /// Incremented by every write and every claim. Guards every write of the run: the fencing token.
    pub rev: i64,
    /// `None` once it has ended, or if its workflow has no limit.
    pub lane: Option<Lane>,
}

/// How a run ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    Completed,
    Failed(RunError),
    Cancelled,
}

impl Run {
    /// Ends the run. Only this function does: a run has ended if, and only if, it is not due at any time; then it has
    /// `finished_at`, no process holds it, and it waits for nothing.
    pub fn end(&mut self, ending: Ending, now: Timestamp) {
        (self.status, self.error) = match ending {
            Ending::Completed => (RunStatus::Completed, None),
            Ending::Failed(error) => (RunStatus::Failed, Some(error)),
            Ending::Cancelled => (RunStatus::Cancelled, None),
        };
        self.position = None;
        self.pending = None;
        self.finished_at = Some(now);
        self.due_at = None;
        self.held = false;
    }

    /// The event that everything began with: a transaction, another event from outside, or a replay. The runs that
    /// descend from one root share a budget.
    pub fn root(&self) -> Id {
        self.root.or(self.transaction).or(self.event_id).unwrap_or(self.id)
    }

    /// Whether it has entered its lane and does not have its turn.
    pub fn waits_in_lane(&self) -> bool {
        self.lane.as_ref().is_some_and(|lane| matches!(lane.turn, Turn::Comes(_) | Turn::Waits(_)))
    }
}

/// What kind of thing an entry of the catalog is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    Org,
    Key,
    /// A hook, its secrets included.
    Hook,
    Klass,
    Workflow,
    Variable,
}

/// An entry of the catalog: something that an admin sets up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CatalogEntry {
    pub org: Id,
    pub kind: EntryKind,
    /// The name of a klass, the id of anything else.
    pub key: String,
}

/// What happened to the catalog after some revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogChanges {
    /// The revision up to which this tells.
    pub revision: i64,
    /// The entries that were added, changed or deleted; `None` if the log does not reach back that far or is too long,
    /// and the whole catalog has to be read.
    pub entries: Option<BTreeSet<CatalogEntry>>,
}

/// Which runs to list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunFilter {
    pub workflow: Option<Id>,
    pub status: Option<RunStatus>,
}

/// A page of a list, newest first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Page {
    /// Only entries older than this one.
    pub after: Option<Id>,
    /// The maximum number of entries.
    pub size: i64,
}

impl Page {
    /// The id below which the page starts.
    pub fn below(&self) -> Id {
        self.after.unwrap_or(Id::MAX)
    }
}

macro_rules! spelt {
    ($type:ty, $($text:literal = $variant:path),+ $(,)?) => {
        impl $type {
            /// The value as text.
            pub fn as_str(self) -> &'static str {
                match self { $($variant => $text),+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok($variant),)+
                    _ => Err(format!("`{text}` is none of {}", [$($text),+].join(", "))),
                }
            }
        }
    };
}

spelt!(Role, "org.admin" = Role::Admin, "org.read" = Role::Read, "org.hooks" = Role::Hooks);
spelt!(Status, "enabled" = Status::Enabled, "disabled" = Status::Disabled, "deleted" = Status::Deleted);
spelt!(
    EntryKind,
    "org" = EntryKind::Org,
    "key" = EntryKind::Key,
    "hook" = EntryKind::Hook,
    "klass" = EntryKind::Klass,
    "workflow" = EntryKind::Workflow,
    "variable" = EntryKind::Variable,
);
spelt!(
    RunStatus,
    "queued" = RunStatus::Queued,
    "running" = RunStatus::Running,
    "waiting" = RunStatus::Waiting,
    "completed" = RunStatus::Completed,
    "failed" = RunStatus::Failed,
    "cancelled" = RunStatus::Cancelled,
);
