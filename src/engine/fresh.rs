//! Runs that have just been made.

use std::sync::Arc;

use serde_json::Value;

use crate::expr::Scope;
use crate::id::Id;
use crate::store::{Run, RunStatus};
use crate::time::Timestamp;
use crate::workflow::Workflow;

/// A run with all that [`super::advance`] needs to carry it on.
pub struct Loaded {
    pub run: Run,
    pub workflow: Arc<Workflow>,
    pub scope: Scope,
    /// How often it has begun: more than once if it was begun anew after a failure.
    pub passes: u32,
}

impl Loaded {
    /// A run that has not begun, with the payload of its event.
    pub fn fresh(run: Run, workflow: Arc<Workflow>, payload: Value) -> Loaded {
        let scope = trigger_scope(&workflow, payload);
        Loaded { run, workflow, scope, passes: 0 }
    }
}

/// A scope with the event's payload: under the trigger's own id, and always under `1`.
pub(super) fn trigger_scope(workflow: &Workflow, payload: Value) -> Scope {
    let mut scope = Scope::new();
    if workflow.trigger.id != "1" {
        scope.set_step("1", payload.clone());
    }
    scope.set_step(&workflow.trigger.id, payload);
    scope
}

/// A queued run of `workflow` for an event that a transaction raised.
pub fn fresh_run(org: Id, workflow: (Id, i64, &Workflow), transaction: Option<Id>, event: &str, now: Timestamp) -> Run {
    let (id, version, workflow) = workflow;
    Run {
        id: Id::generate(),
        org,
        workflow: id,
        workflow_name: workflow.name.clone(),
        version,
        event: event.to_owned(),
        transaction,
        input: None,
        replay_of: None,
        status: RunStatus::Queued,
        position: None,
        steps: 0,
        pending: None,
        error: None,
        created_at: now,
        started_at: None,
        finished_at: None,
        due_at: Some(now),
        held: false,
        rev: 0,
    }
}

/// A queued run that does again what `original` did, with the same version of the workflow and the same payload.
pub fn replay_run(original: &Run, now: Timestamp) -> Run {
    Run {
        id: Id::generate(),
        replay_of: Some(original.id),
        status: RunStatus::Queued,
        position: None,
        steps: 0,
        pending: None,
        error: None,
        created_at: now,
        started_at: None,
        finished_at: None,
        due_at: Some(now),
        held: false,
        rev: 0,
        ..original.clone()
    }
}
