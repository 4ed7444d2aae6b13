//! Runs, and the events that start them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::words::words;
use crate::base::id::Id;
use crate::base::time::Timestamp;

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
    /// The stored event, if the event is not a transaction, or an admin has mended the transaction's envelope.
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
    /// When the engine must continue the run at the latest; `None` once it has ended.
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

/// Which runs to list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunFilter {
    pub workflow: Option<Id>,
    pub status: Option<RunStatus>,
}

words!(
    RunStatus,
    "queued" = RunStatus::Queued,
    "running" = RunStatus::Running,
    "waiting" = RunStatus::Waiting,
    "completed" = RunStatus::Completed,
    "failed" = RunStatus::Failed,
    "cancelled" = RunStatus::Cancelled,
);
